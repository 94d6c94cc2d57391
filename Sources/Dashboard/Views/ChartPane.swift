import TUI
import Support

extension DashboardState {
    private typealias Steps = (from: Double, to: Double, labels: [(step: Double, text: String)], caption: String)

    /// The charts that have room, one above the other: loss, accuracy, gradient norm of the row under the cursor.
    func drawCharts(_ canvas: inout Canvas, _ area: Area) {
        guard area.width >= 20 else { return }
        let steps = steps(labelRoom: max(2, (area.width - 10) / 8))
        let empty = phaseIsOver ? "no step was run" : "waiting for the first step"
        for (index, area) in Layout.charts(in: area).enumerated() {
            var chart =
                switch index {
                case 0: lossChart(canvas, steps, empty)
                case 1: accuracyChart(canvas, steps, empty)
                default: normChart(canvas, steps, empty)
                }
            chart.stepLabels = steps.labels
            chart.stepCaption = steps.caption
            chart.smoothing = view.smoothing
            chart.cursor = view.cursor
            chart.draw(&canvas, area)
        }
    }

    private func lossChart(_ canvas: Canvas, _ steps: Steps, _ empty: String) -> Chart {
        Chart(
            title: view.scale == .logarithmic ? "Loss (log)" : "Loss",
            legend: legend(canvas, loss, validationLoss, latest: lastStep?.loss) { Numbers.fixed($0, 3) },
            line: loss, points: validationLoss, behind: behind(view.smoothing, \.loss), marks: marks,
            from: steps.from, to: steps.to,
            scale: view.scale == .logarithmic ? .logarithmic : .linear,
            empty: loss.slots.isEmpty ? empty : "the loss is not a number")
    }

    private func accuracyChart(_ canvas: Canvas, _ steps: Steps, _ empty: String) -> Chart {
        Chart(
            title: "Accuracy",
            legend: legend(canvas, accuracy, validationAccuracy, latest: lastStep?.accuracy) { Numbers.percent($0) },
            line: accuracy, points: validationAccuracy, behind: behind(.off, \.validationAccuracy), marks: marks,
            from: steps.from, to: steps.to, scale: .percent,
            empty: empty)
    }

    /// The other runs' lines, on the axis as it counts now.
    private func behind(_ smoothing: Smoothing, _ series: KeyPath<OtherRun, Series>) -> [Chart.Behind] {
        others.map {
            Chart.Behind(
                name: $0.name, line: $0[keyPath: series], stepScale: stepScale(of: $0), smoothing: smoothing)
        }
    }

    private func normChart(_ canvas: Canvas, _ steps: Steps, _ empty: String) -> Chart {
        let scale: Chart.Scale = view.scale == .linear ? .linear : .logarithmic
        guard let node = cursorNode else {
            return Chart(
                title: "Gradient norm", line: Series(), from: steps.from, to: steps.to, scale: scale, empty: empty)
        }
        let theme = canvas.theme
        let members = tree.nodes[node].members
        let name = members.count == 1 ? tree.parameters[members[0]].name : tree.nodes[node].path
        let isFrozen = members.allSatisfy { frozen[$0] }
        func chart(_ title: String, _ line: Series, _ legend: [[Span]], empty: String) -> Chart {
            Chart(
                title: "Gradient norm" + (canvas.isUnicode ? " · " : ": ") + title, legend: legend, line: line,
                marks: marks, from: steps.from, to: steps.to, scale: scale, empty: empty)
        }
        // A row that never trained has no line; the whole gradient says more than an empty pane.
        if isFrozen, norms[node].isEmpty, let total = totalNorm.last {
            let value = Span(Numbers.norm(total), theme[.text])
            return chart(
                "total", totalNorm, [[Span(name + " is frozen  ", theme[.frozen]), value], [value]],
                empty: "frozen: no gradient")
        }
        var value: [Span] = []
        if let cursor = view.cursor, let slot = norms[node].slot(near: Double(cursor)) {
            value = cursorValues(canvas, slot, nil) { Numbers.norm($0) }
        } else if let last = norms[node].last {
            value = [
                Span(isFrozen ? "frozen" : Numbers.norm(last), isFrozen ? theme[.frozen] : theme[.text])
            ]
        }
        return chart(
            name, norms[node], [value],
            empty: isFrozen ? "frozen: no gradient" : norms[node].slots.isEmpty ? empty : "no positive norm")
    }

    /// Ways to say which sign is which and what its value is, the longest first.
    private func legend(
        _ canvas: Canvas, _ train: Series, _ validation: Series, latest: Double?, _ write: (Double) -> String
    ) -> [[Span]] {
        let theme = canvas.theme
        let dash = canvas.isUnicode ? "─" : "*"
        let ball = canvas.isUnicode ? "●" : "o"
        let dot = canvas.isUnicode ? " · " : "  "
        if let cursor = view.cursor {
            guard let slot = train.slot(near: Double(cursor)) else { return [] }
            let point = validation.slots.last { validation.step(of: $0) <= Double(cursor) && $0.count > 0 }
            return [
                cursorValues(canvas, slot, point, write), cursorValues(canvas, slot, nil, write),
                [Span(write(slot.mean), theme[.text])],
            ]
        }
        let style = latest?.isFinite == false ? theme[.error] : theme[.text]
        let plain = [
            Span("train ", theme[.dim]), Span(dash, theme[.train]), Span(dot + "validation ", theme[.dim]),
            Span(ball, theme[.validation]),
        ]
        guard let latest else { return [plain] }
        let point = validation.last.map(write)
        var values = [Span(write(latest), style)]
        if view.smoothing != .off, let slot = train.slots.last(where: { $0.count > 0 }) {
            values += [
                Span(canvas.isUnicode ? " ≈ " : " ~ ", theme[.dim]),
                Span(write(slot.mean(view.smoothing)), theme[.train]),
            ]
        }
        let long =
            [Span("train ", theme[.dim]), Span(dash + " ", theme[.train])] + values
            + [Span(dot + "validation ", theme[.dim]), Span(ball, theme[.validation])]
            + (point.map { [Span(" " + $0, theme[.text])] } ?? [])
        func short(_ values: [Span]) -> [Span] {
            [Span(dash + " ", theme[.train])] + values
                + (point.map {
                    [Span(dot, theme[.dim]), Span(ball + " ", theme[.validation]), Span($0, theme[.text])]
                } ?? [])
        }
        let plainValue = Span(write(latest), style)
        return [long, short(values), short([plainValue]), [plainValue]]
    }

    /// What stands at the cursor: the value (or its range), the smoothed one, the last validation up to there.
    private func cursorValues(
        _ canvas: Canvas, _ slot: Series.Slot, _ point: Series.Slot?, _ write: (Double) -> String
    ) -> [Span] {
        let theme = canvas.theme
        let (least, greatest) = (write(slot.least), write(slot.greatest))
        var spans = [
            Span(
                least == greatest ? least : least + (canvas.isUnicode ? "…" : "..") + greatest, theme[.text])
        ]
        if view.smoothing != .off {
            spans += [
                Span(canvas.isUnicode ? " ≈ " : " ~ ", theme[.dim]),
                Span(write(slot.mean(view.smoothing)), theme[.train]),
            ]
        }
        if let point {
            spans += [
                Span(canvas.isUnicode ? " ● " : " o ", theme[.validation]), Span(write(point.mean), theme[.text]),
            ]
        }
        return spans
    }

    var phaseIsOver: Bool {
        switch phase {
        case .finished, .failed: true
        default: jobEnded
        }
    }
}
