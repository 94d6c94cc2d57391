/// What a mouse did, in cells.
package struct MouseEvent: Sendable, Equatable {
    package enum Kind: Sendable, CaseIterable { case press, drag, release, wheelUp, wheelDown }

    package var kind: Kind
    package var x: Int
    package var y: Int

    package init(_ kind: Kind, x: Int, y: Int) {
        self.kind = kind
        self.x = x
        self.y = y
    }
}
