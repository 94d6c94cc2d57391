import TUI

/// The help or the whole log, in a box over the panes.
struct OverlayView {
    let overlay: DialogState.Overlay
    let scroll: Int
    let messages: MessageLog
    let keys: KeyMap
    let available: Set<KeyCommand>

    func draw(_ canvas: inout Canvas, _ panes: Area) {
        let width = overlay == .help ? panes.width : min(100, panes.width - 6)
        let lines = overlay == .help ? helpLines(canvas) : messageLines(width, canvas)
        let content = overlay == .help ? lines.map { canvas.width($0) }.max() ?? 0 : width
        let height = min(lines.count + 2, panes.height)
        let size = min(panes.width - 2, content + 4)
        let area = Area(
            x: panes.x + (panes.width - size) / 2, y: panes.y + (panes.height - height) / 2, width: size, height: height
        )
        canvas.fill(area)
        let top = max(0, min(scroll, lines.count - (height - 2)))
        let more = lines.count > height - 2
        canvas.box(
            area, title: overlay == .help ? "Keys" : "Log",
            right: more ? [Span("\(top + height - 2)/\(lines.count)", canvas.theme[.dim])] : [])
        for row in 0..<max(0, min(height - 2, lines.count - top)) {
            canvas.put(area.x + 2, area.y + 1 + row, lines[top + row], limit: area.right - 2)
        }
    }

    private func messageLines(_ width: Int, _ canvas: Canvas) -> [[Span]] {
        let lines = messages.entries.reversed().flatMap { LogPane.lines(of: $0, width, canvas) }
        return lines.isEmpty ? [[Span("nothing so far", canvas.theme[.dim])]] : lines
    }

    private func helpLines(_ canvas: Canvas) -> [[Span]] {
        let theme = canvas.theme
        let labels = keyTable.map { keys.label($0, canvas.glyphs) }
        let column = (labels.map { canvas.width($0) }.max() ?? 0) + 2
        var lines: [[Span]] = []
        for (binding, label) in zip(keyTable, labels) where !label.isEmpty {
            // What does nothing here and now is there to be read, but not as bright.
            let works = binding.keys.contains { available.contains($0.1) }
            lines.append([
                Span(label + String(repeating: " ", count: column - canvas.width(label)), theme[works ? .key : .label]),
                Span(binding.long, theme[works ? .text : .dim]),
            ])
        }
        let box = canvas.glyphs.sign("[❄]", block: "[x]", ascii: "[x]")
        return lines + [
            [],
            [
                Span(box, theme[.frozen]), Span(" frozen  ", theme[.dim]), Span("[ ]", theme[.trainable]),
                Span(" trains  ", theme[.dim]), Span("[~]", theme[.partly]), Span(" partly  ", theme[.dim]),
                Span(canvas.isUnicode ? "[…]" : "[?]", theme[.pending]), Span(" asked for", theme[.dim]),
            ],
        ]
    }
}
