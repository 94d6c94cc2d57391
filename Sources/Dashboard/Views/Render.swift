import TUI
import Support

/// The screen for a state: a header, the layers at the left, the charts at the right, a line for messages, the keys.
///
/// What there is no room for is left out in the order that `Layout` says. Below 60×15 a line has the essentials.
package func render(_ state: DashboardState, theme: Theme, width: Int, height: Int) -> Frame {
    // A terminal that claims more than this is not one; memory stays bounded.
    let width = max(0, min(width, 2000))
    let height = max(0, min(height, 1000))
    var canvas = Canvas(width: width, height: height, theme: theme, glyphs: state.glyphs)
    guard let layout = state.layout(width: width, height: height) else {
        state.drawEssentials(&canvas)
        return canvas.finished
    }
    state.drawHeader(&canvas)
    state.drawLayers(&canvas, layout.layers)
    state.drawRight(&canvas, layout.right)
    if let log = layout.log { state.drawLog(&canvas, log) }
    state.drawOverlay(&canvas, layout.panes)
    state.drawHealth(&canvas, y: layout.status - layout.health, rows: layout.health)
    state.drawStatus(&canvas, y: layout.status)
    state.drawFooter(&canvas, y: layout.footer)
    state.drawCandidates(&canvas, above: layout.status)
    return canvas.finished
}

extension DashboardState {
    func drawEssentials(_ canvas: inout Canvas) {
        let theme = canvas.theme
        let width = canvas.frame.width
        var spans: [Span] = []
        if isStopping, !jobEnded {
            spans.append(Span("stopping  ", theme[.pending]))
        } else if let pauseReason {
            spans.append(Span("paused\(pauseReason.suffix)  ", theme[pauseReason.isFailure ? .error : .pending]))
        }
        if let lastStep {
            spans += [
                Span("step ", theme[.dim]), Span("\(lastStep.step)", theme[.text]), Span("  loss ", theme[.dim]),
                Span(Numbers.fixed(lastStep.loss, 3), lastStep.loss.isFinite ? theme[.text] : theme[.error]),
                Span("  ", theme[.dim]), Span(Numbers.percent(lastStep.accuracy), theme[.text]),
                Span("  ", theme[.dim]),
            ]
        } else {
            spans.append(Span(phaseIsOver ? "finished  " : "starting  ", theme[.dim]))
        }
        spans += [Span("q", theme[.key]), Span(" quit  ", theme[.label])]
        let times = canvas.isUnicode ? "×" : "x"
        spans.append(Span("panes need \(leastWidth)\(times)\(leastHeight)", theme[.dim]))
        canvas.put(0, 0, spans, limit: width)
    }

    func drawOverlay(_ canvas: inout Canvas, _ panes: Area) {
        guard let overlay else { return }
        let theme = canvas.theme
        var lines: [[Span]] = []
        var title = "Keys"
        var width = 0
        switch overlay {
        case .help:
            let labels = keyTable.map { keys.label($0, glyphs) }
            let column = (labels.map { canvas.width($0) }.max() ?? 0) + 2
            for (binding, label) in zip(keyTable, labels) where !label.isEmpty {
                // What does nothing here and now is there to be read, but not as bright.
                let works = binding.keys.contains { isAvailable($0.1) }
                lines.append([
                    Span(
                        label + String(repeating: " ", count: column - canvas.width(label)),
                        theme[works ? .key : .label]),
                    Span(binding.long, theme[works ? .text : .dim]),
                ])
            }
            lines.append([])
            let box = canvas.glyphs.sign("[❄]", block: "[x]", ascii: "[x]")
            lines.append([
                Span(box, theme[.frozen]), Span(" frozen  ", theme[.dim]), Span("[ ]", theme[.trainable]),
                Span(" trains  ", theme[.dim]), Span("[~]", theme[.partly]), Span(" partly  ", theme[.dim]),
                Span(canvas.isUnicode ? "[…]" : "[?]", theme[.pending]), Span(" asked for", theme[.dim]),
            ])
            width = lines.map { $0.reduce(0) { $0 + canvas.width($1.text) } }.max() ?? 0
        case .messages:
            title = "Log"
            width = min(100, panes.width - 6)
            for message in messages.reversed() { lines += logLines(of: message, width, canvas) }
            if lines.isEmpty { lines = [[Span("nothing so far", theme[.dim])]] }
        }
        let height = min(lines.count + 2, panes.height)
        let size = min(panes.width - 2, width + 4)
        let area = Area(
            x: panes.x + (panes.width - size) / 2, y: panes.y + (panes.height - height) / 2, width: size, height: height
        )
        canvas.fill(area)
        let top = max(0, min(overlayScroll, lines.count - (height - 2)))
        let more = lines.count > height - 2
        canvas.box(
            area, title: title,
            right: more ? [Span("\(top + height - 2)/\(lines.count)", theme[.dim])] : [])
        for row in 0..<max(0, min(height - 2, lines.count - top)) {
            canvas.put(area.x + 2, area.y + 1 + row, lines[top + row], limit: area.right - 2)
        }
    }
}
