import ArgumentParser
import Foundation
import RunSocket
import Training
import TrainingEvents

struct WaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Ends when a run does, with its exit code.",
        discussion: """
            0 where the run reached its end or was stopped, 1 where it failed or its process was killed. A run that has \
            ended already gives its code at once.
            """)

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String

    func run() throws {
        let run: AttachedRun
        do { run = try AttachedRun.open(folder, purpose: .script, readsHistory: false) } catch AttachError.notRunning {
            // Read afterwards: a run writes its end before it stops listening.
            return try report(RunFolder.record(of: folder).result)
        }
        let result = JobResult()
        Task.detached {
            result.set(await run.run())
            run.mailbox.wake()
        }
        while true {
            // Nothing of it is shown; a full mailbox would hold the connection up.
            _ = run.mailbox.drain()
            if let outcome = result.value {
                try outcome.requireSuccess()
                return try report(outcome.summary)
            }
            var source = pollfd(fd: run.mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&source, 1, 1000)
        }
    }

    private func report(_ summary: RunSummary?) throws {
        guard let summary else {
            let failure = RunStatus(of: folder).failure.map { "has failed: \($0)" }
            throw TrainingError.refused(
                "\(folder): the run \(failure ?? "was ended without a result"); --resume goes on with it.")
        }
        StandardStreams.line(EventLines.line(for: summary))
    }
}
