import Network
import TUI
import Support
import TrainingEvents

/// A part of a line that is left out, lowest weight first, where the line is too narrow for all.
private struct Segment {
    var spans: [Span]
    var weight: Int
    /// Stands at the right end of the line.
    var isRight = false
}

extension DashboardState {
    // MARK: Header

    func drawHeader(_ canvas: inout Canvas) {
        let theme = canvas.theme
        let width = canvas.frame.width
        var segments = [Segment(spans: [Span("frostline", theme[.brand])], weight: 4)]
        if let run {
            var spans = [Span(run.model, theme[.text])]
            if let dataset {
                spans.append(Span(canvas.isUnicode ? " → " : " -> ", theme[.dim]))
                spans += classSpans(dataset.classes, canvas)
            }
            segments.append(Segment(spans: spans, weight: 6))
            if let phase = run.phase {
                segments.append(Segment(spans: [Span(fitted(phase, 28, glyphs), theme[.title])], weight: 7))
            }
            segments.append(Segment(spans: [Span(strategy?.rawValue ?? "custom", theme[.trainable])], weight: 8))
            let rate = lastStep?.learningRate ?? run.learningRate
            var rateSpans = [Span(run.optimizer + " ", theme[.dim]), Span(Numbers.rate(rate), theme[.text])]
            if deciding.rateFactor != 1 {
                let times = canvas.isUnicode ? " ×" : " x"
                rateSpans.append(Span(times + Numbers.rate(deciding.rateFactor), theme[.pending]))
            }
            // What a person changed stays in sight longer.
            segments.append(Segment(spans: rateSpans, weight: deciding.rateFactor == 1 ? 3 : 6))
            segments.append(
                Segment(spans: [Span("batch ", theme[.dim]), Span("\(run.batchSize)", theme[.text])], weight: 2))
        }
        segments += progressSegments(canvas)

        // One blank at each end, two between parts, and at least two before the right-hand ones.
        func used(_ parts: [Segment]) -> Int {
            parts.reduce(2 + 2 * max(0, parts.count - 1)) { sum, part in
                part.spans.reduce(sum) { $0 + canvas.width($1.text) }
            }
        }
        while used(segments) > width, segments.count > 1,
            let least = segments.indices.min(by: { segments[$0].weight < segments[$1].weight })
        {
            segments.remove(at: least)
        }
        var left = segments.filter { !$0.isRight }
        let right = segments.filter(\.isRight)
        if left.isEmpty, right.isEmpty { left = segments }
        var x = 1
        for segment in left { x = canvas.put(x, 0, segment.spans, limit: width) + 2 }
        x = width - 1
        for segment in right.reversed() {
            let size = segment.spans.reduce(0) { $0 + canvas.width($1.text) }
            canvas.put(max(1, x - size), 0, segment.spans, limit: width)
            x -= size + 2
        }
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
            let shown = fitted(name, room, glyphs)
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

    var stepsPerEpoch: Int? { (lastStep?.stepsPerEpoch ?? dataset?.stepsPerEpoch).flatMap { $0 > 0 ? $0 : nil } }

    var totalSteps: Int? {
        guard let run, let perEpoch = stepsPerEpoch else { return nil }
        let (total, overflow) = perEpoch.multipliedReportingOverflow(by: run.epochs)
        return overflow || total <= 0 ? nil : total
    }

    /// Steps at their latest pace, and what each epoch adds for its validation.
    private var secondsLeft: Double? {
        guard let step = lastStep, let run, let totalSteps, let recentMilliseconds, step.step >= 0,
            step.step <= totalSteps
        else { return nil }
        let epochs = max(0, run.epochs - (lastEpoch?.epoch ?? (step.epoch - 1)))
        return (Double(totalSteps - step.step) * recentMilliseconds + Double(epochs) * millisecondsBesideSteps) / 1000
    }

    private func progressSegments(_ canvas: Canvas) -> [Segment] {
        let theme = canvas.theme
        var segments: [Segment] = []
        switch phase {
        case .waiting:
            return [
                Segment(spans: [Span(jobEnded ? "nothing ran" : "starting", theme[.dim])], weight: 10, isRight: true)
            ]
        case .failed:
            return [Segment(spans: [Span("failed", theme[.error])], weight: 10, isRight: true)]
        case .finished(let summary):
            var spans = [Span(summary.stopped ? "stopped" : "finished", theme[.success])]
            if let best = summary.best {
                spans += [
                    Span(" best ", theme[.dim]), Span(Numbers.percent(best.accuracy), theme[.title]),
                    Span(summary.bestEpoch.map { " in epoch \($0)" } ?? "", theme[.dim]),
                ]
            }
            segments.append(Segment(spans: spans, weight: 10, isRight: true))
            segments.append(
                Segment(
                    spans: [Span(Numbers.duration(seconds: summary.seconds), theme[.dim])], weight: 1, isRight: true))
            return segments
        case .preparing, .running: break
        }
        if let pauseReason {
            let role: Role = pauseReason.isFailure ? .error : .pending
            segments.append(
                Segment(spans: [Span("paused" + pauseReason.suffix, theme[role])], weight: 12, isRight: true))
        } else if pausePending {
            segments.append(Segment(spans: [Span("pausing", theme[.pending])], weight: 12, isRight: true))
        }
        if let progress {
            let name =
                switch progress.work {
                case .weights: "reading weights"
                case .pictures: "reading pictures"
                case .measuring: "measuring layers"
                case .caching: "caching"
                case .validation: "validating"
                case .saving: "saving"
                }
            var spans = [Span(name, theme[.text])]
            if progress.total > 0 {
                spans.append(Span(" ", theme[.text]))
                spans += bar(Double(progress.done) / Double(progress.total), 12, canvas)
                spans.append(Span(" \(progress.done)/\(progress.total)", theme[.text]))
            } else if progress.done > 0 {
                spans.append(Span(" \(progress.done)", theme[.text]))
            }
            segments.append(Segment(spans: spans, weight: 11, isRight: true))
            if lastStep == nil { return segments }
        }
        guard let step = lastStep else {
            if progress == nil {
                segments.append(Segment(spans: [Span("getting ready", theme[.dim])], weight: 10, isRight: true))
            }
            return segments
        }
        let share = step.stepsPerEpoch > 0 ? Double(step.stepInEpoch) / Double(step.stepsPerEpoch) : 0
        if progress == nil {
            segments.append(
                Segment(
                    spans: [
                        Span("epoch ", theme[.dim]), Span("\(step.epoch)", theme[.title]),
                        Span("/\(run?.epochs ?? step.epoch) ", theme[.dim]),
                    ] + bar(share, max(8, min(24, canvas.frame.width / 10)), canvas)
                        + [Span(" \(step.stepInEpoch)/\(step.stepsPerEpoch)", theme[.text])], weight: 10, isRight: true)
            )
        } else {
            segments.append(
                Segment(
                    spans: [
                        Span("epoch ", theme[.dim]), Span("\(step.epoch)", theme[.title]),
                        Span("/\(run?.epochs ?? step.epoch)", theme[.dim]),
                    ], weight: 10, isRight: true))
        }
        segments.append(
            Segment(
                spans: [Span(Numbers.speed(step.imagesPerSecond), theme[.text]), Span(" img/s", theme[.dim])],
                weight: 5,
                isRight: true))
        if let rest = secondsLeft {
            segments.append(
                Segment(
                    spans: [Span("ETA ", theme[.dim]), Span(Numbers.duration(seconds: rest), theme[.text])], weight: 9,
                    isRight: true))
        }
        return segments
    }

    private func bar(_ share: Double, _ width: Int, _ canvas: Canvas) -> [Span] {
        let share = share.isFinite ? min(1, max(0, share)) : 0
        let halves = Int((share * Double(2 * width)).rounded())
        let full = halves / 2
        let half = glyphs == .unicode && halves % 2 == 1 ? 1 : 0
        let done =
            String(repeating: canvas.glyphs.sign("━", block: "█", ascii: "="), count: full) + (half == 1 ? "╸" : "")
        let rest = String(repeating: canvas.isUnicode ? "─" : "-", count: width - full - half)
        return [Span(done, canvas.theme[.progress]), Span(rest, canvas.theme[.track])]
    }

    // MARK: Status and footer

    /// At the left the error that stands, else the latest message; at the right what the last key did, which is never left
    /// out.
    func drawStatus(_ canvas: inout Canvas, y: Int) {
        let theme = canvas.theme
        var right = canvas.frame.width - 1
        let message = standingError ?? messages.last
        if let status {
            let room = message == nil ? right - 1 : max(20, right / 2)
            let text = fitted(status.text, room, glyphs)
            canvas.putRight(right, y, text, theme[status.kind == .notice ? .title : status.kind.look(glyphs).role])
            right -= canvas.width(text) + 2
        }
        guard let message, right > 12 else { return }
        let (sign, role) = message.kind.look(glyphs)
        let x = canvas.put(1, y, sign + " ", theme[role])
        canvas.putFitted(x, y, message.text, theme[role], width: right - x)
    }

    func drawFooter(_ canvas: inout Canvas, y: Int) {
        let theme = canvas.theme
        let width = canvas.frame.width
        if let prompt { return drawPrompt(prompt, &canvas, y: y) }
        if let palette { return drawPalette(palette, &canvas, y: y) }
        if deciding.confirmation != nil { return drawConfirmation(&canvas, y: y) }
        if deciding.search.isTyping { return drawSearch(&canvas, y: y) }
        var lead: [Span] = []
        if isStopping, !jobEnded {
            lead = [
                Span(
                    canvas.isUnicode ? "finishing the step, saving…" : "finishing the step, saving...", theme[.pending]),
                Span("  ", theme[.label]), Span("^C", theme[.key]), Span(" leave at once", theme[.label]),
            ]
        } else if deciding.anchor != nil {
            let count = selectedRows?.count ?? 0
            lead = [
                Span("\(count) row\(count == 1 ? "" : "s")", theme[.pending]), Span("  ", theme[.label]),
                Span("space", theme[.key]), Span(" \(willFreezeSelection ? "freeze" : "thaw")  ", theme[.label]),
                Span("esc", theme[.key]), Span(" leave it", theme[.label]),
            ]
        } else if jobEnded {
            lead = [
                Span("finished", theme[.success]), Span(canvas.isUnicode ? " · " : " - ", theme[.label]),
                Span("q", theme[.key]), Span(" quits", theme[.label]),
            ]
        } else if isSaving {
            lead = [Span(canvas.isUnicode ? "saving…" : "saving...", theme[.pending])]
        }
        var parts: [(spans: [Span], size: Int, weight: Int)] = []
        for binding in keyTable {
            guard var short = binding.short, let command = binding.keys.first?.1, isAvailable(command) else { continue }
            if command == .quit, jobEnded { continue }
            if command == .pause { short = isPaused ? "resume" : "pause" }
            if command == .enter, let node = cursorNode, !tree.nodes[node].children.isEmpty {
                short = unfolded.contains(tree.nodes[node].path) ? "fold" : "unfold"
            }
            let label = keys.label(binding, glyphs)
            if label.isEmpty { continue }
            parts.append(
                (
                    [Span(label, theme[.key]), Span(" " + short, theme[.label])],
                    canvas.width(label) + 1 + canvas.width(short), binding.weight
                ))
        }
        if overlay != nil {
            parts = [([Span("esc", theme[.key]), Span(" back", theme[.label])], 8, 10)]
        }
        let leadSize = lead.reduce(0) { $0 + canvas.width($1.text) } + (lead.isEmpty ? 0 : 2)
        while parts.reduce(leadSize, { $0 + $1.size + 2 }) > width,
            let least = parts.indices.min(by: { parts[$0].weight < parts[$1].weight })
        {
            parts.remove(at: least)
        }
        var x = canvas.put(1, y, lead, limit: width) + (lead.isEmpty ? 0 : 2)
        for part in parts { x = canvas.put(x, y, part.spans, limit: width) + 2 }
    }

    private func drawPrompt(_ prompt: Prompt, _ canvas: inout Canvas, y: Int) {
        let theme = canvas.theme
        let width = canvas.frame.width
        let pattern = ParameterPattern(prompt.text)
        let count = matchCount(pattern)
        let verb = prompt.freezing ? "freeze" : "thaw"
        let start = canvas.put(
            1, y, verb + (width < 100 ? ": " : " names matching: "), theme[prompt.freezing ? .frozen : .trainable])
        let tally = prompt.text.isEmpty ? "part of a name, or *?[]" : "\(count) of \(tree.parameters.count)"
        let keys: [Span] = [
            Span("enter", theme[.key]), Span(" " + verb + "  ", theme[.label]), Span("tab", theme[.key]),
            Span(prompt.freezing ? " thaw  " : " freeze  ", theme[.label]), Span("esc", theme[.key]),
            Span(" cancel", theme[.label]),
        ]
        let keysWidth = keys.reduce(0) { $0 + canvas.width($1.text) }
        let tallyWidth = canvas.width(tally)
        var right = width - 1
        if start + 12 + tallyWidth + 2 + keysWidth + 2 <= right {
            right -= keysWidth
            canvas.put(right, y, keys, limit: width)
            right -= 2
        }
        canvas.putRight(
            right, y, tally, theme[prompt.text.isEmpty ? .dim : count > 0 ? .success : .warning])
        right -= tallyWidth + 2
        // The end of a long pattern stays in sight, with the place where typing goes on.
        var shown = TUI.glyphs(of: prompt.text, glyphs)
        var size = shown.reduce(0) { $0 + $1.width }
        while size > max(1, right - start - 1), !shown.isEmpty { size -= shown.removeFirst().width }
        let end = canvas.put(start, y, shown.map(\.text).joined(), theme[.title], limit: right)
        canvas.put(end, y, canvas.glyphs.sign("▏", block: "_", ascii: "_"), theme[.key])
    }
}
