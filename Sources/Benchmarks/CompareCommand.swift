import ArgumentParser
import Foundation
import Support

extension Row: ExpressibleByArgument {}

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Steps, runs and memory, with the ratios and what they are to reach.")

    @OptionGroup var shared: SharedArguments
    @Option(help: "How often everything is measured, the two sides in turn.") var rounds = 3
    @Option(help: "Pictures a step.") var batchSize = 16
    @Option(help: "Side of the square that the network sees, in pixels.") var imageSize = 224
    @Option(help: "Timed steps a figure.") var steps = 10
    @Option(help: "Epochs of the end-to-end runs.") var epochs = 5
    @Option(help: "The picture folder of the runs. (default: 240 drawn pictures)") var data: String?
    @Option(help: "The weights of the runs. (default: random ones)") var weights: String?
    @Option(parsing: .upToNextOption, help: "Only these rows.") var rows: [Row] = Row.allCases

    private var threads: Int { shared.threads ?? 2 }

    func validate() throws {
        for (value, option) in [
            (rounds, "--rounds"), (batchSize, "--batch-size"), (steps, "--steps"), (epochs, "--epochs"),
            (threads, "--threads"),
        ] { try require(value, atLeast: 1, option) }
        try require(imageSize, atLeast: 32, "--image-size")
    }

    func run() throws {
        let contestants = try shared.contestants()
        let folder = NSTemporaryDirectory() + "/frostline-benchmarks-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }

        let setting = try Setting.ask(contestants, threads: threads)
        var runs: EndToEnd?
        var notes: [String] = []
        if rows.contains(where: \.needsFiles) {
            let files = try BenchmarkFiles.prepare(
                pictures: data, weights: weights, in: folder, contestants: contestants, threads: threads)
            notes += files.notes
            runs = EndToEnd(
                contestants: contestants, files: files, folder: folder, batchSize: batchSize, imageSize: imageSize,
                threads: threads, epochs: epochs)
        }
        let step = StepWork(
            strategy: "full", batchSize: batchSize, imageSize: imageSize, steps: steps, threads: threads)
        let measured = Rounds(contestants, step: step, runs: runs)
        var table = rows.map { $0.empty(batch: batchSize, epochs: epochs) }
        for number in 0..<rounds {
            measured.begin(number)
            for (index, row) in rows.enumerated() {
                SharedArguments.progress("round \(number + 1) of \(rounds): \(table[index].name)")
                table[index].rounds.append(try measured.measure(row))
            }
        }
        notes.append("batch \(batchSize), \(imageSize)×\(imageSize); medians, rounds: \(rounds)")
        if !measured.workers.isEmpty {
            let chosen = measured.workers.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            notes.append("DataLoader workers that were faster: " + chosen.joined(separator: ", "))
        }
        if shared.json {
            print(
                JSON.object([
                    ("setting", setting.json), ("notes", .array(notes.map(JSON.string))),
                    ("rows", ComparisonTable.json(table)),
                ]).line)
        } else {
            print(setting.text)
            for note in notes { print(note) }
            print("\n" + ComparisonTable.text(table))
        }
    }
}
