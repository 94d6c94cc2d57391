import TUI

/// The latest messages, the newest at the bottom, with the step at which each was recorded.
struct LogPane {
    let messages: MessageLog

    func draw(_ canvas: inout Canvas, _ area: Area) {
        canvas.box(area, title: "Log", right: canvas.keyHints([("L", "all")]))
        let inner = area.inset()
        let lines = messages.entries.suffix(inner.height).flatMap { Self.lines(of: $0, inner.width - 2, canvas) }
        for (row, line) in lines.suffix(inner.height).enumerated() {
            canvas.put(inner.x + 1, inner.y + row, line, limit: inner.right)
        }
        if lines.isEmpty { canvas.putFitted(inner.x + 1, inner.y, "nothing so far", canvas.theme[.dim], width: 20) }
    }

    /// A message in as many lines as it needs.
    static func lines(of message: Message, _ width: Int, _ canvas: Canvas) -> [[Span]] {
        let step = message.step.map { "\($0)" } ?? ""
        let margin = String(repeating: " ", count: max(0, 6 - step.utf8.count)) + step + " "
        let (sign, role) = message.kind.look(canvas.glyphs)
        return wrapped(message.text, width - margin.utf8.count - 2, canvas.glyphs).enumerated().map { index, line in
            [
                Span(index == 0 ? margin : String(repeating: " ", count: margin.utf8.count), canvas.theme[.axis]),
                Span(index == 0 ? sign + " " : "  ", canvas.theme[role]), Span(line, canvas.theme[role]),
            ]
        }
    }
}
