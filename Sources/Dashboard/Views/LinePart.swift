import TUI

/// A part of a line that is left out, lowest weight first, where the line is too narrow for all.
struct LinePart {
    var spans: [Span]
    var weight: Int
    /// Stands at the right end of the line.
    var isRight = false
}

extension [LinePart] {
    /// Those that fit, with two blanks between parts; at least `least` stay.
    func fitting(_ width: Int, least: Int, _ canvas: Canvas) -> [LinePart] {
        var parts = self
        func used() -> Int { parts.reduce(2 * Swift.max(0, parts.count - 1)) { $0 + canvas.width($1.spans) } }
        while used() > width, parts.count > least,
            let lightest = parts.indices.min(by: { parts[$0].weight < parts[$1].weight })
        {
            parts.remove(at: lightest)
        }
        return parts
    }
}
