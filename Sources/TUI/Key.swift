/// A key as the dashboard understands it, whatever bytes the terminal sent.
package enum Key: Sendable, Hashable {
    case character(Character)
    case up, down, left, right
    case home, end, pageUp, pageDown
    case enter, escape, tab, backspace, delete
    /// Control with a letter, in lower case.
    case control(Character)
}

extension Key: ExpressibleByExtendedGraphemeClusterLiteral {
    package init(extendedGraphemeClusterLiteral character: Character) { self = .character(character) }
}
