import ArgumentParser
import Foundation
import Support

struct RanksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ranks",
        abstract: "Steps of several ranks against one process, and against PyTorch's DistributedDataParallel over gloo."
    )

    @OptionGroup var shared: SharedArguments
    @Option(help: "Processes; one process has as many threads as they have together.") var ranks = 2
    @Option(help: "How often all are timed, in turn; figures are medians.") var rounds = 3
    @Option(help: "Timed steps a figure.") var steps = 10

    private var threads: Int { shared.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }

    func validate() throws {
        try require(ranks, atLeast: 2, "--ranks")
        try require(rounds, atLeast: 1, "--rounds")
        try require(steps, atLeast: 1, "--steps")
        try require(threads, atLeast: ranks, "--threads")
    }

    func run() throws {
        let contestants = try shared.contestants()
        let setting = try Setting.ask(contestants, threads: threads)
        var rows = [["ms a step", "one process", "\(ranks) ranks", "speed", "PyTorch", "DDP", "ratio", "DDP's ratio"]]
        var objects: [JSON] = []
        for strategy in ["full", "partial", "head"] {
            var figures: [[Double]] = [[], [], [], []]
            for round in 0..<rounds {
                SharedArguments.progress("\(strategy), round \(round + 1) of \(rounds)")
                let one = StepWork(strategy: strategy, steps: steps, threads: threads)
                var several = one
                (several.ranks, several.threads) = (ranks, threads / ranks)
                figures[0].append(try contestants.frostline(one).milliseconds)
                figures[1].append(try contestants.frostline(several).milliseconds)
                if let theirs = try contestants.pytorch(one) { figures[2].append(theirs.milliseconds) }
                if let theirs = try contestants.pytorch(several) { figures[3].append(theirs.milliseconds) }
            }
            let medians = figures.map { SideBySide.median($0) ?? .nan }
            func text(_ value: Double, _ digits: Int) -> String {
                value.isFinite ? String(format: "%.\(digits)f", value) : "–"
            }
            rows.append([
                strategy, text(medians[0], 1), text(medians[1], 1), text(medians[0] / medians[1], 2),
                text(medians[2], 1), text(medians[3], 1), text(medians[2] / medians[0], 2),
                text(medians[3] / medians[1], 2),
            ])
            let names = ["oneProcess", "ranks", "pytorch", "distributedDataParallel"]
            objects.append(
                .object(
                    [("strategy", .string(strategy))]
                        + zip(names, medians).map { ("\($0)Milliseconds", $1.isFinite ? .number($1) : .null) }))
        }
        if shared.json {
            print(
                JSON.object([("setting", setting.json), ("ranks", .integer(ranks)), ("figures", .array(objects))]).line)
        } else {
            print(setting.text + "\n\n" + TextTable.render(rows))
        }
    }
}
