import Network
import Kernels
import Support
import TrainingEvents

/// Frostline's version, as `--version` and run.json give it.
package let frostlineVersion = "0.1.0"

/// run.json: every option, the classes, what was read and with what; enough to do the run again.
struct RunRecord {
    private let fields: [(String, JSON)]

    /// `earlier`: the record of the run that this one continues, whose weights it keeps. Reads the weights file once.
    init(request: RunRequest, sets: ImageSets, earlier: JSON?) throws {
        let options = request.options
        let trainable = options.initialTrainable()
        let names = ResNet.resnet18.parameterNames.filter(trainable.contains)
        var weights: [(String, JSON)] = [("weights", .null)]
        if let earlier {
            weights = ["weights", "weightsHash"].compactMap { key in earlier[key].map { (key, $0) } }
        } else if case .file(let path) = request.weights {
            weights = [("weights", .string(path)), ("weightsHash", .string(try Self.hash(ofFile: path)))]
        }
        fields =
            [
                ("frostline", .string(frostlineVersion)),
                ("model", .string("resnet18")),
                ("data", .string(request.data.description)),
                ("classes", .array(sets.classes.map(JSON.string))),
                ("trainingPictures", .integer(sets.training.count)),
                ("validationPictures", .integer(sets.validation.count)),
                ("skippedPictures", .integer(sets.skippedCount)),
                ("picturesHash", .string(ContentHash.text(sets.identity))),
            ] + weights + [
                ("options", options.json),
                ("trainable", .array(names.map(JSON.string))),
                ("openblas", .object([("version", .string(BLAS.version)), ("kernel", .string(BLAS.coreName))])),
            ]
    }

    /// `result` is nil until the run has ended.
    func json(result: RunSummary?) -> JSON {
        guard let result else { return .object(fields) }
        let figures: [(String, JSON)] =
            [
                ("steps", .integer(result.steps)), ("epochs", .integer(result.epochs)),
                ("stopped", .bool(result.stopped)), ("seconds", .number(result.seconds)),
            ] + (result.bestEpoch.map { [("bestEpoch", .integer($0))] } ?? [])
            + (result.best.map { [("best", $0.json)] } ?? []) + (result.last.map { [("last", $0.json)] } ?? [])
        return .object(fields + [("result", .object(figures))])
    }

    /// Throws `TrainingError.data` where the pictures are not those of the run that is to be continued. Returns a warning
    /// where another version of the program began it.
    static func requireSameImages(_ earlier: JSON, sets: ImageSets, data: TrainingData) throws -> String? {
        if let then = earlier["picturesHash"]?.text, then != ContentHash.text(sets.identity) {
            func count(_ key: String) -> Int { earlier[key]?.int ?? 0 }
            throw TrainingError.data(
                "\(data.description): these are not the pictures that the run was started with (then "
                    + "\(count("trainingPictures")) and \(count("validationPictures")) of \(earlier["data"]?.text ?? "?"), now "
                    + "\(sets.training.count) and \(sets.validation.count)); put them back, or start a new run with "
                    + "--weights RUN/\(RunFolder.lastName).")
        }
        guard let version = earlier["frostline"]?.text, version != frostlineVersion else { return nil }
        return
            "the run was started with Frostline \(version), this is \(frostlineVersion): losses may differ in the last bits"
    }

    static func hash(ofFile path: String) throws -> String { ContentHash.text(try ContentHash.of(file: path)) }
}

extension RunOptions {
    /// Under the names of the command line, in camel case.
    var json: JSON {
        .object(
            [
                ("strategy", .string(strategy.rawValue)),
                (
                    "freezeRules",
                    .array(
                        freezeRules.map {
                            .object([("pattern", .string($0.pattern)), ("frozen", .bool($0.frozen))])
                        })
                ),
                ("epochs", .integer(epochs)), ("batchSize", .integer(batchSize)),
                ("learningRate", .number(learningRate)),
                ("momentum", .number(momentum)), ("weightDecay", .number(weightDecay)),
                ("optimizer", .string(optimizer.rawValue)), ("schedule", .string(schedule.rawValue)),
                ("imageSize", .integer(imageSize)), ("augment", .string(augmentation.rawValue)),
                ("shuffle", .bool(shuffle)),
                ("validationSplit", .number(validationSplit)), ("seed", .string(String(seed))),
                ("threads", .integer(threads)), ("exif", .string(exif.rawValue)),
                ("frozenBatchnorm", .string(frozenBatchNorm.rawValue)), ("cache", .bool(cache)),
                ("head", .string(head.rawValue)),
            ] + recipe.json)
    }

    /// What `json` wrote; options that are missing keep their defaults. nil where it is no such object.
    package init?(json: JSON) {
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
        recipe = TrainingRecipe(json: json)
    }
}
