import ArgumentParser
import Foundation
import Support
import Training

struct ScalingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling", abstract: "Images per second by threads, image size and batch, for full and head steps."
    )

    @OptionGroup var shared: SharedArguments
    @Option(help: "Timed steps a figure.") var steps = 5
    @Option(parsing: .upToNextOption, help: "Image sizes, at a batch of 16.") var sizes = [64, 128, 224, 320, 512]
    @Option(parsing: .upToNextOption, help: "Batches, at 224×224.") var batches = [1, 4, 16, 64]

    private var threads: Int { shared.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }

    func validate() throws {
        try require(steps, atLeast: 1, "--steps")
        try require(threads, atLeast: 1, "--threads")
        for size in sizes { try require(size, atLeast: 32, "--sizes") }
        for batch in batches { try require(batch, atLeast: 1, "--batches") }
    }

    /// A line of the table: its name, and the work of a full step (a head step is the same but for the strategy).
    private var lines: [(name: String, work: StepWork)] {
        func work(threads: Int, batch: Int = 16, size: Int = 224) -> StepWork {
            StepWork(strategy: "full", batchSize: batch, imageSize: size, steps: steps, threads: threads)
        }
        return ThreadCounts.upTo(threads).map { ("threads \($0)", work(threads: $0)) }
            + sizes.map { ("size \($0)", work(threads: threads, size: $0)) }
            + batches.map { ("batch \($0)", work(threads: threads, batch: $0)) }
    }

    func run() throws {
        let contestants = try shared.contestants()
        let setting = try Setting.ask(contestants, threads: threads)
        var rows = [["images/s", "full", "head"]]
        if contestants.python != nil { rows = [["images/s", "full", "PyTorch", "head", "PyTorch"]] }
        var objects: [JSON] = []
        for (name, full) in lines {
            SharedArguments.progress(name)
            var cells = [name]
            for strategy in ["full", "head"] {
                var work = full
                work.strategy = strategy
                func rate(_ figures: StepFigures) -> Double { Double(work.batchSize) * 1000 / figures.milliseconds }
                let ours = rate(try contestants.frostline(work))
                let theirs = try contestants.pytorch(work).map(rate)
                cells.append(TextTable.figure(ours))
                if let theirs { cells.append(TextTable.figure(theirs)) }
                objects.append(
                    .object([
                        ("strategy", .string(strategy)), ("threads", .integer(work.threads)),
                        ("imageSize", .integer(work.imageSize)), ("batchSize", .integer(work.batchSize)),
                        ("frostlineImagesPerSecond", .number(ours)),
                        ("pytorchImagesPerSecond", theirs.map(JSON.number) ?? .null),
                    ]))
            }
            rows.append(cells)
        }
        if shared.json {
            print(JSON.object([("setting", setting.json), ("figures", .array(objects))]).line)
        } else {
            print(setting.text + "\n\n" + TextTable.render(rows))
        }
    }
}

/// Which numbers of threads are worth a line: each up to eight, then doubling, and always all.
package enum ThreadCounts {
    package static func upTo(_ all: Int) -> [Int] {
        var counts = Array(1...max(1, min(all, 8)))
        while let last = counts.last, last * 2 < all { counts.append(last * 2) }
        if counts.last != all { counts.append(all) }
        return counts
    }
}
