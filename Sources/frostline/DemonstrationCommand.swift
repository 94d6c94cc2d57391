import ArgumentParser
import Foundation
import Support
import TrainingEvents

struct DemonstrationCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "demonstration",
        abstract: "The built-in demonstration: transfer learning on drawn pictures. Needs no file and no network.")

    @Option(help: "Worker threads. (default: all cores)") var threads: Int?
    @Option(help: "Seed of the pictures, their order and new weights; each has a task A of its own.") var seed: UInt64 =
        0
    @Flag(help: "Print plain lines even where standard output is a terminal.") var headless = false
    @Option(
        help: ArgumentHelp(
            "Write the pictures of both tasks into this new folder, as image folders, and train nothing.",
            valueName: "folder"), completion: .directory)
    var pictures: String?

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    @OptionGroup(title: "Interface") var interface: InterfaceArguments

    func run() throws {
        if let pictures { return try DrawnFolder.write(to: pictures, seed: seed) }
        let demonstration = Demonstration(
            threads: threads ?? RunArguments.machineDefaults().threads, seed: seed,
            cacheFolder: Demonstration.defaultCacheFolder(),
            isLive: interface.plain || !headless && isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1)
        let job = Job(mailbox: demonstration.mailbox, send: demonstration.send) { await demonstration.run() }
        let outcome = try JobRunner.run(job, headless: headless, interface: interface)
        if let result = demonstration.result { Self.print(result) }
        try outcome.requireSuccess()
    }

    /// Both trainings of task B beside each other.
    private static func print(_ result: Demonstration.Result) {
        func row(_ name: String, _ summary: RunSummary) -> String {
            let last = summary.last.map { "\(EventLines.score($0))" } ?? "not validated"
            return "  \(name): \(last), \(summary.steps) steps, \(Numbers.short(summary.seconds)) s"
        }
        StandardStreams.line("")
        StandardStreams.line("task B, \(result.story.pictures) pictures, validation after the last epoch:")
        StandardStreams.line(row("after \(result.story.start)", result.task))
        StandardStreams.line(row("from random weights, every layer", result.fromRandom))
        if let sentence = result.story.sentence { StandardStreams.line(sentence) }
    }
}
