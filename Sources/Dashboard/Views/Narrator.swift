import Support
import TrainingEvents

/// The run as sentences, for a screen reader: what changed is reported once, in words, and nothing is drawn.
package struct Narrator: Sendable {
    private var lastStep: Double?
    private var work: WorkProgress.Work?
    private var lastCacheText = ""
    private var lossIsBroken = false

    package init() {}

    /// Steps are reported this many seconds apart; everything else when it happens.
    private static let stepInterval = 10.0

    /// The sentences for an event that `state` has taken in already.
    /// - Parameter now: seconds on any clock that does not go back.
    package mutating func sentences(for event: TrainingEvent, _ state: DashboardState, now: Double) -> [String] {
        switch event {
        case .opened(let run):
            work = nil
            lastCacheText = ""
            lastStep = nil
            return [
                (run.phase.map { "A run begins, \($0). " } ?? "A run begins. ")
                    + "Network \(run.model), \(run.epochs) epochs in batches of \(run.batchSize), optimizer "
                    + "\(run.optimizer), learning rate \(Numbers.rate(run.learningRate)). "
                    + Self.training(state)
            ]
        case .progress(let progress):
            guard progress.work != work, progress.work != .saving else { return [] }
            work = progress.work
            switch progress.work {
            case .weights: return ["Reading weights."]
            case .pictures: return ["Reading pictures."]
            case .measuring: return ["Measuring the layers."]
            case .caching: return ["Computing what the frozen layers give."]
            case .validation, .saving, .probing: return []
            }
        case .dataset(let data):
            return [
                "\(data.classes.count) classes: \(data.classes.prefix(20).joined(separator: ", "))"
                    + (data.classes.count > 20 ? " and more" : "")
                    + ". \(data.trainingCount) pictures to train with, \(data.validationCount) to validate with"
                    + (data.skippedCount > 0 ? ", \(data.skippedCount) left out." : ".")
            ]
        case .step(let step):
            work = nil
            if !step.loss.isFinite {
                defer { lossIsBroken = true }
                return lossIsBroken ? [] : ["The loss is not a number since step \(step.step)."]
            }
            lossIsBroken = false
            if let lastStep, now - lastStep < Self.stepInterval { return [] }
            lastStep = now
            return [Self.standing(state)]
        case .epoch(let epoch):
            lastStep = now
            var text = "Epoch \(epoch.epoch) of \(state.run.description?.epochs ?? epoch.epoch) is done. "
            if let validation = epoch.validation {
                text += "Validation: \(Self.words(validation))\(epoch.isBest ? ", the best so far" : ""). "
            }
            return [text + "Training: \(Self.words(epoch.training))."]
        case .freeze(let freeze):
            guard let mark = state.charts.marks.last, mark.step == freeze.step else { return [] }
            return ["\(Self.sentence(mark.label)) From step \(freeze.step) on. \(Self.training(state))"]
        case .cache(let status):
            let text =
                switch status {
                case .off(let reason): "Nothing is cached: \(reason)."
                case .on(_, let bytes, let cached, let total):
                    cached < total
                        ? lastCacheText
                        : "What the frozen layers give is cached for \(total) pictures, \(Numbers.bytes(bytes)) each."
                }
            guard text != lastCacheText else { return [] }
            lastCacheText = text
            return text.isEmpty ? [] : [text]
        case .proof(let proof):
            return proof.broken.isEmpty
                ? [] : ["Frozen bits changed, found at step \(proof.step): \(proof.broken.joined(separator: ", "))."]
        case .paused(let step, let reason):
            return ["Paused after step \(step)\(reason.suffix)."]
        case .resumed(let step): return ["Goes on with step \(step)."]
        case .saved(let save): return ["Saved step \(save.step) in \(save.path)\(save.bestSuffix)."]
        case .learningRate(let report):
            return ["Learning rate \(Numbers.rate(report.rate)) from step \(report.step) on."]
        case .validation(let report):
            return ["Validated after step \(report.step): \(Self.words(report.score))."]
        case .decision(let decision): return [Self.sentence(decision.text)]
        case .probe(let report): return [Self.sentence(report.sentence)]
        case .notFinite(let report):
            return [
                "The loss of step \(report.step) is not a number. The weights of step \(report.weightsOfStep) are back, "
                    + "and the run is paused."
            ]
        case .asked(_, let requester):
            guard requester.client != 0, let message = state.messages.entries.last else { return [] }
            return [Self.sentence(message.text)]
        case .story(let report):
            // While the runs go on, their beginnings and the hints say where the story is.
            if report.act == .end { return [report.sentence].compactMap { $0.map(Self.sentence) } }
            return state.storyTexts.compactMap(\.first).map(Self.sentence)
        case .mistakes, .costs, .inspection, .dashboards, .ranks: return []
        case .refused(let reason, _): return [Self.sentence(reason)]
        case .warning(let text): return ["Warning: \(Self.sentence(text))"]
        case .notice(let text): return [Self.sentence(text)]
        case .finished(let summary):
            var text = summary.stopped ? "Stopped" : "Finished"
            text += " after \(summary.steps) steps, \(Self.span(summary.seconds))."
            if let best = summary.best {
                text += " Best validation: accuracy \(Self.percent(best.accuracy))"
                text += summary.bestEpoch.map { " in epoch \($0)." } ?? "."
            }
            return [text + (summary.output.map { " Everything is in \($0)." } ?? "")]
        case .failed(let text): return ["Failed: \(Self.sentence(text))"]
        }
    }

    /// Where the run stands, in one sentence.
    static func standing(_ state: DashboardState) -> String {
        guard let step = state.run.lastStep else { return "No step was run yet." }
        var text =
            "Epoch \(step.epoch) of \(state.run.description?.epochs ?? step.epoch), step \(step.stepInEpoch) of "
            + "\(step.stepsPerEpoch): loss \(Numbers.fixed(step.loss, 3)), accuracy \(percent(step.accuracy)), "
            + "\(Numbers.speed(step.imagesPerSecond)) pictures a second"
        if let total = state.run.totalSteps, let each = state.run.recentMilliseconds, step.step <= total, step.step >= 0
        {
            text += ", about \(span(Double(total - step.step) * each / 1000)) left"
        }
        return text + "." + (state.run.pauseReason.map { " Paused\($0.suffix)." } ?? "")
    }

    static func training(_ state: DashboardState) -> String {
        let trainable = Set(state.layers.frozen.indices.filter { !state.layers.frozen[$0] })
        let what = trainable.isEmpty ? "Nothing trains" : "Training: \(state.layers.tree.name(trainable, .ascii))"
        return
            "\(what), \(Numbers.count(state.layers.trainableCount)) of \(Numbers.count(state.layers.totalCount)) parameters."
    }

    private static func percent(_ share: Double) -> String { Numbers.fixed(share * 100, 1) + " percent" }

    private static func words(_ score: Score) -> String {
        "accuracy \(percent(score.accuracy)), loss \(Numbers.fixed(score.loss, 3))"
    }

    private static func span(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "an unknown time" }
        let total = Numbers.whole(seconds.rounded())
        if total < 60 { return total == 1 ? "1 second" : "\(total) seconds" }
        let minutes = total / 60
        if minutes < 120 { return "\(minutes) \(minutes == 1 ? "minute" : "minutes") \(total % 60) seconds" }
        return "\(minutes / 60) hours \(minutes % 60) minutes"
    }

    /// With a capital and a full stop, as speech needs it.
    private static func sentence(_ text: String) -> String {
        guard let first = text.first else { return "" }
        let end = text.last.map { ".!?".contains($0) } ?? true
        return first.uppercased() + text.dropFirst() + (end ? "" : ".")
    }
}

extension DashboardState {
    /// A command as a line of text, as the palette takes it: what to do, and the answer.
    package mutating func handle(_ line: String) -> (effects: [DashboardEffect], answer: [String]) {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case nil, "status": return ([], [Narrator.standing(self), Narrator.training(self)])
        case "help", "?":
            return (
                [],
                ["status: where the run stands.", "quit: finish the step, save and leave."]
                    + completions(of: "").map {
                        "\($0.line)- \($0.summary)".replacing("- ", with: ": ", maxReplacements: 1)
                    }
            )
        default: break
        }
        messages.status = nil
        var effects = run(line: line)
        // A line that was typed whole needs no second key.
        if dialogs.confirmation != nil { effects += confirm("y") }
        return (effects, messages.status.map { [$0.text] } ?? (effects.isEmpty ? ["Done."] : []))
    }
}
