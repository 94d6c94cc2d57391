import Support
import TUI
import TrainingEvents

/// What the engine found in one parameter: norms, proof, drift, the last change's effect, histograms.
struct InspectorView {
    let report: ParameterInspection
    let updateRatio: Double
    let outcome: MaskChangeOutcome?

    static let rows = 15

    func draw(_ canvas: inout Canvas, _ area: Area) {
        let theme = canvas.theme
        canvas.box(
            area, title: "Inspector" + (canvas.isUnicode ? " · " : ": ") + report.name,
            right: [Span("step \(report.step)", theme[.dim])])
        let inner = Area(x: area.x + 2, y: area.y + 1, width: area.width - 4, height: area.height - 2)
        guard inner.width >= 20, inner.height >= 2 else { return }
        let lines = facts(inner.width, theme, canvas.glyphs)
        // Half of the pane at most, where the histograms need the rest.
        let count = min(lines.count, max(2, inner.height - 5))
        for (row, spans) in lines.prefix(count).enumerated() {
            canvas.put(inner.x, inner.y + row, spans, limit: inner.x + inner.width)
        }
        let plot = Area(x: inner.x, y: inner.y + count, width: inner.width, height: inner.height - count)
        guard plot.height >= 3 else { return }
        var (first, second) = (plot, plot)
        if plot.width >= 50 {
            first.width = (plot.width - 3) / 2
            (second.x, second.width) = (first.right + 3, first.width)
        } else if plot.height >= 7, report.gradients != nil {
            first.height = plot.height / 2
            (second.y, second.height) = (first.bottom, plot.height - first.height)
        } else {
            return draw(report.weights, "weights", &canvas, plot)
        }
        draw(report.weights, "weights", &canvas, first)
        draw(report.gradients, "gradients", &canvas, second)
    }

    private func facts(_ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        let dot = glyphs == .unicode ? " · " : ", "
        let arrow = glyphs == .unicode ? " → " : " -> "
        var lines: [[Span]] = []
        func add(_ label: String, _ value: String, _ role: Role = .text) {
            let name = label + String(repeating: " ", count: max(1, 10 - label.count))
            lines.append([Span(name, theme[.dim]), Span(fitted(value, width - name.count, glyphs), theme[role])])
        }
        var norms = "weight " + Numbers.norm(report.weightNorm)
        if let gradient = report.gradientNorm { norms += dot + "gradient " + Numbers.norm(gradient) }
        if updateRatio.isFinite { norms += dot + "update/weight " + Numbers.scientific(updateRatio) }
        add("norms", norms)
        let dead = report.deadChannels
        add("dead", "\(dead) of \(report.channels) channels", dead > 0 ? .warning : .text)
        if let proof = report.proof {
            let since = proof.since == 0 ? "the start" : "step \(proof.since)"
            let verdict = proof.holds ? "holds since" : "is NOT that of"
            add("proof", "hash \(proof.hash) \(verdict) \(since)", proof.holds ? .success : .error)
        }
        if let drift = report.drift {
            let sigma = glyphs == .unicode ? " σ" : " sd"
            let times = glyphs == .unicode ? "×" : "x"
            let (mean, variance) = (Numbers.fixed(drift.mean, 3), Numbers.fixed(drift.variance, 3))
            let state = drift.isHeld ? "(held)" : "(moves)"
            add("drift", "mean \(mean)\(sigma), variance \(times)\(variance) \(state)")
        }
        if let outcome {
            add("step \(outcome.step)", outcome.label, .mark)
            func slope(_ samples: [StepSample]) -> String {
                MaskChangeOutcome.slope(samples).map { ($0 > 0 ? "+" : "") + Numbers.fixed($0, 3) } ?? "-"
            }
            add("loss", slope(outcome.before) + arrow + slope(outcome.after) + " per 100 steps")
            var speed =
                (MaskChangeOutcome.milliseconds(outcome.before).map(Numbers.time) ?? "-") + arrow
                + (outcome.measured.map(Numbers.time) ?? "-")
            if let forecast = outcome.forecast {
                let came = MaskChangeOutcome.slope(outcome.after).map { Numbers.fixed($0 / 10, 3) } ?? "-"
                add("forecast", Numbers.fixed(-forecast * 10, 3) + ", came " + came + " in 10 steps")
            }
            if let predicted = outcome.predicted { speed += " (predicted \(Numbers.time(milliseconds: predicted)))" }
            add("speed", speed)
        }
        return lines
    }

    /// Bars by the logarithm of the counts: the tails are where something goes wrong, and they are thin.
    private func draw(_ histogram: Histogram?, _ title: String, _ canvas: inout Canvas, _ area: Area) {
        let theme = canvas.theme
        guard let histogram, !histogram.counts.isEmpty else {
            canvas.putFitted(area.x, area.y, title + ": none", theme[.dim], width: area.width)
            return
        }
        let bars = area.height - 2
        guard bars >= 1 else { return }
        var caption = title + " (log counts)"
        if histogram.notFinite > 0 { caption += ", \(histogram.notFinite) are not finite" }
        canvas.putFitted(area.x, area.y, caption, theme[histogram.notFinite > 0 ? .error : .dim], width: area.width)
        let bins = histogram.counts.count
        let width = max(1, min(area.width / bins, 2)) * bins
        let heights = histogram.counts.map { $0 > 0 ? logarithm10(Double($0) + 1) : 0 }
        let highest = max(heights.max() ?? 0, 1e-9)
        let levels = canvas.isUnicode ? barUnicode : barASCII
        for column in 0..<min(width, area.width) {
            let height = heights[column * bins / width] / highest * Double(bars * (levels.count - 1))
            for row in 0..<bars {
                let part = Int(height.rounded()) - row * (levels.count - 1)
                let text = levels[max(0, min(levels.count - 1, part))]
                if text != " " {
                    canvas.set(area.x + column, area.y + bars - row, text, theme[title == "weights" ? .train : .norm])
                }
            }
        }
        let y = area.y + area.height - 1
        let last = area.x + min(width, area.width)
        let end = canvas.put(area.x, y, Numbers.scientific(histogram.least), theme[.axis], limit: last)
        let right = Numbers.scientific(histogram.greatest)
        if last - right.utf8.count > end { canvas.putRight(last, y, right, theme[.axis]) }
        let middle = area.x + min(width, area.width) / 2
        if middle > end + 1, middle < last - right.utf8.count - 1 { canvas.set(middle, y, "0", theme[.axis]) }
    }
}

private let barUnicode = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
private let barASCII = [" ", ".", ":", "#"]
