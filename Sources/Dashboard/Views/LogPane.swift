import TUI

extension DashboardState {
    /// How much of the log is in sight.
    enum LogView: Sendable, Equatable { case hidden, pane }

    /// The latest messages, the newest at the bottom, with the step at which each was said.
    func drawLog(_ canvas: inout Canvas, _ area: Area) {
        canvas.box(area, title: "Log", right: [Span("L", canvas.theme[.key]), Span(" all", canvas.theme[.label])])
        let inner = area.inset()
        var lines: [[Span]] = []
        for message in messages.suffix(inner.height) { lines += logLines(of: message, inner.width - 2, canvas) }
        for (row, line) in lines.suffix(inner.height).enumerated() {
            canvas.put(inner.x + 1, inner.y + row, line, limit: inner.right)
        }
        if messages.isEmpty { canvas.putFitted(inner.x + 1, inner.y, "nothing so far", canvas.theme[.dim], width: 20) }
    }

    /// A message in as many lines as it needs.
    func logLines(of message: Message, _ width: Int, _ canvas: Canvas) -> [[Span]] {
        let step = message.step.map { "\($0)" } ?? ""
        let margin = String(repeating: " ", count: max(0, 6 - step.utf8.count)) + step + " "
        let (sign, role) = message.kind.look(glyphs)
        return wrapped(message.text, width - margin.utf8.count - 2, glyphs).enumerated().map { index, line in
            [
                Span(index == 0 ? margin : String(repeating: " ", count: margin.utf8.count), canvas.theme[.axis]),
                Span(index == 0 ? sign + " " : "  ", canvas.theme[role]), Span(line, canvas.theme[role]),
            ]
        }
    }
}

extension DashboardState.Message.Kind {
    /// The sign before a message, and its colour.
    func look(_ glyphs: GlyphSet) -> (sign: String, role: Role) {
        switch self {
        case .notice: (glyphs.isUnicode ? "·" : "-", .notice)
        case .success: (glyphs.sign("✓", block: "+", ascii: "+"), .success)
        case .warning: ("!", .warning)
        case .error: (glyphs.sign("✗", block: "X", ascii: "X"), .error)
        }
    }
}
