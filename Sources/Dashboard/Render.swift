import TrainingEvents

/// The least terminal that holds the panes.
package let leastWidth = 60
package let leastHeight = 15

/// The screen for a state: a header, the layers at the left, the charts at the right, a line for messages, the keys.
///
/// A chart needs six rows. Where there are too few the gradient norms go first, then the accuracy, then the loss. Below
/// 60×15 a line says so, with the step and the loss.
public func render(_ state: DashboardState, theme: Theme, width: Int, height: Int) -> Frame {
    // A terminal that claims more than this is not one; memory stays bounded.
    let width = max(0, min(width, 2000))
    let height = max(0, min(height, 1000))
    var canvas = Canvas(width: width, height: height, theme: theme, glyphs: state.glyphs)
    if width < leastWidth || height < leastHeight {
        state.drawEssentials(&canvas)
        return canvas.frame
    }
    state.drawHeader(&canvas)
    let health = state.healthRows(height)
    let panes = Area(x: 0, y: 1, width: width, height: height - 3 - health)
    let left = width < 80 ? 36 : max(46, min(72, width * 3 / 10))
    state.drawLayers(&canvas, Area(x: 0, y: panes.y, width: left, height: panes.height))
    state.drawRight(&canvas, Area(x: left, y: panes.y, width: width - left, height: panes.height))
    state.drawOverlay(&canvas, panes)
    state.drawHealth(&canvas, y: height - 2 - health, rows: health)
    state.drawStatus(&canvas, y: height - 2)
    state.drawFooter(&canvas, y: height - 1)
    return canvas.frame
}

extension DashboardState {
    func drawEssentials(_ canvas: inout Canvas) {
        let theme = canvas.theme
        let width = canvas.frame.width
        var spans = [
            Span(
                canvas.isUnicode ? "needs \(leastWidth)×\(leastHeight)" : "needs \(leastWidth)x\(leastHeight)",
                theme[.warning])
        ]
        if let lastStep {
            spans.append(Span("  step ", theme[.dim]))
            spans.append(Span("\(lastStep.step)", theme[.text]))
            spans.append(Span("  loss ", theme[.dim]))
            spans.append(Span(Numbers.fixed(lastStep.loss, 3), theme[.text]))
        }
        if isStopping, !jobEnded {
            spans.append(Span("  stopping", theme[.pending]))
        } else {
            spans.append(Span("  q", theme[.key]))
            spans.append(Span(" quit", theme[.label]))
        }
        canvas.put(0, 0, spans, limit: width)
    }

    func drawCharts(_ canvas: inout Canvas, _ area: Area) {
        guard area.width >= 20 else { return }
        let theme = canvas.theme
        let leastRows = 6
        let count = min(3, area.height / leastRows)
        guard count > 0 else { return }
        let (from, to, labels, caption) = steps(labelRoom: max(2, (area.width - 10) / 8))
        let dash = canvas.isUnicode ? "─" : "*"
        let ball = canvas.isUnicode ? "●" : "o"
        let dot = canvas.isUnicode ? " · " : "  "

        let latest = lastStep?.loss.isFinite == false ? theme[.error] : theme[.text]
        func legend(_ train: String?, _ validation: String?) -> [[Span]] {
            let withValues =
                [Span("train ", theme[.dim]), Span(dash, theme[.train])]
                + (train.map { [Span(" " + $0, latest)] } ?? [])
                + [Span(dot + "validation ", theme[.dim]), Span(ball, theme[.validation])]
                + (validation.map { [Span(" " + $0, theme[.text])] } ?? [])
            let plain = [
                Span("train ", theme[.dim]), Span(dash, theme[.train]), Span(dot + "validation ", theme[.dim]),
                Span(ball, theme[.validation]),
            ]
            guard let train else { return [plain] }
            let short =
                [Span(dash + " ", theme[.train]), Span(train, latest)]
                + (validation.map {
                    [Span(dot, theme[.dim]), Span(ball + " ", theme[.validation]), Span($0, theme[.text])]
                }
                    ?? [])
            return [withValues, short, [Span(train, latest)]]
        }
        let empty = phaseIsOver ? "no step was run" : "waiting for the first step"
        var charts = [
            Chart(
                title: "Loss",
                legend: legend(
                    lastStep.map { Numbers.fixed($0.loss, 3) }, validationLoss.last.map { Numbers.fixed($0, 3) }),
                line: loss, points: validationLoss, marks: marks, from: from, to: to, stepLabels: labels,
                stepCaption: caption, empty: loss.slots.isEmpty ? empty : "the loss is not a number"),
            Chart(
                title: "Accuracy",
                legend: legend(
                    lastStep.map { Numbers.percent($0.accuracy) }, validationAccuracy.last.map { Numbers.percent($0) }),
                line: accuracy, points: validationAccuracy, marks: marks, from: from, to: to, stepLabels: labels,
                stepCaption: caption, scale: .percent, empty: empty),
        ]
        let separator = canvas.isUnicode ? " · " : ": "
        if let node = cursorNode {
            let members = tree.nodes[node].members
            let name = members.count == 1 ? tree.parameters[members[0]].name : tree.nodes[node].path
            let isFrozen = members.allSatisfy { frozen[$0] }
            charts.append(
                Chart(
                    title: "Gradient norm" + separator + name,
                    legend: [
                        norms[node].last.map {
                            [
                                Span(
                                    isFrozen ? "frozen" : Numbers.scientific($0),
                                    isFrozen ? theme[.frozen] : theme[.text])
                            ]
                        } ?? []
                    ],
                    line: norms[node], marks: marks, from: from, to: to,
                    stepLabels: labels, stepCaption: caption, scale: .logarithmic,
                    empty: isFrozen ? "frozen: no gradient" : norms[node].slots.isEmpty ? empty : "no positive norm"))
        } else {
            charts.append(
                Chart(title: "Gradient norm", line: Series(), from: from, to: to, scale: .logarithmic, empty: empty))
        }
        var y = area.y
        for index in 0..<count {
            // What does not divide evenly goes to the upper charts.
            let rows = area.height / count + (index < area.height % count ? 1 : 0)
            charts[index].draw(&canvas, Area(x: area.x, y: y, width: area.width, height: rows))
            y += rows
        }
    }

    private var phaseIsOver: Bool {
        switch phase {
        case .finished, .failed: true
        default: jobEnded
        }
    }

    /// The steps that the charts span, in whole epochs: a round number of them that holds all steps so far, so the axis
    /// grows in jumps and a long run's beginning is not a sliver.
    func steps(labelRoom: Int) -> (Double, Double, [(step: Double, text: String)], String) {
        let first = Double(firstStep)
        let last = Double(max(lastStep?.step ?? firstStep, firstStep))
        guard let perEpoch = lastStep?.stepsPerEpoch, perEpoch > 0 else {
            let to = first + max(10, Axis.roundStep(last - first))
            return (first, to, [], "")
        }
        let size = Double(perEpoch)
        let needed = max(1, ((last - first) / size).rounded(.up))
        var epochs = Axis.roundStep(needed)
        if epochs > 2, needed <= 3 { epochs = 3 }
        if let totalSteps {
            let rest = ((Double(totalSteps) - first) / size).rounded(.up)
            epochs = max(needed, min(epochs, rest))
        }
        let to = first + epochs * size
        let every = max(1, Axis.roundStep(epochs / Double(labelRoom)).rounded(.up))
        var labels: [(Double, String)] = []
        // Epochs are counted from the run's start, also where it was resumed in the middle.
        var epoch = ((first / size / every).rounded(.down) + 1) * every
        while epoch * size <= to + 0.5, labels.count < 200 {
            labels.append((epoch * size, "\(Numbers.whole(epoch))"))
            epoch += every
        }
        return (first, to, labels, "epoch ")
    }

    func drawOverlay(_ canvas: inout Canvas, _ panes: Area) {
        guard let overlay else { return }
        let theme = canvas.theme
        var lines: [[Span]] = []
        var title = "Keys"
        var width = 0
        switch overlay {
        case .help:
            let labels = keyTable.map { canvas.isUnicode ? $0.label : $0.asciiLabel }
            let column = (labels.map { canvas.width($0) }.max() ?? 0) + 2
            for (binding, label) in zip(keyTable, labels) {
                lines.append([
                    Span(label + String(repeating: " ", count: column - canvas.width(label)), theme[.key]),
                    Span(binding.long, theme[.text]),
                ])
            }
            lines.append([])
            let box = canvas.isUnicode ? "[❄]" : "[x]"
            lines.append([
                Span(box, theme[.frozen]), Span(" frozen  ", theme[.dim]), Span("[ ]", theme[.trainable]),
                Span(" trains  ", theme[.dim]), Span("[~]", theme[.partly]), Span(" partly  ", theme[.dim]),
                Span(canvas.isUnicode ? "[…]" : "[?]", theme[.pending]), Span(" asked for", theme[.dim]),
            ])
            width = lines.map { $0.reduce(0) { $0 + canvas.width($1.text) } }.max() ?? 0
        case .messages:
            title = "Messages"
            width = min(100, panes.width - 6)
            for message in messages.reversed() {
                let role: Role =
                    switch message.kind {
                    case .notice: .notice
                    case .success: .success
                    case .warning: .warning
                    case .error: .error
                    }
                for (index, line) in wrapped(message.text, width - 2, glyphs).enumerated() {
                    lines.append([Span((index == 0 ? (canvas.isUnicode ? "· " : "- ") : "  ") + line, theme[role])])
                }
            }
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
