import ArgumentParser
import Dashboard
import Foundation
import RunSocket
import Training
import TrainingEvents

struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach", abstract: "The dashboard of a run that another process trains.",
        discussion: """
            Every key works as in train, from several terminals at once. q and D leave the run alone, Q stops it after a \
            question. Without RUN it is the one run below runs/ that goes on, or one of a list. Across machines: \
            ssh -t HOST frostline attach RUN.
            """)

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .runFolders) var folder: String?
    @Flag(help: "Print plain lines even where standard output is a terminal.") var headless = false

    @OptionGroup(title: "Interface") var interface: InterfaceArguments

    func run() throws {
        let folder = try folder ?? LiveRuns.choose()
        // As lines, the past is in the log already.
        let isDrawn = !interface.plain && JobRunner.showsDashboard(headless: headless)
        let run = try LiveRuns.attach(
            to: folder, purpose: isDrawn || interface.plain ? .dashboard : .script, readsHistory: isDrawn)
        let job = Job(
            mailbox: run.mailbox, send: run.send, body: { await run.run() }, tie: .attached, leave: run.leave)
        let outcome = try JobRunner.run(job, headless: headless, interface: interface)
        if run.hasLeft, let process = run.process {
            StandardStreams.line("\(folder) goes on in process \(process)")
        }
        try outcome.requireSuccess()
    }
}

/// The runs that processes of this machine train.
enum LiveRuns {
    /// Attaches to the run. Where it has ended, the error says how, and what can be done with it.
    static func attach(to folder: String, purpose: ClientPurpose, readsHistory: Bool) throws -> AttachedRun {
        do { return try AttachedRun.open(folder, purpose: purpose, readsHistory: readsHistory) } catch AttachError
            .notRunning
        {
            throw TrainingError.refused(try whatBecame(of: folder))
        }
    }

    private static func whatBecame(of folder: String) throws -> String {
        let record = try RunFolder.record(of: folder)
        let status = RunStatus(of: folder)
        let advice =
            "`frostline show \(folder)` shows it, `frostline train \(record.data) --resume \(folder)` goes on with it."
        if let process = status.process {
            return "\(folder): process \(process) is at work there, and does not answer; try again in a moment."
        }
        if let result = record.result {
            return "\(folder): the run has ended (\(EventLines.line(for: result))). \(advice)"
        }
        let steps = "after \(status.step ?? 0) steps"
        if let failure = status.failure { return "\(folder): the run has failed \(steps): \(failure) \(advice)" }
        return "\(folder): no process trains this run; it was ended \(steps), without a result. \(advice)"
    }

    /// The one run below `runs`, else below the current folder, that goes on; of several, the one that is chosen on the
    /// terminal.
    static func choose() throws -> String {
        var live: [String] = []
        for folder in ["runs", "."] where live.isEmpty {
            live = ((try? RunSearch.runs(below: folder)) ?? []).filter { AttachedRun.isPaused($0) != nil }
        }
        guard let first = live.first else {
            throw TrainingError.refused("no run below runs/ goes on; name a run folder, or start one with train.")
        }
        if live.count == 1 { return first }
        let list = live.enumerated().map { "  \($0 + 1)  \($1)" }
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
            throw TrainingError.refused("\(live.count) runs go on; name one of them:\n" + list.joined(separator: "\n"))
        }
        list.forEach(StandardStreams.line)
        StandardStreams.write("attach to which (1 to \(live.count))? ", to: STDOUT_FILENO)
        guard let number = readLine().flatMap({ Int($0.trimmingCharacters(in: .whitespaces)) }),
            live.indices.contains(number - 1)
        else { throw TrainingError.refused("no run was chosen") }
        return live[number - 1]
    }
}
