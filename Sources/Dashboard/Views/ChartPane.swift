import Support
import TUI
import TrainingEvents

/// The charts that have room, one above the other: loss, accuracy, gradient norm of the row under the cursor.
struct ChartPane {
    let run: RunState
    let charts: ChartState
    let layers: LayerState
    let gradients: GradientState
    let cursorNode: Int?
    var story: StoryReport?

    func draw(_ canvas: inout Canvas, _ area: Area) {
        guard area.width >= 20 else { return }
        let steps = StepAxis(run, charts, labelRoom: max(2, (area.width - 10) / 8))
        let empty = run.isOver ? "no step was run" : "waiting for the first step"
        let comparison = comparisonChart(canvas, steps, empty, width: area.width)
        var areas = Layout.charts(in: area)
        if comparison != nil, areas.count > 2 {
            // What the story came to is worth the room of two.
            areas[0].height += areas[1].height
            areas.remove(at: 1)
        }
        for (index, area) in areas.enumerated() {
            var chart =
                switch comparison == nil ? index : index - 1 {
                case ..<0: comparison ?? lossChart(canvas, steps, empty)
                case 0: lossChart(canvas, steps, empty)
                case 1: accuracyChart(canvas, steps, empty)
                default: normChart(canvas, steps, empty)
                }
            chart.marks = charts.marks
            chart.stepLabels = steps.labels
            chart.stepCaption = steps.caption
            // The comparison has a validation an epoch, too few to smooth.
            chart.smoothing = comparison != nil && index == 0 ? .off : charts.view.smoothing
            chart.cursor = charts.view.cursor
            chart.draw(&canvas, area)
        }
    }

    private func lossChart(_ canvas: Canvas, _ steps: StepAxis, _ empty: String) -> Chart {
        let isLogarithmic = charts.view.scale == .logarithmic
        var chart = Chart(
            title: isLogarithmic ? "Loss (log)" : "Loss", line: charts.loss, from: steps.from, to: steps.to,
            empty: charts.loss.slots.isEmpty ? empty : "the loss is not a number")
        chart.legend = legend(canvas, charts.loss, charts.validationLoss, latest: run.lastStep?.loss) {
            Numbers.fixed($0, 3)
        }
        chart.points = charts.validationLoss
        chart.behind = behind(charts.view.smoothing, \.loss)
        chart.scale = isLogarithmic ? .logarithmic : .linear
        return chart
    }

    private func accuracyChart(_ canvas: Canvas, _ steps: StepAxis, _ empty: String) -> Chart {
        var chart = Chart(title: "Accuracy", line: charts.accuracy, from: steps.from, to: steps.to, empty: empty)
        chart.legend = legend(canvas, charts.accuracy, charts.validationAccuracy, latest: run.lastStep?.accuracy) {
            Numbers.percent($0)
        }
        chart.points = charts.validationAccuracy
        chart.behind = behind(.off, \.validationAccuracy)
        chart.scale = .percent
        return chart
    }

    /// At the end of the demonstration: how well both trainings of task B did, epoch by epoch.
    private func comparisonChart(
        _ canvas: Canvas, _ steps: StepAxis, _ empty: String, width: Int
    ) -> Chart? {
        guard let story, story.act == .end, let after = story.afterStart, let random = story.fromRandom,
            var other = behind(.off, \.validationAccuracy).first
        else { return nil }
        let theme = canvas.theme
        // The legend names it, with its value.
        other.name = ""
        var chart = Chart(
            title: "Validation accuracy", line: charts.validationAccuracy, from: steps.from, to: steps.to, empty: empty)
        chart.points = charts.validationAccuracy
        chart.behind = [other]
        chart.scale = .percent
        let dash = Span(canvas.isUnicode ? "─ " : "* ", theme[.train])
        let sign = Chart.signSpan(0, theme)
        let (own, others) = (Numbers.percent(after), Numbers.percent(random))
        chart.legend = [
            [
                dash, Span("after \(story.start) ", theme[.dim]), Span(own, theme[.text]), Span("  ", theme[.dim]),
                sign,
                Span(" from random weights ", theme[.dim]), Span(others, theme[.text]),
            ],
            [
                dash, Span("\(story.start) ", theme[.dim]), Span(own, theme[.text]), Span("  ", theme[.dim]), sign,
                Span(" random ", theme[.dim]), Span(others, theme[.text]),
            ],
            [dash, Span(own, theme[.text]), Span("  ", theme[.dim]), sign, Span(" \(others)", theme[.text])],
        ]
        if chart.legend.allSatisfy({ canvas.width($0) > width - 8 - canvas.width(chart.title) }) {
            chart.title = "Accuracy"
        }
        return chart
    }

    /// The other runs' lines, on the axis as it counts now.
    private func behind(_ smoothing: Smoothing, _ series: KeyPath<OtherRun, Series>) -> [Chart.Behind] {
        charts.others.map {
            Chart.Behind(
                name: $0.name, line: $0[keyPath: series], stepScale: StepAxis.scale(of: $0, run, charts),
                smoothing: smoothing)
        }
    }

    private func normChart(_ canvas: Canvas, _ steps: StepAxis, _ empty: String) -> Chart {
        let theme = canvas.theme
        var chart = Chart(title: "Gradient norm", line: Series(), from: steps.from, to: steps.to, empty: empty)
        chart.scale = charts.view.scale == .linear ? .linear : .logarithmic
        guard let node = cursorNode else { return chart }
        let name = layers.tree.name(of: node)
        let norms = gradients.norms[node]
        let isFrozen = layers.isFrozen(node)
        chart.title += canvas.isUnicode ? " · " : ": "
        if isFrozen { chart.empty = "frozen: no gradient" }
        // A row that never trained has no line; the whole gradient is more use than an empty pane.
        if isFrozen, norms.isEmpty, let total = gradients.total.last {
            let value = Span(Numbers.norm(total), theme[.text])
            chart.title += "total"
            chart.line = gradients.total
            chart.legend = [[Span(name + " is frozen  ", theme[.frozen]), value], [value]]
            return chart
        }
        chart.title += name
        chart.line = norms
        if let cursor = charts.view.cursor, let slot = norms.slot(near: Double(cursor)) {
            chart.legend = [cursorValues(canvas, slot, nil) { Numbers.norm($0) }]
        } else if let last = norms.last {
            chart.legend = [[isFrozen ? Span("frozen", theme[.frozen]) : Span(Numbers.norm(last), theme[.text])]]
        }
        if !isFrozen, !norms.slots.isEmpty { chart.empty = "no positive norm" }
        return chart
    }

    /// Legends: which sign is which and what its value is, the longest first.
    private func legend(
        _ canvas: Canvas, _ train: Series, _ validation: Series, latest: Double?, _ write: (Double) -> String
    ) -> [[Span]] {
        let theme = canvas.theme
        let dash = canvas.isUnicode ? "─" : "*"
        let ball = canvas.isUnicode ? "●" : "o"
        let dot = canvas.isUnicode ? " · " : "  "
        if let cursor = charts.view.cursor {
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
        if let slot = train.slots.last(where: { $0.count > 0 }) { values += smoothedValue(canvas, slot, write) }
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
        let range = least == greatest ? least : least + (canvas.isUnicode ? "…" : "..") + greatest
        let spans = [Span(range, theme[.text])] + smoothedValue(canvas, slot, write)
        guard let point else { return spans }
        return spans + [
            Span(canvas.isUnicode ? " ● " : " o ", theme[.validation]), Span(write(point.mean), theme[.text]),
        ]
    }

    private func smoothedValue(_ canvas: Canvas, _ slot: Series.Slot, _ write: (Double) -> String) -> [Span] {
        guard charts.view.smoothing != .off else { return [] }
        return [
            Span(canvas.isUnicode ? " ≈ " : " ~ ", canvas.theme[.dim]),
            Span(write(slot.mean(charts.view.smoothing)), canvas.theme[.train]),
        ]
    }
}
