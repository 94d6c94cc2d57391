import Dashboard
import Foundation
import Synchronization
import Terminal
import Training
import TrainingEvents

/// Work that posts events and takes commands: one run, or several one after the other.
struct Job: Sendable {
    let mailbox: EventMailbox
    let send: @Sendable (CommandRequest) -> Void
    let body: @Sendable () async -> RunOutcome
    var tie = RunTie.own
    /// Leaves a run of another process to itself; `body` then returns.
    var leave: (@Sendable () -> Void)?
    /// Ends the run at once, without a save.
    var abort: (@Sendable () -> Void)?
    /// Runs to be drawn behind it, each with its events.
    var others: [(name: String, mailbox: EventMailbox)] = []

    /// Whether a signal to this process stops the run.
    var stopsWithInterface: Bool { tie == .own || tie == .started }
}

/// Where a job's outcome arrives for the interface, which waits on a plain thread.
final class JobResult: Sendable {
    private let outcome = Mutex<RunOutcome?>(nil)

    func set(_ value: RunOutcome) { outcome.withLock { $0 = value } }
    var value: RunOutcome? { outcome.withLock { $0 } }
}

extension EventMailbox {
    /// Runs `body`, and hands over its events until it has an outcome or `isDone` says that no more are wanted; nil then.
    func follow(
        _ body: @escaping @Sendable () async -> RunOutcome, until isDone: (TrainingEvent) throws -> Bool
    ) rethrows -> RunOutcome? {
        let result = JobResult()
        Task.detached {
            result.set(await body())
            self.wake()
        }
        while true {
            // Looked for first: what was posted before the outcome has arrived by then.
            let outcome = result.value
            for event in drain() where try isDone(event) { return nil }
            if let outcome { return outcome }
            var source = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&source, 1, 1000)
        }
    }
}

extension RunOutcome {
    /// Throws `TrainingError.refused` where the run failed.
    func requireSuccess() throws { if let failure { throw TrainingError.refused(failure) } }
}

/// Runs a job behind the dashboard where standard output is a terminal that can show one, else behind plain lines.
enum JobRunner {
    /// - Parameter survivesHangUp: whether a run that the dashboard started goes on where its terminal goes away.
    static func run(
        _ job: Job, headless: Bool, interface: InterfaceArguments? = nil, screen: ComparisonScreen? = nil,
        toStandardError: Bool = false, survivesHangUp: Bool = false
    ) throws -> RunOutcome {
        ProcessSignals.prepareForRun()
        let result = JobResult()
        let start: @Sendable () -> Void = {
            Task.detached {
                let outcome = await job.body()
                result.set(outcome)
                job.mailbox.wake()
            }
        }
        let usesSentences = interface?.plain ?? false
        if !usesSentences, showsDashboard(headless: headless),
            let outcome = try DashboardInterface.run(
                job, result: result, interface: interface, survivesHangUp: survivesHangUp, start: start)
        {
            if let summary = outcome.summary, job.tie != .readOnly { print(summary) }
            return outcome
        }
        let plain = PlainProgress(
            job, sentences: usesSentences ? SentenceInterface(tie: job.tie) : nil, screen: screen,
            toStandardError: toStandardError)
        start()
        return plain.run(until: result)
    }

    static func showsDashboard(headless: Bool) -> Bool {
        !headless && isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1
    }

    /// The lines that stay on the terminal after the dashboard.
    private static func print(_ summary: RunSummary) {
        var lines = [EventLines.line(for: summary)]
        if let output = summary.output {
            lines.append("  \(output)/\(RunFolder.lastName)  after step \(summary.steps)")
            if let epoch = summary.bestEpoch { lines.append("  \(output)/\(RunFolder.bestName)  after epoch \(epoch)") }
        }
        for line in lines { StandardStreams.line(StandardStreams.wrapped(line)) }
    }
}
