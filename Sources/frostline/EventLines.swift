import Support
import Training
import TrainingEvents

/// A run's events as lines of a log. It knows what was said before: steps come once a second, a full cache once.
struct EventLines {
    private var description: RunDescription?
    private var lastStepLine = ContinuousClock.now - .seconds(10)
    private var lastProgressLine = ContinuousClock.now
    private var cacheWasFull = false

    init() {}

    /// The line for an event; nil for those that a log does not need.
    mutating func line(for event: TrainingEvent) -> String? {
        switch event {
        case .opened(let run):
            description = run
            cacheWasFull = false
            lastStepLine = .now - .seconds(10)
            return (run.phase.map { "\($0): " } ?? "")
                + "\(run.model)  \(run.weights ?? "random weights")  \(run.optimizer) \(run.learningRate)"
                + " \(run.schedule)  batch \(run.batchSize)  \(run.epochs) epochs  \(run.imageSize) px"
                + "  \(run.threads) threads" + (run.output.map { "  → \($0)" } ?? "")
        case .progress(let work):
            guard work.work != .saving, work.total > 0, lastProgressLine.duration(to: .now) > .seconds(5) else {
                return nil
            }
            lastProgressLine = .now
            return "\(work.work.rawValue) \(work.done)/\(work.total)"
        case .dataset(let data):
            return "\(data.classes.count) classes: \(data.classes.prefix(20).joined(separator: ", "))"
                + (data.classes.count > 20 ? ", …" : "")
                + "; \(data.trainingCount) training and \(data.validationCount) validation pictures, "
                + "\(data.skippedCount) skipped"
        case .step(let step):
            let isLast = step.stepInEpoch >= step.stepsPerEpoch
            guard isLast || lastStepLine.duration(to: .now) > .seconds(1) else { return nil }
            lastStepLine = .now
            return
                "epoch \(step.epoch)  step \(step.stepInEpoch)/\(step.stepsPerEpoch)  loss \(Numbers.short(step.loss))"
                + "  accuracy \(Numbers.short(step.accuracy))  \(Numbers.short(step.imagesPerSecond)) img/s"
        case .epoch(let epoch):
            return
                "epoch \(epoch.epoch)/\(description?.epochs ?? epoch.epoch) done: training \(Self.score(epoch.training))"
                + (epoch.validation.map { ", validation \(Self.score($0))" } ?? "")
                + ", \(Numbers.short(epoch.seconds)) s" + (epoch.isBest ? ", best so far" : "")
        case .freeze(let freeze):
            return "from step \(freeze.step) \(freeze.trainable.count) of \(description?.parameters.count ?? 62) "
                + "parameters train" + (freeze.frostLine.isEmpty ? "" : "; frost line \(freeze.frostLine)")
        case .cache(let status):
            switch status {
            case .off(let reason):
                guard !cacheWasFull else { return nil }
                cacheWasFull = true
                return "nothing is cached: \(reason)"
            case .on(_, let bytes, let cached, let total):
                guard cached >= total, !cacheWasFull else { return nil }
                cacheWasFull = true
                return "the frozen layers' output is cached: \(bytes / 1024) KiB × \(total) pictures"
            }
        case .proof(let proof):
            return proof.broken.isEmpty ? nil : "frozen tensors changed: \(proof.broken.joined(separator: ", "))"
        case .paused(let step, let reason): return "paused after step \(step)\(reason.suffix)"
        case .resumed(let step): return "resumed with step \(step)"
        case .saved(let save):
            return "saved step \(save.step) in \(save.path)"
                + (save.bestStep.map { $0 == save.step ? " (best)" : " (best: step \($0))" } ?? "")
        case .learningRate(let report): return "learning rate \(Numbers.short(report.rate)) from step \(report.step)"
        case .validation(let report): return "validated after step \(report.step): \(Self.score(report.score))"
        case .probe(let report): return "probe after step \(report.step): \(report.sentence)"
        case .decision(let decision): return decision.text
        case .notFinite(let report):
            return "step \(report.step): the loss is not a finite number; the weights of step "
                + "\(report.weightsOfStep) are back"
        case .asked(let request, let requester):
            return requester.client == 0 ? nil : "\(requester.label) asked \(request.command.wish)"
        case .mistakes, .costs, .inspection, .dashboards, .ranks, .story: return nil
        case .refused(let reason, _): return reason
        case .warning(let message): return "warning: \(message)"
        case .notice(let message): return message
        case .finished(let summary): return Self.line(for: summary)
        case .failed: return nil
        }
    }

    static func line(for summary: RunSummary) -> String {
        (summary.stopped ? "stopped" : "finished")
            + " after \(summary.steps) steps, \(Numbers.short(summary.seconds)) s"
            + (summary.bestEpoch.flatMap { epoch in summary.best.map { "; best epoch \(epoch): \(score($0))" } } ?? "")
            + (summary.output.map { "; saved in \($0)" } ?? "")
    }

    static func score(_ score: Score) -> String {
        "loss \(Numbers.short(score.loss)) accuracy \(Numbers.short(score.accuracy))"
    }
}
