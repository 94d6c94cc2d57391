import Foundation
import Support
import Terminal
import Training
import TrainingEvents

/// The interface without a terminal: events as plain lines, no escape sequence, nothing overwritten.
final class PlainProgress {
    private let job: Job
    private let toStandardError: Bool
    private var description: RunDescription?
    private var lastStepLine = ContinuousClock.now - .seconds(10)
    private var lastProgressLine = ContinuousClock.now
    private var cacheWasFull = false
    /// Prints in place of the lines, and reads commands.
    private let sentences: SentenceInterface?
    /// Draws in place of the lines.
    private let screen: ComparisonScreen?

    /// `toStandardError` leaves standard output to what a command prints at its end.
    init(_ job: Job, sentences: SentenceInterface?, screen: ComparisonScreen?, toStandardError: Bool) {
        self.job = job
        self.sentences = sentences
        self.screen = screen
        self.toStandardError = toStandardError
    }

    /// Prints until the job's outcome is there and all of its events are printed.
    func run(until result: JobResult) -> RunOutcome {
        ProcessSignals.install(wake: job.mailbox.wakeDescriptor, onScreen: false)
        var stopSent = false
        while true {
            // Emptied before the outcome is looked for: one that comes afterwards makes the pipe readable again.
            job.mailbox.drain().forEach(print)
            if let outcome = result.value {
                job.mailbox.drain().forEach(print)
                return outcome
            }
            let isStopped = [.interrupt, .terminate, .hangUp].contains { ProcessSignals.take($0) > 0 }
            if isStopped && !stopSent {
                stopSent = true
                printLine("stopping: the step is finished and saved; a second signal quits at once")
                job.send(CommandRequest(.stop))
            }
            var waiting = [
                pollfd(fd: job.mailbox.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: sentences?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&waiting, 2, -1)
            if waiting[1].revents != 0, let sentences { sentences.readCommands().forEach(job.send) }
        }
    }

    private func print(_ event: TrainingEvent) {
        if let sentences { return sentences.print(event) }
        if let screen { return screen.add(event) }
        guard let line = line(for: event) else { return }
        if case .warning = event {
            StandardStreams.error(line)
        } else {
            printLine(line)
        }
    }

    private func printLine(_ line: String) {
        if let screen { return screen.printLine(line) }
        toStandardError ? StandardStreams.error(line) : StandardStreams.line(line)
    }

    /// The line for an event; nil for those that a log does not need.
    private func line(for event: TrainingEvent) -> String? {
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
        case .notFinite(let report):
            return "step \(report.step): the loss is not a finite number; the weights of step "
                + "\(report.weightsOfStep) are back"
        case .mistakes, .costs, .inspection: return nil
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
