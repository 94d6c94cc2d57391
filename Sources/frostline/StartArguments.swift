import ArgumentParser
import Foundation
import Training

/// For every command that opens a checkpoint.
struct CheckpointKeyArgument: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the weights lie in a file that holds several: a key of its dictionary, or what their names begin with. (default: an average (EMA) before other weights)",
            valueName: "NAME"))
    var checkpointKey: String?
}

/// Where training starts from: `--weights`, `--from-scratch`, or what the torch hub's cache holds.
struct StartArguments: ParsableArguments {
    @Option(
        help:
            "A .pth (any container of torch.save) or .safetensors file with a ResNet18. (default: the newest resnet18-*.pth in the torch hub's cache)",
        completion: .checkpoints)
    var weights: String?
    @OptionGroup var key: CheckpointKeyArgument
    @Flag(help: "Start from random weights on purpose.") var fromScratch = false

    var checkpointKey: String? { key.checkpointKey }

    func start() throws -> StartingWeights {
        try TrainingError.require(!fromScratch || weights == nil, "--from-scratch", "with --weights", "one of the two")
        try TrainingError.require(
            !fromScratch || checkpointKey == nil, "--from-scratch", "with --checkpoint-key", "one of the two")
        if fromScratch { return .random }
        guard let path = weights ?? WeightFiles.newestPretrained() else {
            throw TrainingError.data(WeightFiles.notFoundMessage)
        }
        try WeightFiles.requireReadable(path)
        return .file(path, key: checkpointKey)
    }

    /// The same, with what is said of the file on standard error: for commands that have no run to say it.
    func startAndSay() throws -> StartingWeights {
        let weights = try start()
        weights.notes.forEach(StandardStreams.error)
        return weights
    }

    /// Refuses what a glance can tell.
    static func requireFolder(_ path: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            if path.contains("\u{FFFD}") {
                throw TrainingError.data(
                    "\(path): a folder whose name is not UTF-8 cannot be named here; rename it, or change into it and give "
                        + "'.' as DATA.")
            }
            throw TrainingError.data("\(path): no such folder; DATA must hold a folder of pictures per class.")
        }
        guard isFolder.boolValue else {
            throw TrainingError.data("\(path): this is a file; DATA must be a folder that holds a folder per class.")
        }
    }
}
