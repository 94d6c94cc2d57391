import Kernels
import Network
import Support
import TrainingEvents

/// Frostline's version, as `--version` and run.json give it.
package let frostlineVersion = "0.1.0"

/// run.json: every option, the classes, what was read and with what; enough to do the run again.
package struct RunRecord: JSONObject {
    var version = frostlineVersion
    var model = ResNet.resnet18.name
    /// The folder as it was named, or what stands in its place.
    package var data = "?"
    var classes: [String] = []
    var trainingCount = 0
    var validationCount = 0
    var skippedCount = 0
    /// Of names, sizes and labels; see `ImageSets.identity`.
    var imagesHash: String?
    /// The file that the run began from; nil for random weights.
    var weights: String?
    var weightsHash: String?
    /// `--checkpoint-key`, where it was given.
    var checkpointKey: String?
    var options = RunOptions()
    /// The names that train from the first step, in torchvision's order.
    var trainable: [String] = []
    /// Version, kernel, why it is that one, and the instruction set of the own loops.
    var openblas = JSON.null
    /// When the run, or its latest resumed part, began; nil in a record of an earlier version.
    package var started: Timestamp?
    /// When it finished or failed.
    package var ended: Timestamp?
    /// nil until the run has ended.
    package var result: RunSummary?
    /// Why the run ended, where it did so with an error.
    package var failure: String?

    /// What the run began from. Needed again only where it was ended before its first save.
    package var start: StartingWeights { weights.map { .file($0, key: checkpointKey) } ?? .random }

    package static let blank = RunRecord()
    package static let fields: [JSONField<RunRecord>] = [
        JSONField("frostline", \.version), JSONField("model", \.model), JSONField("data", \.data),
        JSONField("classes", \.classes), JSONField("trainingPictures", \.trainingCount),
        JSONField("validationPictures", \.validationCount), JSONField("skippedPictures", \.skippedCount),
        .ifPresent("picturesHash", \.imagesHash), JSONField("weights", \.weights),
        .ifPresent("weightsHash", \.weightsHash), .ifPresent("checkpointKey", \.checkpointKey),
        JSONField("options", \.options, isRequired: true),
        JSONField("trainable", \.trainable), JSONField("openblas", \.openblas),
        .ifPresent("started", \.started), .ifPresent("ended", \.ended), .ifPresent("result", \.result),
        .ifPresent("failure", \.failure),
    ]

    private init() {}

    /// `earlier`: the record of the run that this one continues, whose weights it keeps. Reads the weights file once.
    init(request: RunRequest, sets: ImageSets, earlier: RunRecord?) throws {
        data = request.data.description
        classes = sets.classes
        trainingCount = sets.training.count
        validationCount = sets.validation.count
        skippedCount = sets.skippedCount
        imagesHash = ContentHash.text(sets.identity)
        if let earlier {
            (weights, weightsHash) = (earlier.weights, earlier.weightsHash)
            checkpointKey = earlier.checkpointKey
        } else if case .file(let path, let key) = request.weights {
            (weights, weightsHash) = (path, try Self.hash(ofFile: path))
            checkpointKey = key
        }
        options = request.options
        trainable = ResNet.resnet18.parameterNames.filter(options.initialTrainable().contains)
        openblas = BLAS.choice.json
    }

    /// Throws `TrainingError.data` where the images are not those of this run, which is to be continued.
    func requireSameImages(_ sets: ImageSets, data now: TrainingData) throws {
        guard let imagesHash, imagesHash != ContentHash.text(sets.identity) else { return }
        throw TrainingError.data(
            "\(now.description): these are not the pictures that the run was started with (then \(trainingCount) and "
                + "\(validationCount) of \(data), now \(sets.training.count) and \(sets.validation.count)); put them "
                + "back, or start a new run with --weights RUN/\(RunFolder.lastName).")
    }

    /// A warning where another version of the program began the run.
    var versionWarning: String? {
        guard version != frostlineVersion else { return nil }
        return
            "the run was started with Frostline \(version), this is \(frostlineVersion): losses may differ in the last bits"
    }

    /// A warning where the run was computed with another kernel of OpenBLAS or other instructions.
    var kernelWarning: String? {
        let now = BLAS.choice.json
        func name(_ json: JSON) -> String? {
            guard let kernel = json["kernel"]?.text else { return nil }
            return [kernel, json["instructions"]?.text].compactMap { $0 }.joined(separator: ", ")
        }
        guard let then = name(openblas), let here = name(now), then != here, openblas["instructions"] != nil else {
            return nil
        }
        return
            "the run was computed with other kernels (\(then)), these are \(here): losses differ in the last bits; "
            + "docs/processors.md"
    }

    static func hash(ofFile path: String) throws -> String { ContentHash.text(try ContentHash.of(file: path)) }
}

extension RunSummary: JSONObject {
    package static let blank = RunSummary(
        steps: 0, epochs: 0, stopped: false, seconds: 0, bestEpoch: nil, best: nil, last: nil, output: nil)
    package static let fields: [JSONField<RunSummary>] = [
        JSONField("steps", \.steps), JSONField("epochs", \.epochs), JSONField("stopped", \.stopped),
        JSONField("seconds", \.seconds), .ifPresent("bestEpoch", \.bestEpoch), .ifPresent("best", \.best),
        .ifPresent("last", \.last),
    ]
}
