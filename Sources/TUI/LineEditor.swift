/// A line of text that is typed, edited at its end.
package struct LineEditor: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        case edited, submitted, cancelled
        /// Backspace in an empty line.
        case leftEmpty
        /// Not a key of the editor.
        case ignored
    }

    package var text: String

    /// Bytes of UTF-8; no name or command is longer.
    private static let limit = 200

    package init(_ text: String = "") { self.text = text }

    package mutating func handle(_ key: Key) -> Outcome {
        switch key {
        case .enter: return .submitted
        case .escape: return .cancelled
        case .backspace, .delete: return text.popLast() == nil ? .leftEmpty : .edited
        case .control("u"): text = ""
        case .character(let character):
            let isControl = character.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
            guard !isControl, text.utf8.count < Self.limit else { return .ignored }
            text.append(character)
        default: return .ignored
        }
        return .edited
    }

    /// Draws the line's end, where typing goes on, as far as there is room before `right`.
    package func draw(_ canvas: inout Canvas, _ x: Int, _ y: Int, right: Int) {
        var shown = TUI.glyphs(of: text, canvas.glyphs)
        var used = shown.reduce(0) { $0 + $1.width }
        while used > max(1, right - x - 1), !shown.isEmpty { used -= shown.removeFirst().width }
        let end = canvas.put(x, y, shown.map(\.text).joined(), canvas.theme[.title], limit: right)
        canvas.put(end, y, canvas.glyphs.sign("▏", block: "_", ascii: "_"), canvas.theme[.key])
    }
}
