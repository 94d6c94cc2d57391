import TUI
import Dashboard
import Foundation
import Synchronization
import Training
import TrainingEvents

/// Work that posts events and takes commands: one run, or a story of several.
struct Job: Sendable {
    let mailbox: EventMailbox
    let send: @Sendable (CommandRequest) -> Void
    let body: @Sendable () async -> RunOutcome
    /// Whether it only shows what somebody else does.
    var isReadOnly = false
    /// Runs to be drawn behind it, each with the events that it tells.
    var others: [(name: String, mailbox: EventMailbox)] = []
}

/// Where a job's outcome arrives for the interface, which waits on a plain thread.
final class JobResult: Sendable {
    private let outcome = Mutex<RunOutcome?>(nil)

    func set(_ value: RunOutcome) { outcome.withLock { $0 = value } }
    var value: RunOutcome? { outcome.withLock { $0 } }
}

/// A run that ended with an error, which nobody has read yet.
struct RunFailure: Error, CustomStringConvertible {
    let description: String
}

extension RunOutcome {
    /// Throws `RunFailure` where the run failed.
    func requireSuccess() throws {
        if let failure { throw RunFailure(description: failure) }
    }
}

/// Runs a job behind the dashboard where standard output is a terminal that can show one, else behind plain lines.
enum JobRunner {
    static func run(
        _ job: Job, headless: Bool, interface: InterfaceArguments? = nil, screen: ComparisonScreen? = nil,
        toStandardError: Bool = false
    ) throws -> RunOutcome {
        // A reader that went away is an error of one write, not the end of the run.
        signal(SIGPIPE, SIG_IGN)
        // A parent may have left these blocked (a Swift program that starts this one from a dispatch thread does), and a
        // run that cannot be stopped loses what it has.
        var handled = sigset_t()
        sigemptyset(&handled)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH] { sigaddset(&handled, number) }
        pthread_sigmask(SIG_UNBLOCK, &handled, nil)
        let result = JobResult()
        let start: @Sendable () -> Void = {
            Task.detached {
                let outcome = await job.body()
                result.set(outcome)
                job.mailbox.wake()
            }
        }
        let isSpoken = interface?.plain ?? false
        let plain = PlainProgress(
            mailbox: job.mailbox, send: job.send, speaker: isSpoken ? Speaker() : nil, screen: screen,
            toStandardError: toStandardError)
        guard !isSpoken, showsDashboard(headless: headless) else {
            start()
            return plain.run(until: result)
        }
        guard let outcome = try DashboardInterface.run(job, result: result, interface: interface, start: start) else {
            start()
            return plain.run(until: result)
        }
        if let summary = outcome.summary, !job.isReadOnly { farewell(summary) }
        return outcome
    }

    static func showsDashboard(headless: Bool) -> Bool {
        !headless && isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1
    }

    /// What stays on the terminal when the dashboard has left it.
    private static func farewell(_ summary: RunSummary) {
        StandardStreams.line(StandardStreams.visible(PlainProgress.line(for: summary)))
        guard let output = summary.output else { return }
        StandardStreams.line(StandardStreams.visible("  \(output)/\(RunFolder.lastName)  after step \(summary.steps)"))
        if let epoch = summary.bestEpoch {
            StandardStreams.line(StandardStreams.visible("  \(output)/\(RunFolder.bestName)  after epoch \(epoch)"))
        }
    }
}
