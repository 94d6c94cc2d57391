import Network
import ArgumentParser
import Foundation
import Images
import Support
import Training

extension Strategy: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}
extension ScheduleKind: ExpressibleByArgument {}
extension Augmentation: ExpressibleByArgument {}
extension ExifHandling: ExpressibleByArgument {}
extension FrozenBatchNorm: ExpressibleByArgument {}

/// `--head new|keep`.
enum HeadArgument: String, ExpressibleByArgument, CaseIterable {
    case new, keep
}

/// The training options of the command line. All are optional here, so that a resumed run can tell what was said.
struct RunArguments: ParsableArguments {
    @Option(help: ArgumentHelp("head, partial (layer4 and fc) or full. (default: head)", valueName: "strategy"))
    var strategy: Strategy?

    @Option(
        name: .customLong("freeze"),
        help: ArgumentHelp(
            "Freeze parameters whose name contains PATTERN (a shell glob over the whole name where it has any of *?[]). Repeatable; applied in order with --unfreeze.",
            valueName: "pattern"))
    var freeze: [String] = []

    @Option(name: .customLong("unfreeze"), help: ArgumentHelp("The opposite of --freeze.", valueName: "pattern"))
    var unfreeze: [String] = []

    @Option(help: "Passes over the training pictures. (default: 10)") var epochs: Int?
    @Option(help: "Pictures a step. (default: 16)") var batchSize: Int?
    @Option(help: "Base learning rate. (default: 1e-3)") var learningRate: Double?
    @Option(help: "Momentum of sgd. (default: 0.9)") var momentum: Double?
    @Option(help: "Weight decay. (default: 1e-4)") var weightDecay: Double?
    @Option(help: "sgd or adamw. (default: sgd)") var optimizer: OptimizerKind?
    @Option(help: "constant, cosine or onecycle, per step. (default: constant)") var schedule: ScheduleKind?
    @Option(help: "Side of the square that the network sees, in pixels. (default: 224)") var imageSize: Int?
    @Option(help: "none, flip or standard (random resized crop and flip). (default: none)") var augment: Augmentation?
    @Flag(inversion: .prefixedNo, help: "Draw a new order each epoch. (default: --shuffle)") var shuffle: Bool?
    @Option(help: "Share held out where there is no val folder; 0 for none. (default: 0.2)") var validationSplit:
        Double?
    @Option(help: "Seed of order, augmentation, split and new weights. (default: 0)") var seed: UInt64?
    @Option(help: "Worker threads. (default: all cores)") var threads: Int?
    @Option(help: "apply or ignore the orientation that cameras note. (default: apply)") var exif: ExifHandling?
    @Option(
        help:
            "hold: a frozen BatchNorm keeps its statistics; track: they still move, as with PyTorch's requires_grad=False. (default: hold)"
    )
    var frozenBatchnorm: FrozenBatchNorm?
    @Flag(inversion: .prefixedNo, help: "Keep the frozen prefix's output per picture. (default: --cache)") var cache:
        Bool?
    @Option(help: "MiB of memory that cached features may take. (default: a quarter of the memory)") var cacheMemory:
        Int?
    @Option(
        help: ArgumentHelp(
            "Where cached features go that memory has no room for; nothing is left there. (default: the run folder)",
            valueName: "folder"))
    var cacheDir: String?
    @Option(help: "new or keep: draw a new fc, or keep the checkpoint's. (default: keep where the outputs fit)")
    var head: HeadArgument?
    @OptionGroup var finer: RecipeArguments

    /// The options as given, over `base`. `arguments` is the command line, for the order of --freeze and --unfreeze.
    func options(over base: RunOptions, arguments: [String] = CommandLine.arguments) throws -> RunOptions {
        var options = base
        func set<T>(_ path: WritableKeyPath<RunOptions, T>, _ value: T?) {
            if let value { options[keyPath: path] = value }
        }
        set(\.strategy, strategy)
        set(\.epochs, epochs)
        set(\.batchSize, batchSize)
        set(\.learningRate, learningRate)
        set(\.momentum, momentum)
        set(\.weightDecay, weightDecay)
        set(\.optimizer, optimizer)
        set(\.schedule, schedule)
        set(\.imageSize, imageSize)
        set(\.augmentation, augment)
        set(\.shuffle, shuffle)
        set(\.validationSplit, validationSplit)
        set(\.seed, seed)
        set(\.threads, threads)
        set(\.exif, exif)
        set(\.frozenBatchNorm, frozenBatchnorm)
        set(\.cache, cache)
        set(\.head, head.map { $0 == .new ? .new : .keep })
        options.recipe = try finer.recipe(over: base.recipe)
        if let cacheMemory {
            guard (0...(1 << 24)).contains(cacheMemory) else {
                throw TrainingError.option("--cache-memory", found: "\(cacheMemory)", expected: "MiB, 0 or more")
            }
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

    /// ArgumentParser keeps two lists; what was said last must win, so their order is read off the command line.
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
        options.threads = max(1, ProcessInfo.processInfo.activeProcessorCount)
        let memory = AvailableMemory.total() ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
        options.cacheBudget = memory / 4
        options.pictureBudget = min(memory / 8, 2 << 30)
        return options
    }
}
