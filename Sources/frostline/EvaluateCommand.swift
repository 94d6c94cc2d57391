import ArgumentParser
import Experiments
import Ranks
import Support
import Training

struct EvaluateCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Accuracy, per-class precision and recall, confusion matrix and worst mistakes of a run.",
        discussion: """
            DATA holds a folder per class. All its pictures are evaluated; where it has train/ and val/, those of val/.
            """)

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .runFolders) var folder: String
    @Argument(help: "The image folder.", completion: .directory) var data: String
    @Option(help: "best (at validation) or last. (default: best)") var weights: TrainedNetwork.Choice = .best
    @Flag(help: "Only what the run held out of DATA for validation.") var heldOut = false
    @Option(help: "How many of the most confident mistakes are listed.") var worst = 10
    @Option(help: "Worker threads. (default: all cores)") var threads: Int?
    @Flag(help: "Print one JSON object.") var json = false

    @OptionGroup var quiet: QuietArgument
    @OptionGroup var processes: RankArguments

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    func run() throws {
        try TrainingError.require((0...100_000).contains(worst), "--worst", worst, "a whole number from 0 to 100000")
        try processes.share(evaluate)
    }

    private func evaluate(_ group: (any RankGroup)?) throws {
        let speaks = group.leads
        let meter = ProgressMeter(quiet: quiet.quiet || !speaks)
        defer { meter.end() }
        let evaluation = try Evaluation.run(
            try TrainedNetwork.open(folder, choice: weights), data: data, heldOut: heldOut,
            threads: try ThreadsOption.resolve(threads), worst: worst, group: group
        ) { done, total in
            meter.update { "pictures \(done)/\(total)" }
        }
        meter.end()
        guard speaks else { return }
        for line in quiet.quiet ? [] : evaluation.warnings + evaluation.unreadable.map({ "\($0); left out" }) {
            StandardStreams.warning(line)
        }
        json ? StandardStreams.json(evaluation.json) : StandardStreams.line(evaluation.text)
    }
}

extension Evaluation {
    fileprivate var text: String {
        var lines = [
            "accuracy \(Numbers.spacedPercent(accuracy.value)) (95 % interval \(Numbers.spacedPercent(accuracy.low)) to "
                + "\(Numbers.spacedPercent(accuracy.high))), \(report.correct) of \(report.count) pictures, "
                + "loss \(Numbers.short(loss))", "",
        ]
        var rows = [["class", "precision", "recall", "F1", "pictures"]]
        func row(_ name: String, _ scores: ClassificationReport.Scores) -> [String] {
            [name] + [scores.precision, scores.recall, scores.f1].map(Numbers.spacedPercent) + ["\(scores.support)"]
        }
        rows += zip(classes, report.classes).map(row)
        rows.append(row("mean", report.macro))
        rows.append(row("weighted mean", report.weighted))
        lines += TextTable.lines(rows)
        lines += ["", "rows are the truth, columns what was predicted:"]
        // A screen is some hundred columns wide; a larger matrix is for --json.
        if classes.count <= 12 {
            lines += TextTable.lines(
                [[""] + classes] + zip(classes, report.confusion).map { [$0] + $1.map(String.init) })
        } else {
            for (truth, counts) in report.confusion.enumerated() {
                for (predicted, count) in counts.enumerated() where predicted != truth && count > 0 {
                    lines.append("  \(classes[truth]) as \(classes[predicted]): \(count)")
                }
            }
        }
        if !mistakes.isEmpty {
            lines += ["", "most confident mistakes:"]
            lines += mistakes.map {
                "  \($0.file): \(classes[$0.predicted]) \(Numbers.spacedPercent($0.probability)), is \(classes[$0.truth])"
            }
        }
        return lines.joined(separator: "\n")
    }
}
