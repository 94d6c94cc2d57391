import ArgumentParser
import Experiments
import Foundation
import Support
import Training

struct PredictCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "Classes and probabilities of pictures.",
        discussion: """
            One line a picture, in the order given. A folder stands for the pictures in it, at any depth and in the order of \
            their names; - for names on standard input, one a line, or with -0 each ended by a zero byte, as of find -print0. \
            Exits 1 at the end where one could not be read.

            --map writes the picture as the network sees it, in grey, with the class activation map of the predicted class over \
            it: from black, its least value, to yellow, its greatest. Of several pictures each gets a file of its own, \
            heat.png for cat.jpg and dog.jpg being heat-cat.png and heat-dog.png.
            """)

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .runFolders) var folder: String
    @Argument(help: ArgumentHelp("The pictures, folders of them, or -.", valueName: "image"), completion: .file())
    var images: [String]
    @Option(help: "best (at validation) or last. (default: best)") var weights: TrainedNetwork.Choice = .best
    @Option(help: "Worker threads. (default: all cores)") var threads: Int?
    @Option(help: ArgumentHelp("Where it looks, as a PNG file; with --json the numbers too.", valueName: "out.png"))
    var map: String?
    @Flag(name: .customShort("0"), help: "Names on standard input end with a zero byte.") var zero = false
    @Flag(help: "Print one JSON object a line.") var json = false

    @OptionGroup var quiet: QuietArgument

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    func run() throws {
        var failed = false
        let paths = try PictureArguments.paths(ArgumentBytes.paths(of: images), zero: zero)
        let names = paths.map { String(decoding: $0, as: UTF8.self) }
        let maps = try map.map { try MapFiles($0, pictures: names) }
        let network = try TrainedNetwork.open(folder, choice: weights)
        let classifier = try Classifier(network, threads: try ThreadsOption.resolve(threads))
        let pictures = ListedImages(paths, exif: network.exif)
        // Lines on a terminal are progress enough.
        let meter = ProgressMeter(quiet: quiet.quiet || isatty(STDOUT_FILENO) == 1)
        defer { meter.end() }
        try classifier.classify(pictures, looks: maps != nil) { prediction in
            meter.update { "pictures \(prediction.index + 1)/\(names.count)" }
            let file = names[prediction.index]
            if let problem = prediction.problem {
                failed = true
                if json {
                    StandardStreams.json(.object([("file", .string(file)), ("error", .string(problem))]))
                } else {
                    meter.end()
                    Frostline.printError(problem)
                }
                return
            }
            if let maps, let look = prediction.look { try maps.write(look, at: prediction.index) }
            json
                ? StandardStreams.json(Self.object(file, prediction, network.classes))
                : StandardStreams.line(Self.line(file, prediction, network.classes))
        }
        if failed { throw ExitCode(1) }
    }

    private static func object(_ file: String, _ prediction: Prediction, _ classes: [String]) -> JSON {
        let map = prediction.look.map { look in
            ("map", JSON.array(look.map.rows.map { .array($0.map { .number(Double($0)) }) }))
        }
        return .object(
            [
                ("file", .string(file)), ("class", .string(classes[prediction.best])),
                (
                    "probabilities",
                    .object(prediction.ranking.map { (classes[$0], .number(prediction.probabilities[$0])) })
                ),
            ] + (map.map { [$0] } ?? []))
    }

    private static func line(_ file: String, _ prediction: Prediction, _ classes: [String]) -> String {
        let shown = prediction.ranking.prefix(5).map {
            "\(classes[$0]) \(Numbers.spacedPercent(prediction.probabilities[$0]))"
        }
        return "\(file)  " + shown.joined(separator: "  ") + (prediction.ranking.count > 5 ? "  …" : "")
    }
}

/// `--threads`, where a command has no other training options.
enum ThreadsOption {
    static func resolve(_ threads: Int?) throws -> Int {
        guard let threads else { return RunArguments.machineDefaults().threads }
        try TrainingError.require((1...1024).contains(threads), "--threads", threads, "a whole number from 1 to 1024")
        return threads
    }
}
