import Network
import Support
import TUI
import TrainingEvents

/// The first line: what is trained and how at the left, how far it has come at the right.
struct HeaderView {
    let run: RunState
    let strategy: Strategy?

    func draw(_ canvas: inout Canvas) {
        let width = canvas.frame.width
        // One blank at each end.
        let parts = (descriptionParts(canvas) + progressParts(canvas)).fitting(width - 2, least: 1, canvas)
        var left = parts.filter { !$0.isRight }
        let right = parts.filter(\.isRight)
        if left.isEmpty, right.isEmpty { left = parts }
        var x = 1
        for part in left { x = canvas.put(x, 0, part.spans, limit: width) + 2 }
        x = width - 1
        for part in right.reversed() {
            let size = canvas.width(part.spans)
            canvas.put(max(1, x - size), 0, part.spans, limit: width)
            x -= size + 2
        }
    }

    private var strategyText: String {
        (run.auto == .inCharge ? "auto: " : "") + (strategy?.rawValue ?? "custom")
    }

    private func descriptionParts(_ canvas: Canvas) -> [LinePart] {
        let theme = canvas.theme
        var parts = [LinePart(spans: [Span("frostline", theme[.brand])], weight: 4)]
        guard let description = run.description else { return parts }
        var spans = [Span(description.model, theme[.text])]
        if let dataset = run.dataset {
            spans.append(Span(canvas.isUnicode ? " → " : " -> ", theme[.dim]))
            spans += classSpans(dataset.classes, canvas)
        }
        parts.append(LinePart(spans: spans, weight: 6))
        if let phase = description.phase {
            parts.append(LinePart(spans: [Span(fitted(phase, 28, canvas.glyphs), theme[.title])], weight: 11))
        }
        parts.append(LinePart(spans: [Span(strategyText, theme[.trainable])], weight: 8))
        if run.auto == .resting { parts.append(LinePart(spans: [Span("auto rests", theme[.dim])], weight: 2)) }
        let rate = run.lastStep?.learningRate ?? description.learningRate
        var rateSpans = [Span(description.optimizer + " ", theme[.dim]), Span(Numbers.rate(rate), theme[.text])]
        if run.rateFactor != 1 {
            let times = canvas.isUnicode ? " ×" : " x"
            rateSpans.append(Span(times + Numbers.rate(run.rateFactor), theme[.pending]))
        }
        // A rate that was changed by hand stays in sight longer.
        parts.append(LinePart(spans: rateSpans, weight: run.rateFactor == 1 ? 3 : 6))
        if let ranks = run.ranks { parts += rankParts(ranks, canvas) }
        if run.dashboards.count > 1 {
            parts.append(
                LinePart(
                    spans: [Span("\(run.dashboards.count)", theme[.pending]), Span(" dashboards", theme[.dim])],
                    weight: 5))
        }
        parts.append(
            LinePart(spans: [Span("batch ", theme[.dim]), Span("\(description.batchSize)", theme[.text])], weight: 2))
        return parts
    }

    /// How many processes on how many machines, and which of them the others wait for.
    private func rankParts(_ ranks: RanksReport, _ canvas: Canvas) -> [LinePart] {
        let theme = canvas.theme
        let hosts = ranks.machines == 1 ? " on 1 host" : " on \(ranks.machines) hosts"
        var parts = [
            LinePart(
                spans: [
                    Span("\(ranks.count)", theme[.text]), Span(" rank" + (ranks.count == 1 ? "" : "s"), theme[.dim]),
                    Span(hosts, theme[.dim]),
                ], weight: 7)
        ]
        if ranks.count > 1, let slowest = ranks.slowest {
            let wait = Numbers.fixed(ranks.spread, ranks.spread < 10 ? 1 : 0)
            parts.append(
                LinePart(
                    spans: [
                        Span("slowest ", theme[.dim]), Span("\(slowest)", theme[.text]),
                        Span(", \(wait) ms", theme[.dim]),
                    ], weight: 4))
        }
        return parts
    }

    /// As many classes as fit in a third of a narrow line, then how many more there are.
    private func classSpans(_ classes: [String], _ canvas: Canvas) -> [Span] {
        let theme = canvas.theme
        let dot = canvas.isUnicode ? " · " : ", "
        let room = max(18, min(60, canvas.frame.width / 5))
        var spans: [Span] = []
        var used = 0
        for (index, name) in classes.enumerated() {
            let rest = classes.count - index
            let shown = fitted(name, room, canvas.glyphs)
            let size = canvas.width(shown) + (index > 0 ? canvas.width(dot) : 0)
            if index > 0, used + size + (rest > 1 ? 5 : 0) > room {
                spans.append(Span(" +\(rest)", theme[.dim]))
                break
            }
            if index > 0 { spans.append(Span(dot, theme[.dim])) }
            spans.append(Span(shown, theme[.text]))
            used += size
        }
        return spans
    }

    private func progressParts(_ canvas: Canvas) -> [LinePart] {
        let theme = canvas.theme
        var parts: [LinePart] = []
        func add(_ spans: [Span], _ weight: Int) { parts.append(LinePart(spans: spans, weight: weight, isRight: true)) }
        switch run.phase {
        case .waiting: add([Span(run.jobEnded ? "nothing ran" : "starting", theme[.dim])], 10)
        case .failed: add([Span("failed", theme[.error])], 10)
        case .finished(let summary):
            var spans = [Span(summary.stopped ? "stopped" : "finished", theme[.success])]
            if let best = summary.best {
                spans += [
                    Span(" best ", theme[.dim]), Span(Numbers.percent(best.accuracy), theme[.title]),
                    Span(summary.bestEpoch.map { " in epoch \($0)" } ?? "", theme[.dim]),
                ]
            }
            add(spans, 10)
            add([Span(Numbers.duration(seconds: summary.seconds), theme[.dim])], 1)
        case .preparing, .running:
            if let reason = run.pauseReason {
                add([Span("paused" + reason.suffix, theme[reason.isFailure ? .error : .pending])], 12)
            } else if run.pausePending {
                add([Span("pausing", theme[.pending])], 12)
            }
            if let progress = run.progress { add(workSpans(progress, canvas), 11) }
            if let step = run.lastStep {
                add(epochSpans(step, canvas), 10)
                // Tens of thousands a second come from the cache, and say nothing of the network.
                if step.imagesPerSecond < 9999.5 {
                    add([Span(Numbers.speed(step.imagesPerSecond), theme[.text]), Span(" img/s", theme[.dim])], 5)
                } else {
                    add([Span("cached", theme[.dim])], 5)
                }
                if let rest = run.secondsLeft {
                    add([Span("ETA ", theme[.dim]), Span(Numbers.duration(seconds: rest), theme[.text])], 9)
                }
            } else if run.progress == nil {
                add([Span("getting ready", theme[.dim])], 10)
            }
        }
        return parts
    }

    private func workSpans(_ progress: WorkProgress, _ canvas: Canvas) -> [Span] {
        let text = canvas.theme[.text]
        let name =
            switch progress.work {
            case .weights: "reading weights"
            case .pictures: "reading pictures"
            case .measuring: "measuring layers"
            case .caching: "caching"
            case .validation: "validating"
            case .saving: "saving"
            case .probing: "probing"
            }
        if progress.total > 0 {
            return [Span(name + " ", text)] + bar(Double(progress.done) / Double(progress.total), 12, canvas)
                + [Span(" \(progress.done)/\(progress.total)", text)]
        }
        return [Span(name + (progress.done > 0 ? " \(progress.done)" : ""), text)]
    }

    private func epochSpans(_ step: StepReport, _ canvas: Canvas) -> [Span] {
        let theme = canvas.theme
        let isAlone = run.progress == nil
        let spans = [
            Span("epoch ", theme[.dim]), Span("\(step.epoch)", theme[.title]),
            Span("/\(run.description?.epochs ?? step.epoch)" + (isAlone ? " " : ""), theme[.dim]),
        ]
        if !isAlone { return spans }
        let share = step.stepsPerEpoch > 0 ? Double(step.stepInEpoch) / Double(step.stepsPerEpoch) : 0
        return spans + bar(share, max(8, min(24, canvas.frame.width / 10)), canvas)
            + [Span(" \(step.stepInEpoch)/\(step.stepsPerEpoch)", theme[.text])]
    }

    private func bar(_ share: Double, _ width: Int, _ canvas: Canvas) -> [Span] {
        let share = share.isFinite ? min(1, max(0, share)) : 0
        let halves = Int((share * Double(2 * width)).rounded())
        let full = halves / 2
        let half = canvas.glyphs == .unicode && halves % 2 == 1 ? 1 : 0
        let done =
            String(repeating: canvas.glyphs.sign("━", block: "█", ascii: "="), count: full) + (half == 1 ? "╸" : "")
        let rest = String(repeating: canvas.isUnicode ? "─" : "-", count: width - full - half)
        return [Span(done, canvas.theme[.progress]), Span(rest, canvas.theme[.track])]
    }
}
