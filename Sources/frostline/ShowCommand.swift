import ArgumentParser
import Foundation
import Training
import TrainingEvents

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "A finished or running run in the dashboard, read-only.",
        discussion: """
            RUN is a run folder. While another process writes it, what comes is followed; q leaves and disturbs nothing. \
            Where standard output is no terminal, plain lines are printed.
            """)

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run")) var folder: String
    @Flag(help: "Print plain lines even where standard output is a terminal.") var headless = false

    func run() throws {
        try RunFollower.requireRun(folder)
        let mailbox = EventMailbox(limit: 1 << 16)
        let follower = RunFollower(folder, mailbox: mailbox)
        let send: @Sendable (TrainingCommand) -> Void = { if $0 == .stop { follower.stop() } }
        let job = Job(mailbox: mailbox, send: send, body: { await follower.run() }, isReadOnly: true)
        try JobRunner.run(job, headless: headless).requireSuccess()
    }
}
