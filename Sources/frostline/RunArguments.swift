import ArgumentParser
import Foundation
import Images
import Model
import Network
import Ranks
import Support
import Training

extension Strategy: ExpressibleByArgument {
    public static var allValueStrings: [String] { (allCases + [.auto]).map(\.rawValue) }
}
extension TimeBudget: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
extension OptimizerKind: ExpressibleByArgument {}
extension ScheduleKind: ExpressibleByArgument {}
extension Augmentation: ExpressibleByArgument {}
extension ExifHandling: ExpressibleByArgument {}
extension FrozenBatchNorm: ExpressibleByArgument {}
extension ClassWeights: ExpressibleByArgument {}
extension RankBatchNorm: ExpressibleByArgument {}

/// `--head new|keep`.
enum HeadArgument: String, ExpressibleByArgument, CaseIterable { case new, keep }

extension ArgumentHelp {
    /// The help of the run option with this field.
    static func of(_ field: PartialKeyPath<RunOptions>) -> ArgumentHelp {
        let option = RunOption.of(field)
        return ArgumentHelp(option?.help ?? "", valueName: option?.valueName)
    }
}

/// The training options of the command line, as `RunOption` describes them. All are optional here, so that what was not
/// given keeps the value of the run that is resumed, or the default.
struct RunArguments: ParsableArguments {
    @Option(help: .of(\.strategy)) var strategy: Strategy?
    @Option(help: .of(\.freezeRules), completion: .patterns) var freeze: [String] = []
    @Option(help: ArgumentHelp("The opposite of --freeze.", valueName: "pattern"), completion: .patterns) var unfreeze:
        [String] = []
    @Option(help: .of(\.epochs)) var epochs: Int?
    @Option(help: .of(\.batchSize)) var batchSize: Int?
    @Option(help: .of(\.learningRate)) var learningRate: Double?
    @Option(help: .of(\.momentum)) var momentum: Double?
    @Option(help: .of(\.weightDecay)) var weightDecay: Double?
    @Option(help: .of(\.optimizer)) var optimizer: OptimizerKind?
    @Option(help: .of(\.schedule)) var schedule: ScheduleKind?
    @Option(help: .of(\.imageSize)) var imageSize: Int?
    @Option(help: .of(\.augmentation)) var augment: Augmentation?
    @Flag(inversion: .prefixedNo, help: .of(\.shuffle)) var shuffle: Bool?
    @Option(help: .of(\.validationSplit)) var validationSplit: Double?
    @Option(help: .of(\.seed)) var seed: UInt64?
    @Option(help: .of(\.threads)) var threads: Int?
    @Option(help: .of(\.exif)) var exif: ExifHandling?
    @Option(help: .of(\.frozenBatchNorm)) var frozenBatchnorm: FrozenBatchNorm?
    @Option(help: .of(\.batchNorm)) var batchnorm: RankBatchNorm?
    @Flag(inversion: .prefixedNo, help: .of(\.cache)) var cache: Bool?
    @Option(help: .of(\.cacheBudget)) var cacheMemory: Int?
    @Option(help: .of(\.cacheFolder)) var cacheDir: String?
    @Option(help: .of(\.head)) var head: HeadArgument?
    @Option(help: .of(\.patience)) var patience: Int?
    @Option(help: .of(\.labelSmoothing)) var labelSmoothing: Double?
    @Option(help: .of(\.classWeights)) var classWeights: ClassWeights?
    @Option(help: .of(\.clipNorm)) var clipNorm: Double?
    @Option(help: .of(\.accumulate)) var accumulate: Int?
    @Option(help: .of(\.decayPerStage)) var learningRateDecayPerStage: Double?
    @Option(help: .of(\.rateRules)) var lr: [String] = []
    @Option(help: .of(\.thawRules)) var thaw: [String] = []
    @Option(help: .of(\.saveEvery)) var saveEvery: Int?
    @Option(help: .of(\.probeEvery)) var probeEvery: Int?
    @Option(help: .of(\.timeBudget)) var timeBudget: TimeBudget?

    private static let autoEpochs = 100

    /// The options as given, over `base`. `arguments` is the command line, for the order of --freeze and --unfreeze.
    func options(over base: RunOptions, arguments: [String] = CommandLine.arguments) throws -> RunOptions {
        var options = base
        options.strategy = strategy ?? base.strategy
        // Auto ends by itself, and its first epochs come out of the cache.
        options.epochs = epochs ?? (strategy == .auto ? max(base.epochs, Self.autoEpochs) : base.epochs)
        options.batchSize = batchSize ?? base.batchSize
        options.learningRate = learningRate ?? base.learningRate
        options.momentum = momentum ?? base.momentum
        options.weightDecay = weightDecay ?? base.weightDecay
        options.optimizer = optimizer ?? base.optimizer
        options.schedule = schedule ?? base.schedule
        options.imageSize = imageSize ?? base.imageSize
        options.augmentation = augment ?? base.augmentation
        options.shuffle = shuffle ?? base.shuffle
        options.validationSplit = validationSplit ?? base.validationSplit
        options.seed = seed ?? base.seed
        options.threads = threads ?? base.threads
        options.exif = exif ?? base.exif
        options.frozenBatchNorm = frozenBatchnorm ?? base.frozenBatchNorm
        options.batchNorm = batchnorm ?? base.batchNorm
        options.cache = cache ?? base.cache
        options.head = head.map { $0 == .new ? .new : .keep } ?? base.head
        options.patience = patience ?? base.patience
        options.labelSmoothing = labelSmoothing ?? base.labelSmoothing
        options.classWeights = classWeights ?? base.classWeights
        options.clipNorm = clipNorm ?? base.clipNorm
        options.accumulate = accumulate ?? base.accumulate
        options.decayPerStage = learningRateDecayPerStage ?? base.decayPerStage
        if !lr.isEmpty { options.rateRules = try lr.map { try RateRule($0) } }
        if !thaw.isEmpty { options.thawRules = try thaw.map { try ThawRule($0) } }
        options.saveEvery = saveEvery ?? base.saveEvery
        options.probeEvery = probeEvery ?? base.probeEvery
        options.timeBudget = timeBudget ?? base.timeBudget
        if let cacheMemory {
            let isAllowed = (0...(1 << 24)).contains(cacheMemory)
            try TrainingError.require(isAllowed, "--cache-memory", cacheMemory, "MiB, 0 or more")
            options.cacheBudget = cacheMemory << 20
        }
        if let cacheDir {
            try FeatureFile.requireWritable(cacheDir)
            options.cacheFolder = cacheDir
        }
        let rules = freezeRules(in: arguments)
        if !rules.isEmpty { options.freezeRules = rules }
        try options.validate()
        return options
    }

    /// ArgumentParser keeps two lists; what was given last must win, so their order is read off the command line.
    private func freezeRules(in arguments: [String]) -> [FreezeRule] {
        var (frozen, thawed) = (freeze[...], unfreeze[...])
        var rules: [FreezeRule] = []
        for argument in arguments {
            let name = argument.split(separator: "=", maxSplits: 1).first.map(String.init) ?? argument
            if name == "--freeze", let pattern = frozen.popFirst() {
                rules.append(FreezeRule(pattern: pattern, frozen: true))
            } else if name == "--unfreeze", let pattern = thawed.popFirst() {
                rules.append(FreezeRule(pattern: pattern, frozen: false))
            }
        }
        return rules + frozen.map { FreezeRule(pattern: $0, frozen: true) }
            + thawed.map { FreezeRule(pattern: $0, frozen: false) }
    }

    /// What depends on the machine.
    static func machineDefaults() -> RunOptions {
        var options = RunOptions()
        // Ranks of one machine share it, unless the launcher has given each its own processors.
        let (allowed, all) = (ProcessInfo.processInfo.activeProcessorCount, ProcessInfo.processInfo.processorCount)
        let ranks = RankLaunch.place?.countHere ?? 1
        options.threads = max(1, allowed < all ? allowed : all / ranks)
        let memory = (AvailableMemory.total() ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)) / ranks
        options.cacheBudget = memory / 4
        options.pictureBudget = min(memory / 8, 2 << 30)
        return options
    }
}
