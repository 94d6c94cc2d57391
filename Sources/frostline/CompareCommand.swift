import ArgumentParser
import Experiments
import Foundation
import Ranks
import Training
import TrainingEvents

struct CompareCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Head, partial, full and auto on the same pictures: one table, and what follows.",
        discussion: """
            Every arm sees the same pictures, the same split and the same seeds, and starts from the same weights. The \
            accuracy is that of the best epoch on the validation pictures, with its 95 % interval. On a terminal a chart \
            of all arms' validation accuracy grows meanwhile; elsewhere plain lines are printed. Auto ends by itself, after \
            four times --epochs at most.
            """)

    @Argument(help: "The image folder.", completion: .directory) var data: String
    @OptionGroup var start: StartArguments
    @OptionGroup var training: RunArguments
    @Option(help: "How many seeds each arm is trained with, from --seed on.") var seeds = 1
    @Option(
        help: ArgumentHelp(
            "One more arm, as in \"slow: --strategy full --learning-rate 1e-4\". Repeatable.",
            valueName: "name: options"))
    var arm: [String] = []
    @Flag(help: "Instead of the three strategies, every frost line from fc alone down to conv1.") var depth = false
    @Option(
        help: ArgumentHelp("Keep each arm's run folder below this one; nothing is kept without.", valueName: "folder"))
    var output: String?
    @Flag(help: "Print one JSON object; progress goes to standard error.") var json = false

    @OptionGroup var processes: RankArguments

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    func run() throws {
        try TrainingError.require((1...100).contains(seeds), "--seeds", seeds, "a whole number from 1 to 100")
        try processes.share(compare)
    }

    private func compare(_ group: (any RankGroup)?) throws {
        let speaks = group.leads
        try StartArguments.requireFolder(data)
        let weights = speaks ? try start.start() : .random
        let base = try training.options(over: RunArguments.machineDefaults())
        var arms = depth ? ComparisonArm.depths(over: base) : ComparisonArm.strategies(over: base)
        let isAlone = (group?.count ?? 1) == 1
        if !depth, isAlone, base.thawRules.isEmpty { arms.append(ComparisonArm.auto(over: base)) }
        for text in arm {
            let parsed = try ArmArgument.parse(text, over: base)
            let isNew = !arms.contains { $0.name == parsed.name }
            try TrainingError.require(isNew, "--arm", text, "a name that no other arm has")
            arms.append(parsed)
        }
        if let output, speaks { try Self.requireEmpty(output) }
        let pictures = try PreparedImages.open(
            .folder(data), options: base, warn: { if speaks { StandardStreams.warning($0) } }, progress: { _, _ in },
            isCancelled: { false }, group: group)
        try TrainingError.require(
            pictures.validationCount > 0, "--validation-split", base.validationSplit,
            "validation pictures, without which nothing can be compared")
        let comparison = Comparison(
            pictures, weights: weights, arms: arms, seeds: (0..<UInt64(seeds)).map { base.seed &+ $0 },
            mailbox: EventMailbox(), group: group, output: output)
        guard speaks else {
            _ = comparison.mailbox.follow({ await comparison.run() }) { _ in false }
            return
        }
        let job = Job(mailbox: comparison.mailbox, send: comparison.send) { await comparison.run() }
        let chart = ComparisonChart(
            arms: arms.map(\.name), rounds: seeds, epochs: base.epochs)
        let screen = ComparisonScreen(chart, on: json ? STDERR_FILENO : STDOUT_FILENO)
        _ = try JobRunner.run(job, headless: true, screen: screen, toStandardError: json)
        let report = ComparisonReport(pictures, comparison.results)
        json ? StandardStreams.json(report.json) : StandardStreams.line("\n" + report.text)
        if comparison.results.contains(where: { $0.failure != nil }) { throw ExitCode(1) }
    }
}

extension CompareCommand {
    /// What lies there already might be taken for an arm's. Throws `TrainingError.option` or `.output`.
    private static func requireEmpty(_ folder: String) throws {
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw TrainingError.output(
                path: folder, problem: "cannot be made (\(error.localizedDescription)); name another --output.")
        }
        guard (try? FileManager.default.contentsOfDirectory(atPath: folder).isEmpty) == true else {
            throw TrainingError.option("--output", found: folder, expected: "a new or an empty folder")
        }
    }
}

/// `--arm "name: options"`.
enum ArmArgument {
    static func parse(_ text: String, over base: RunOptions) throws -> ComparisonArm {
        func refused(_ expected: String) -> TrainingError { .option("--arm", found: "\"\(text)\"", expected: expected) }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0].trimmingCharacters(in: .whitespaces)
        guard parts.count == 2, !name.isEmpty else {
            throw refused("\"name: options\", as in \"slow: --learning-rate 1e-4\"")
        }
        let words = parts[1].split(separator: " ").map(String.init)
        let arguments: RunArguments
        do { arguments = try RunArguments.parse(words) } catch {
            throw refused("training options after the name: \(RunArguments.message(for: error))")
        }
        guard arguments.seed == nil, arguments.validationSplit == nil, arguments.exif == nil else {
            throw refused("no --seed, --validation-split or --exif: they are the same for all arms")
        }
        return ComparisonArm(name: name, options: try arguments.options(over: base, arguments: words))
    }
}
