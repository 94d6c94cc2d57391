import ArgumentParser
import Dashboard
import Foundation
import RunSocket
import Training
import TrainingEvents

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "A finished or running run in the dashboard, read-only; others behind it.",
        discussion: """
            RUN is a run folder. While another process writes it, what comes is followed; q leaves and disturbs nothing. \
            Of up to four more runs the loss and the validation accuracy lie behind the first one's. Where \
            standard output is no terminal, plain lines are printed: of several runs, one each.
            """)

    @Argument(
        help: ArgumentHelp("The run folder, and others to compare with.", valueName: "run"), completion: .runFolders)
    var folders: [String]
    @Flag(help: "Print plain lines even where standard output is a terminal.") var headless = false

    @OptionGroup(title: "Interface") var interface: InterfaceArguments

    func run() throws {
        try TrainingError.require(
            (1...1 + OtherRun.limit).contains(folders.count), "show", "with \(folders.count) runs",
            "one run and at most \(OtherRun.limit) others")
        let isDrawn = JobRunner.showsDashboard(headless: headless) && !interface.plain
        if folders.count > 1, !isDrawn { return try printSummaries() }
        for folder in folders { try RunFollower.requireRun(folder) }
        let names = Self.names(of: folders)
        let mailbox = EventMailbox(limit: 1 << 16)
        let others = folders.dropFirst().map { RunFollower($0, mailbox: EventMailbox(limit: 1 << 16)) }
        let follow: @Sendable () async -> RunOutcome
        let leave: @Sendable () -> Void
        // Where a process trains the run it is asked, else the run's files are watched.
        if let live = try? AttachedRun.open(folders[0], purpose: .reader, readsHistory: true, mailbox: mailbox) {
            (follow, leave) = ({ await live.run() }, { live.leave() })
        } else {
            let first = RunFollower(folders[0], mailbox: mailbox)
            (follow, leave) = ({ await first.run() }, { first.stop() })
        }
        let job = Job(
            mailbox: mailbox, send: { _ in },
            body: {
                // These are followed as long as the dashboard is open, also after the first run's end.
                for other in others { Task.detached { await other.run() } }
                return await follow()
            },
            tie: .readOnly, leave: leave, others: zip(names.dropFirst(), others).map { ($0, $1.mailbox) })
        try JobRunner.run(job, headless: headless, interface: interface).requireSuccess()
    }

    private func printSummaries() throws {
        // All are read before the first line, so an error leaves no half of the output.
        let lines = try folders.map { "\($0)  \(Self.summary(of: try RunFollower.events(of: $0)))" }
        for line in lines { StandardStreams.line(line) }
    }

    /// How far a run has come, in a line.
    private static func summary(of events: [TrainingEvent]) -> String {
        var steps = 0
        var best: EpochReport?
        for event in events {
            switch event {
            case .step(let step): steps = step.step
            case .epoch(let epoch): if epoch.isBest { best = epoch }
            case .finished(var summary):
                // Its folder stands at the line's beginning.
                summary.output = nil
                return EventLines.line(for: summary)
            default: break
            }
        }
        return "not finished, \(steps) steps so far"
            + (best.flatMap { best in
                best.validation.map { "; best epoch \(best.epoch): \(EventLines.score($0))" }
            } ?? "")
    }

    /// Short names for run folders: the last part of each path, unless two are the same.
    private static func names(of folders: [String]) -> [String] {
        let last = folders.map { URL(fileURLWithPath: $0).lastPathComponent }
        return Set(last).count == folders.count ? last : folders
    }
}
