import Experiments
import ArgumentParser
import Foundation
import Support
import Training
import TrainingEvents

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Head, partial and full on the same pictures: one table, and what follows.",
        discussion: """
            Every arm sees the same pictures, the same split and the same seeds, and starts from the same weights. The \
            accuracy is that of the best epoch on the validation pictures, with its 95 % interval. On a terminal a chart \
            of all arms' validation accuracy grows meanwhile; elsewhere plain lines are printed.
            """)

    @Argument(help: "The image folder.") var data: String
    @OptionGroup var start: StartArguments
    @OptionGroup var training: RunArguments
    @Option(help: "How many seeds each arm is trained with, from --seed on.") var seeds = 1
    @Option(
        help: ArgumentHelp(
            "One more arm, as in \"slow: --strategy full --learning-rate 1e-4\". Repeatable.",
            valueName: "name: options"))
    var arm: [String] = []
    @Flag(help: "Instead of the three strategies, every frost line from fc alone down to conv1.") var depth = false
    @Flag(help: "Print one JSON object; progress goes to standard error.") var json = false

    func run() throws {
        guard (1...100).contains(seeds) else {
            throw TrainingError.option("--seeds", found: "\(seeds)", expected: "a whole number from 1 to 100")
        }
        try StartArguments.requireFolder(data)
        let weights = try start.start()
        let base = try training.options(over: RunArguments.machineDefaults())
        var arms = depth ? ComparisonArm.depths(over: base) : ComparisonArm.strategies(over: base)
        for text in arm {
            let parsed = try ArmArgument.parse(text, over: base)
            guard !arms.contains(where: { $0.name == parsed.name }) else {
                throw TrainingError.option("--arm", found: text, expected: "a name that no other arm has")
            }
            arms.append(parsed)
        }
        let pictures = try PreparedImages.open(
            .folder(data), options: base,
            warn: { StandardStreams.error(StandardStreams.visible("warning: \($0)")) }, progress: { _, _ in },
            isCancelled: { false })
        guard pictures.validationCount > 0 else {
            throw TrainingError.option(
                "--validation-split", found: "\(base.validationSplit)",
                expected: "validation pictures, without which nothing can be compared")
        }
        let comparison = Comparison(
            pictures, weights: weights, arms: arms, seeds: (0..<UInt64(seeds)).map { base.seed &+ $0 },
            mailbox: EventMailbox())
        let job = Job(mailbox: comparison.mailbox, send: comparison.send) { await comparison.run() }
        let chart = ComparisonChart(
            arms: arms.map(\.name), rounds: seeds, epochs: arms.map(\.options.epochs).max() ?? 1)
        let screen = ComparisonScreen(chart, on: json ? STDERR_FILENO : STDOUT_FILENO)
        _ = try JobRunner.run(job, headless: true, screen: screen, toStandardError: json)
        let report = ComparisonReport(pictures, comparison.results)
        StandardStreams.line(json ? report.json.line : StandardStreams.visible("\n" + report.text))
        if comparison.results.contains(where: { $0.failure != nil }) { throw ExitCode(1) }
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
        do {
            arguments = try RunArguments.parse(words)
        } catch {
            throw refused("training options after the name: \(RunArguments.message(for: error))")
        }
        guard arguments.seed == nil, arguments.validationSplit == nil, arguments.exif == nil else {
            throw refused("no --seed, --validation-split or --exif: they are the same for all arms")
        }
        return ComparisonArm(name: name, options: try arguments.options(over: base, arguments: words))
    }
}

/// A comparison as a table, as JSON, and what follows from it.
private struct ComparisonReport {
    let pictures: PreparedImages
    let results: [ArmResult]
    let advice: ComparisonAdvice

    init(_ pictures: PreparedImages, _ results: [ArmResult]) {
        self.pictures = pictures
        self.results = results
        advice = ComparisonAdvice(
            results, count: pictures.validationCount, largestClass: pictures.largestValidationClass)
    }

    var text: String {
        let several = results.contains { $0.runs.count > 1 }
        var rows = [
            ["arm", "accuracy", "95 % interval"] + (several ? ["of seeds"] : [])
                + ["time", "to best", "memory", "parameters"]
        ]
        for result in results where !result.runs.isEmpty {
            let interval = result.interval(of: pictures.validationCount)
            let spread =
                several
                ? [
                    "\(Numbers.spacedPercent(result.accuracies.min() ?? 0))–\(Numbers.spacedPercent(result.accuracies.max() ?? 0))"
                ] : []
            rows.append(
                [
                    result.name, Numbers.spacedPercent(result.accuracy),
                    "\(Numbers.spacedPercent(interval.low))–\(Numbers.spacedPercent(interval.high))",
                ] + spread
                    + [
                        Numbers.seconds(result.seconds), Numbers.seconds(result.secondsToBest),
                        "\(result.peakMemory >> 20) MiB",
                        "\(result.parametersTrained)",
                    ])
        }
        var lines = TextTable.lines(rows)
        for result in results {
            if let failure = result.failure { lines.append("\(result.name): \(failure)") }
        }
        lines += [
            "",
            StandardStreams.wrapped(
                "\(pictures.trainingCount) training and \(pictures.validationCount) validation pictures; accuracy at the best"
                    + " epoch, chosen on the same pictures and so a little flattering to all."), "",
        ]
        return (lines + advice.sentences.map(StandardStreams.wrapped)).joined(separator: "\n")
    }

    var json: JSON {
        .object([
            ("trainingPictures", .integer(pictures.trainingCount)),
            ("validationPictures", .integer(pictures.validationCount)),
            ("classes", .array(pictures.classes.map(JSON.string))), ("arms", .array(results.map(object))),
            (
                "recommendation",
                .object([
                    ("arm", advice.arm.map(JSON.string) ?? .null), ("sufficient", .bool(advice.isSufficient)),
                    ("text", .string(advice.sentences.joined(separator: " "))),
                ])
            ),
        ])
    }

    private func object(_ result: ArmResult) -> JSON {
        let interval = result.interval(of: pictures.validationCount)
        let figures: [(String, JSON)] =
            result.runs.isEmpty
            ? []
            : [
                ("accuracy", .number(result.accuracy)),
                ("accuracyInterval", .array([.number(interval.low), .number(interval.high)])),
                ("accuracies", .array(result.accuracies.map(JSON.number))),
                ("seeds", .array(result.runs.map { .string(String($0.seed)) })), ("loss", .number(result.loss)),
                ("seconds", .number(result.seconds)), ("secondsToBest", .number(result.secondsToBest)),
                ("peakMemoryMiB", .number(Double(result.peakMemory) / 1_048_576)),
            ]
        return .object(
            [("name", .string(result.name)), ("parametersTrained", .integer(result.parametersTrained))] + figures
                + (result.failure.map { [("failure", .string($0))] } ?? []))
    }
}
