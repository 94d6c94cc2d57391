import Dashboard
import Foundation
import Ranks
import Terminal
import Training
import TrainingEvents

/// The interface without a terminal: events as plain lines, no escape sequence, nothing overwritten.
final class PlainProgress {
    private let job: Job
    private let toStandardError: Bool
    private var lines = EventLines()
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
            let isTerminated = ProcessSignals.take(.terminate) > 0
            if isTerminated { RankLaunch.current?.doubt() }
            let isStopped = isTerminated || [.interrupt, .hangUp].contains { ProcessSignals.take($0) > 0 }
            if isStopped && !stopSent {
                stopSent = true
                if job.stopsWithInterface {
                    printLine("stopping: the step is finished and saved; a second signal quits at once")
                    job.send(CommandRequest(.stop))
                } else {
                    job.leave?()
                }
            }
            var waiting = [
                pollfd(fd: job.mailbox.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: sentences?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&waiting, 2, -1)
            guard waiting[1].revents != 0, let sentences else { continue }
            for effect in sentences.readCommands() {
                switch effect {
                case .engine(let command, let id): job.send(CommandRequest(command, id: id))
                case .detach: job.leave?()
                default: break
                }
            }
        }
    }

    private func print(_ event: TrainingEvent) {
        if let sentences { return sentences.print(event) }
        if let screen { return screen.add(event) }
        guard let line = lines.line(for: event) else { return }
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
}
