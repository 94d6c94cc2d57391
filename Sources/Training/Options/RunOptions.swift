import Images
import Model
import Network
import Support
import TrainingEvents

extension RankBatchNorm: JSONConvertible {}
extension Strategy: JSONConvertible {}
extension FrozenBatchNorm: JSONConvertible {}
extension OptimizerKind: JSONConvertible {}
extension ScheduleKind: JSONConvertible {}
extension Augmentation: JSONConvertible {}
extension ExifHandling: JSONConvertible {}

/// Every option of a training run. A new one is a field here and a line in `RunOption.all`.
package struct RunOptions: Sendable, Equatable {
    package var strategy: Strategy = .head
    package var freezeRules: [FreezeRule] = []
    package var epochs = 10
    package var batchSize = 16
    package var learningRate = 1e-3
    package var momentum = 0.9
    package var weightDecay = 1e-4
    package var optimizer: OptimizerKind = .sgd
    package var schedule: ScheduleKind = .constant
    package var imageSize = 224
    package var augmentation: Augmentation = .none
    package var shuffle = true
    package var validationSplit = 0.2
    package var seed: UInt64 = 0
    package var threads = 1
    package var exif: ExifHandling = .apply
    package var frozenBatchNorm: FrozenBatchNorm = .hold
    /// Of several ranks.
    package var batchNorm: RankBatchNorm = .global
    package var cache = true
    /// Bytes of memory that cached features may take.
    package var cacheBudget = 1 << 30
    /// Where cached features go that memory has no room for; nil is the run folder.
    package var cacheFolder: String?
    package var head: HeadChoice = .automatic
    package var patience: Int?
    /// `CrossEntropyLoss(label_smoothing=…)`, of training; validation reports the plain loss.
    package var labelSmoothing = 0.0
    /// `CrossEntropyLoss(weight=…)`, of training.
    package var classWeights: ClassWeights = .none
    /// `clip_grad_norm_` over all trainable parameters.
    package var clipNorm: Double?
    package var accumulate = 1
    package var decayPerStage = 1.0
    /// In order; the last that matches counts.
    package var rateRules: [RateRule] = []
    package var thawRules: [ThawRule] = []
    /// Steps between saves within an epoch; nil saves every few minutes, 0 at the end of epochs only.
    package var saveEvery: Int?
    /// Steps between probes; nil makes none by itself.
    package var probeEvery: Int?
    /// A run stops after so long, counted from each start.
    package var timeBudget: TimeBudget?

    // Not of the command line, and not in run.json.

    /// The most bytes that cached features may take on disk; nil is what the disk has.
    package var cacheDiskLimit: Int?
    /// Bytes that resized images may take.
    package var pictureBudget = 1 << 30
    /// The least time from step to step, for a demonstration that would be over in a second.
    package var pace: Duration?
    /// Stops after this many steps; nil means all epochs.
    package var stepLimit: Int?
    /// Masks to put in force before given steps, as a run before has reported them.
    package var replay: [FreezeReport] = []

    package init() {}
}

extension RunOption {
    /// In the order of run.json.
    package static let all: [RunOption] = [
        RunOption("strategy", \.strategy, "head, partial (layer4 and fc), full, or auto, which thaws what pays."),
        RunOption(
            "freeze", \.freezeRules,
            "Freeze parameters whose name contains PATTERN (a shell glob over the whole name where it has any of *?[]). "
                + "Repeatable; applied in order with --unfreeze.", valueName: "pattern", key: "freezeRules"
        ) { options in
            for rule in options.freezeRules { try requireMatch(rule.pattern, rule.frozen ? "--freeze" : "--unfreeze") }
        },
        RunOption(
            "epochs", \.epochs, "Passes over the training pictures.", .whole(1...1_000_000), scope: .continuation),
        RunOption("batch-size", \.batchSize, "Pictures a step.", .whole(1...4096)),
        RunOption("learning-rate", \.learningRate, "Base learning rate.", .positive),
        RunOption("momentum", \.momentum, "Momentum of sgd.", .fraction),
        RunOption("weight-decay", \.weightDecay, "Weight decay.", .notNegative),
        RunOption("optimizer", \.optimizer, "sgd or adamw."),
        RunOption("schedule", \.schedule, "constant, cosine or onecycle, per step."),
        RunOption("image-size", \.imageSize, "Side of the square that the network sees, in pixels.", .whole(32...1024)),
        RunOption("augment", \.augmentation, "none, flip or standard (random resized crop and flip)."),
        RunOption("shuffle", \.shuffle, "Draw a new order each epoch.", default: "--shuffle"),
        RunOption(
            "validation-split", \.validationSplit, "Share held out where there is no val folder; 0 for none.",
            .fraction),
        RunOption("seed", \.seed, "Seed of order, augmentation, split and new weights."),
        RunOption(
            "threads", \.threads, "Worker threads.", .whole(1...1024), default: "all cores", scope: .machine),
        RunOption("exif", \.exif, "apply or ignore the orientation that cameras note."),
        RunOption(
            "frozen-batchnorm", \.frozenBatchNorm,
            "hold: a frozen BatchNorm keeps its statistics; track: they still move, as with PyTorch's "
                + "requires_grad=False."),
        RunOption("cache", \.cache, "Keep the frozen prefix's output per picture.", default: "--cache"),
        RunOption(
            "cache-memory", \.cacheBudget, "MiB of memory that cached features may take.",
            default: "a quarter of the memory", scope: .machine, isRecorded: false),
        RunOption(
            "cache-dir", \.cacheFolder, "Where cached features go that memory has no room for; nothing is left there.",
            default: "the run folder", valueName: "folder", scope: .machine, isRecorded: false),
        RunOption(
            "head", \.head, "new or keep: draw a new fc, or keep the checkpoint's.",
            default: "keep where the outputs fit"),
        RunOption(
            "patience", \.patience, "End the run after this many epochs without a better validation.",
            .optional(.whole(1...1_000_000)), default: "never", scope: .continuation),
        RunOption(
            "label-smoothing", \.labelSmoothing, "Share of the target that is spread over all classes, of training.",
            AllowedValues(expected: "a number from 0 to 1", contains: (0...1).contains)),
        RunOption("class-weights", \.classWeights, "none, or balanced: rare classes weigh more in the training loss."),
        RunOption(
            "clip-norm", \.clipNorm, "Shorten the gradient of all trainable parameters to this norm.",
            .optional(.positive), default: "never"),
        RunOption("accumulate", \.accumulate, "Batches a step, whose mean gradient it takes.", .whole(1...4096)),
        RunOption(
            "learning-rate-decay-per-stage", \.decayPerStage,
            "Each stage below fc (layer4, layer3 … conv1) has the learning rate of the one above times this.",
            AllowedValues(expected: "a number above 0, at most 1") { $0 > 0 && $0 <= 1 }),
        RunOption(
            "lr", \.rateRules,
            "A learning rate of its own for matching parameters, as in layer4=1e-4. Repeatable; the last that matches "
                + "counts.", valueName: "pattern=value"
        ) { options in
            for rule in options.rateRules {
                try TrainingError.require(
                    rule.rate.isFinite && rule.rate >= 0, "--lr", "\(rule.pattern)=\(rule.rate)",
                    "PATTERN=VALUE with a finite value, 0 or more")
                try requireMatch(rule.pattern, "--lr")
            }
        },
        RunOption(
            "thaw", \.thawRules, "Thaw matching parameters when that epoch begins, as in 3:layer4. Repeatable.",
            valueName: "epoch:pattern"
        ) { options in
            for rule in options.thawRules {
                try TrainingError.require(
                    options.strategy != .auto, "--thaw", "\(rule.epoch):\(rule.pattern) with --strategy auto",
                    "head, partial or full: auto thaws by itself")
                try TrainingError.require(
                    (1...options.epochs).contains(rule.epoch), "--thaw", "\(rule.epoch):\(rule.pattern)",
                    "EPOCH:PATTERN with an epoch from 1 to \(options.epochs)")
                try requireMatch(rule.pattern, "--thaw")
            }
        },
        RunOption(
            "save-every", \.saveEvery, "Save every so many steps; 0 saves after epochs only.",
            .optional(
                AllowedValues(expected: "a whole number of steps, 0 or more", contains: (0...1_000_000_000).contains)),
            default: "every five minutes", scope: .continuation),
        RunOption(
            "batchnorm", \.batchNorm,
            "Where several processes share a batch: global statistics, as one process has them, or local, each of its own "
                + "pictures, which is quicker."),
        RunOption(
            "probe-every", \.probeEvery,
            "Measure every so many steps what thawing each frozen group would be worth; changes nothing.",
            .optional(.whole(1...1_000_000_000)), default: "never", scope: .continuation),
        RunOption(
            "time-budget", \.timeBudget,
            "Save and stop after so long, as in 90s, 10m or 2h; a resumed run has it again.",
            default: "none", valueName: "time", scope: .continuation),
    ]

    private static func requireMatch(_ pattern: String, _ option: String) throws {
        let names = ResNet.resnet18.parameterNames
        if !names.contains(where: ParameterPattern(pattern).matches) {
            throw TrainingError.pattern(pattern, option: option, names: names)
        }
    }
}

extension RunOptions: JSONObject {
    package static let blank = RunOptions()
    /// As run.json has them.
    package static let fields = RunOption.all.compactMap(\.field)

    /// Throws `TrainingError.option` or `.pattern` for the first value that is out of range; nothing else checks them again.
    package func validate() throws {
        for option in RunOption.all { try option.check(self) }
    }

    /// Takes over what a run was started with; what belongs to the machine stays.
    package mutating func adopt(_ recorded: RunOptions) {
        for option in RunOption.all where option.scope != .machine {
            if let field = option.field, let value = field.write(recorded) { _ = field.read(value, &self) }
        }
    }

    /// Throws `TrainingError.option` where a run that was started with `recorded` cannot go on with these options.
    package func requireContinuation(of recorded: RunOptions, in folder: String) throws {
        let options = RunOption.all
        guard options.contains(where: { $0.scope == .run && $0.field?.write(self) != $0.field?.write(recorded) }) else {
            return
        }
        let free = options.filter { $0.scope != .run }.map { "--\($0.name)" }
        throw TrainingError.option(
            "--resume", found: "with other options than \(folder) was started with",
            expected:
                "the same options (only \(free.dropLast().joined(separator: ", ")) and \(free.last ?? "") may differ)")
    }
}
