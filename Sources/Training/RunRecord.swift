import Checkpoints
import Foundation
import Kernels
import Model
import Pictures
import TrainingEvents

/// Frostline's version, as `--version` and run.json give it.
public let frostlineVersion = "0.1.0"

/// run.json: every option, the classes, what was read and with what; enough to do the run again.
struct RunRecord {
    let request: RunRequest
    let run: TrainingRun
    let summary: RunSummary?

    var json: JSON {
        let options = request.options
        var fields: [(String, JSON)] = [
            ("frostline", .string(frostlineVersion)),
            ("model", .string("resnet18")),
            ("data", .string(request.data.description)),
            ("classes", .array(run.sets.classes.map(JSON.string))),
            ("trainingPictures", .integer(run.sets.training.count)),
            ("validationPictures", .integer(run.sets.validation.count)),
            ("skippedPictures", .integer(run.sets.skippedCount)),
            ("picturesHash", .string(Self.hash(run.sets))),
        ]
        if case .file(let path) = request.weights {
            fields += [("weights", .string(path)), ("weightsHash", .string(Self.hash(ofFile: path)))]
        } else {
            fields += [("weights", .null)]
        }
        fields += [
            ("options", options.json),
            (
                "trainable",
                .array(
                    ResNet18Layout.parameters(classes: 2).map(\.name).filter(options.initialTrainable().contains).map(
                        JSON.string))
            ),
            (
                "openblas",
                .object([("version", .string(BLAS.version)), ("kernel", .string(BLAS.coreName))])
            ),
        ]
        if let summary {
            fields += [
                (
                    "result",
                    .object(
                        [
                            ("steps", .integer(summary.steps)), ("epochs", .integer(summary.epochs)),
                            ("stopped", .bool(summary.stopped)), ("seconds", .number(summary.seconds)),
                        ] + (summary.bestEpoch.map { [("bestEpoch", .integer($0))] } ?? [])
                            + (summary.best.map { [("best", $0.json)] } ?? [])
                            + (summary.last.map { [("last", $0.json)] } ?? []))
                )
            ]
        }
        return .object(fields)
    }

    /// Of names and labels in order: another folder, or another split, is another hash.
    private static func hash(_ sets: PictureSets) -> String {
        var text: [UInt8] = []
        for source in [sets.training, sets.validation] {
            for index in 0..<source.count {
                text += Array(source.name(index).utf8) + [0, UInt8(truncatingIfNeeded: source.label(index)), 10]
            }
            text.append(0)
        }
        return hex(text.withUnsafeBytes { ContentHash.of($0) })
    }

    private static func hash(ofFile path: String) -> String {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else { return "" }
        return hex(data.withUnsafeBytes { ContentHash.of($0) })
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension RunOptions {
    /// Under the names of the command line, in camel case.
    var json: JSON {
        .object([
            ("strategy", .string(strategy.rawValue)),
            (
                "freezeRules",
                .array(
                    freezeRules.map {
                        .object([("pattern", .string($0.pattern)), ("frozen", .bool($0.frozen))])
                    })
            ),
            ("epochs", .integer(epochs)), ("batchSize", .integer(batchSize)), ("learningRate", .number(learningRate)),
            ("momentum", .number(momentum)), ("weightDecay", .number(weightDecay)),
            ("optimizer", .string(optimizer.rawValue)), ("schedule", .string(schedule.rawValue)),
            ("imageSize", .integer(imageSize)), ("augment", .string(augmentation.rawValue)),
            ("shuffle", .bool(shuffle)),
            ("validationSplit", .number(validationSplit)), ("seed", .string(String(seed))),
            ("threads", .integer(threads)), ("exif", .string(exif.rawValue)),
            ("frozenBatchnorm", .string(frozenBatchNorm.rawValue)), ("cache", .bool(cache)),
            ("head", .string(head.rawValue)),
        ])
    }

    /// What `json` wrote; options that are missing keep their defaults. nil where it is no such object.
    public init?(json: JSON) {
        self.init()
        guard case .object = json else { return nil }
        func choice<T: RawRepresentable>(_ key: String, _ value: inout T) where T.RawValue == String {
            if let text = json[key]?.text, let known = T(rawValue: text) { value = known }
        }
        choice("strategy", &strategy)
        choice("optimizer", &optimizer)
        choice("schedule", &schedule)
        choice("augment", &augmentation)
        choice("exif", &exif)
        choice("frozenBatchnorm", &frozenBatchNorm)
        choice("head", &head)
        freezeRules = (json["freezeRules"]?.items ?? []).compactMap { rule in
            rule["pattern"]?.text.map { FreezeRule(pattern: $0, frozen: rule["frozen"]?.flag ?? true) }
        }
        epochs = json["epochs"]?.int ?? epochs
        batchSize = json["batchSize"]?.int ?? batchSize
        learningRate = json["learningRate"]?.double ?? learningRate
        momentum = json["momentum"]?.double ?? momentum
        weightDecay = json["weightDecay"]?.double ?? weightDecay
        imageSize = json["imageSize"]?.int ?? imageSize
        shuffle = json["shuffle"]?.flag ?? shuffle
        validationSplit = json["validationSplit"]?.double ?? validationSplit
        seed = json["seed"]?.text.flatMap { UInt64($0) } ?? seed
        threads = json["threads"]?.int ?? threads
        cache = json["cache"]?.flag ?? cache
    }
}
