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

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .runFolders) var folder: String

    func run() throws {
        let run: AttachedRun
        do { run = try AttachedRun.open(folder, purpose: .script, readsHistory: false) } catch AttachError.notRunning {
            // Read afterwards: a run writes its end before it stops listening.
            return try report(RunFolder.record(of: folder).result)
        }
        // Nothing of it is shown; a full mailbox would hold the connection up.
        guard let outcome = run.mailbox.follow({ await run.run() }, until: { _ in false }) else { return }
        // Scripts move or remove the folder next, or resume the run.
        run.waitUntilClosed()
        // A connection made in the moment of the end is not answered any more.
        if run.endedWithoutWord, let summary = try? RunFolder.record(of: folder).result { return try report(summary) }
        try outcome.requireSuccess()
        try report(outcome.summary)
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
