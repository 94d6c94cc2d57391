import Network
import Images
import TrainingEvents

/// Which fully connected layer a run starts with.
package enum HeadChoice: String, Sendable, Codable, CaseIterable {
    /// The checkpoint's own where it has as many outputs as there are classes, else a new one.
    case automatic
    case new
    case keep
}

/// One `--freeze` or `--unfreeze`, in the order in which they were given.
package struct FreezeRule: Sendable, Equatable, Codable {
    package var pattern: String
    package var frozen: Bool

    package init(pattern: String, frozen: Bool) {
        self.pattern = pattern
        self.frozen = frozen
    }
}

/// Every option of a training run. `validate` says what is out of range; nothing else checks them again.
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
    package var cache = true
    /// Bytes of memory that cached features may take.
    package var cacheBudget = 1 << 30
    /// Where cached features go that memory has no room for; nil is the run folder.
    package var cacheFolder: String?
    /// The most bytes that they may take there; nil is what the disk has.
    package var cacheDiskLimit: Int?
    /// Bytes that resized pictures may take.
    package var pictureBudget = 1 << 30
    package var head: HeadChoice = .automatic
    /// Learning rates by layer, thawing by epoch, early stopping, and what is done to loss and gradient.
    package var recipe = TrainingRecipe()
    /// The least time from step to step, where a person is to follow what would be over in a second.
    package var pace: Duration?
    /// Stops after this many steps; nil means all epochs. Left out of run.json.
    package var stepLimit: Int?
    /// Masks to put in force before given steps; the demonstration replays a person's toggles with it.
    package var replay: [FreezeReport] = []

    package init() {}

    /// Throws `TrainingError.option` for the first value that is out of range.
    package func validate() throws {
        let require = TrainingError.require
        try require((1...1_000_000).contains(epochs), "--epochs", "\(epochs)", "a whole number from 1 to 1000000")
        try require((1...4096).contains(batchSize), "--batch-size", "\(batchSize)", "a whole number from 1 to 4096")
        try require(
            learningRate.isFinite && learningRate > 0, "--learning-rate", "\(learningRate)", "a finite number above 0")
        try require(
            momentum.isFinite && momentum >= 0 && momentum < 1, "--momentum", "\(momentum)",
            "a number from 0 to below 1")
        try require(
            weightDecay.isFinite && weightDecay >= 0, "--weight-decay", "\(weightDecay)", "a finite number, 0 or more")
        try require((32...1024).contains(imageSize), "--image-size", "\(imageSize)", "a whole number from 32 to 1024")
        try require(
            validationSplit.isFinite && validationSplit >= 0 && validationSplit < 1, "--validation-split",
            "\(validationSplit)", "a number from 0 to below 1")
        try require((1...1024).contains(threads), "--threads", "\(threads)", "a whole number from 1 to 1024")
        let names = ResNet.resnet18.parameterNames
        for rule in freezeRules where !names.contains(where: ParameterPattern(rule.pattern).matches) {
            throw TrainingError.pattern(rule.pattern, option: rule.frozen ? "--freeze" : "--unfreeze", names: names)
        }
        try recipe.validate(epochs: epochs)
    }

    /// The names that train from the first step: the strategy's, then each rule in order.
    package func initialTrainable() -> Set<String> {
        let names = ResNet.resnet18.parameterNames
        var trainable = Set(strategy.trainable(of: names))
        for rule in freezeRules {
            let matched = ParameterPattern(rule.pattern).matching(names)
            if rule.frozen { trainable.subtract(matched) } else { trainable.formUnion(matched) }
        }
        return trainable
    }
}

extension RunOptions {
    /// Whether features of a frozen prefix can be kept.
    var cacheRule: FeatureCacheRule {
        FeatureCacheRule(isEnabled: cache, augmentationIsRandom: augmentation == .standard, budget: cacheBudget)
    }

    /// How many faces of a training picture features are kept of: it and its mirror image with `--augment flip`.
    var cachedVariants: Int { augmentation == .flip ? 2 : 1 }

    /// Takes over what a run was started with; what belongs to the machine or the interface stays.
    package mutating func adopt(_ recorded: RunOptions) {
        var adopted = recorded
        adopted.threads = threads
        adopted.cacheBudget = cacheBudget
        adopted.cacheFolder = cacheFolder
        adopted.pictureBudget = pictureBudget
        self = adopted
    }
}
