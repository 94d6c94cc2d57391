import Foundation
import Synchronization
import Training
import TrainingEvents

/// The interface without a terminal: the same events as plain lines, no escape sequence, nothing overwritten.
final class PlainProgress {
    private let mailbox: EventMailbox
    private let send: @Sendable (CommandRequest) -> Void
    private let toStandardError: Bool
    private var description: RunDescription?
    private var lastStepLine = ContinuousClock.now - .seconds(10)
    private var lastProgressLine = ContinuousClock.now
    private var cacheWasFull = false
    /// Says sentences instead, and listens.
    private let speaker: Speaker?
    /// Draws instead.
    private let screen: ComparisonScreen?

    /// Signals seen so far; signal handlers may only touch what is atomic.
    private static let signals = Atomic<Int>(0)
    private static let wakeDescriptor = Atomic<Int32>(-1)

    /// `toStandardError` leaves standard output to what a command prints at its end.
    init(
        mailbox: EventMailbox, send: @escaping @Sendable (CommandRequest) -> Void, speaker: Speaker? = nil,
        screen: ComparisonScreen? = nil, toStandardError: Bool = false
    ) {
        self.speaker = speaker
        self.screen = screen
        self.toStandardError = toStandardError
        self.mailbox = mailbox
        self.send = send
    }

    /// Prints until the job's outcome is there and everything was said.
    func run(until result: JobResult) -> RunOutcome {
        Self.wakeDescriptor.store(mailbox.wakeDescriptor, ordering: .relaxed)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { _ in
                // A second signal ends at once; nothing that was saved is touched by that.
                if PlainProgress.signals.add(1, ordering: .relaxed).oldValue >= 1 { _exit(130) }
                var byte: UInt8 = 1
                _ = write(PlainProgress.wakeDescriptor.load(ordering: .relaxed), &byte, 1)
            }
        }
        var stopSent = false
        while true {
            // Emptied before the outcome is looked for: one that comes afterwards makes the pipe readable again.
            mailbox.drain().forEach(show)
            if let outcome = result.value {
                mailbox.drain().forEach(show)
                return outcome
            }
            if Self.signals.load(ordering: .relaxed) > 0 && !stopSent {
                stopSent = true
                say("stopping: the step is finished and saved; a second signal quits at once")
                send(CommandRequest(.stop))
            }
            var waiting = [
                pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: speaker?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&waiting, 2, -1)
            if waiting[1].revents != 0, let speaker { speaker.listen().forEach(send) }
        }
    }

    private func show(_ event: TrainingEvent) {
        if let speaker { return speaker.say(event) }
        if let screen { return screen.show(event) }
        guard let line = line(for: event) else { return }
        if case .warning = event {
            StandardStreams.error(StandardStreams.visible(line))
        } else {
            say(StandardStreams.visible(line))
        }
    }

    private func say(_ line: String) {
        if let screen { return screen.say(line) }
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
            return "epoch \(step.epoch)  step \(step.stepInEpoch)/\(step.stepsPerEpoch)  loss \(Self.short(step.loss))"
                + "  accuracy \(Self.short(step.accuracy))  \(Self.short(step.imagesPerSecond)) img/s"
        case .epoch(let epoch):
            return
                "epoch \(epoch.epoch)/\(description?.epochs ?? epoch.epoch) done: training \(Self.score(epoch.training))"
                + (epoch.validation.map { ", validation \(Self.score($0))" } ?? "")
                + ", \(Self.short(epoch.seconds)) s" + (epoch.isBest ? ", best so far" : "")
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
        case .learningRate(let report):
            return "learning rate \(Self.short(report.rate)) from step \(report.step)"
        case .validation(let report): return "validated after step \(report.step): \(Self.score(report.score))"
        case .notFinite(let report):
            return "step \(report.step): the loss is not a finite number; the weights of step "
                + "\(report.weightsOfStep) are back"
        case .mistakes, .costs, .inspection: return nil
        case .refused(let report): return report.reason
        case .warning(let message): return "warning: \(message)"
        case .notice(let message): return message
        case .finished(let summary): return Self.line(for: summary)
        case .failed: return nil
        }
    }

    static func line(for summary: RunSummary) -> String {
        (summary.stopped ? "stopped" : "finished") + " after \(summary.steps) steps, \(short(summary.seconds)) s"
            + (summary.bestEpoch.flatMap { epoch in summary.best.map { "; best epoch \(epoch): \(score($0))" } } ?? "")
            + (summary.output.map { "; saved in \($0)" } ?? "")
    }

    static func score(_ score: Score) -> String { "loss \(short(score.loss)) accuracy \(short(score.accuracy))" }

    static func short(_ value: Double) -> String {
        value.isFinite ? String(format: abs(value) >= 100 ? "%.0f" : "%.4g", value) : "\(value)"
    }
}
