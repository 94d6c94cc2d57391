import Network
import Support

/// How classes of different size are weighed in the loss.
package enum ClassWeights: String, Sendable, CaseIterable {
    case none
    /// pictures / (classes · pictures of the class), as scikit-learn's "balanced".
    case balanced
}

/// One `--lr PATTERN=VALUE`: a learning rate of its own for the parameters that the pattern matches.
package struct RateRule: Sendable, Equatable {
    package var pattern: String
    package var rate: Double

    package init(pattern: String, rate: Double) {
        self.pattern = pattern
        self.rate = rate
    }

    /// Throws `TrainingError.option` where it is not PATTERN=VALUE.
    package init(_ text: String) throws {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let rate = Double(parts[1]) else {
            throw TrainingError.option("--lr", found: text, expected: "PATTERN=VALUE, as in layer4=1e-4")
        }
        self.init(pattern: String(parts[0]), rate: rate)
    }
}

/// One `--thaw EPOCH:PATTERN`: what the pattern matches trains from the first step of that epoch on.
package struct ThawRule: Sendable, Equatable {
    package var epoch: Int
    package var pattern: String

    package init(epoch: Int, pattern: String) {
        self.epoch = epoch
        self.pattern = pattern
    }

    /// Throws `TrainingError.option` where it is not EPOCH:PATTERN.
    package init(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty, let epoch = Int(parts[0]) else {
            throw TrainingError.option("--thaw", found: text, expected: "EPOCH:PATTERN, as in 3:layer4")
        }
        self.init(epoch: epoch, pattern: String(parts[1]))
    }
}

/// The finer points of training, each as PyTorch defines it; by default none of them is in force.
package struct TrainingRecipe: Sendable, Equatable {
    /// Ends the run after this many epochs without a better validation.
    package var patience: Int?
    /// `CrossEntropyLoss(label_smoothing=…)`, of training; validation reports the plain loss.
    package var labelSmoothing = 0.0
    /// `CrossEntropyLoss(weight=…)`, of training.
    package var classWeights: ClassWeights = .none
    /// `clip_grad_norm_` over all trainable parameters.
    package var clipNorm: Double?
    /// Batches a step, whose mean gradient it takes.
    package var accumulate = 1
    /// Each stage below fc has the learning rate of the one above it times this.
    package var decayPerStage = 1.0
    /// In order; the last that matches counts.
    package var rateRules: [RateRule] = []
    package var thawRules: [ThawRule] = []
    /// Steps between saves within an epoch; nil saves every few minutes, 0 at the end of epochs only.
    package var saveEvery: Int?

    package init() {}

    /// Throws `TrainingError.option` or `.pattern` for the first value that is out of range.
    func validate(epochs: Int) throws {
        let require = TrainingError.require
        if let patience {
            try require(
                (1...1_000_000).contains(patience), "--patience", patience, "a whole number from 1 to 1000000")
        }
        try require(
            labelSmoothing >= 0 && labelSmoothing <= 1, "--label-smoothing", labelSmoothing, "a number from 0 to 1")
        if let clipNorm {
            try require(clipNorm.isFinite && clipNorm > 0, "--clip-norm", clipNorm, "a finite number above 0")
        }
        try require((1...4096).contains(accumulate), "--accumulate", accumulate, "a whole number from 1 to 4096")
        try require(
            decayPerStage > 0 && decayPerStage <= 1, "--learning-rate-decay-per-stage", decayPerStage,
            "a number above 0, at most 1")
        if let saveEvery {
            try require(
                (0...1_000_000_000).contains(saveEvery), "--save-every", saveEvery, "a whole number of steps, 0 or more"
            )
        }
        let names = ResNet.resnet18.parameterNames
        func matched(_ pattern: String, _ option: String) throws {
            guard names.contains(where: ParameterPattern(pattern).matches) else {
                throw TrainingError.pattern(pattern, option: option, names: names)
            }
        }
        for rule in rateRules {
            try require(
                rule.rate.isFinite && rule.rate >= 0, "--lr", "\(rule.pattern)=\(rule.rate)",
                "PATTERN=VALUE with a finite value, 0 or more")
            try matched(rule.pattern, "--lr")
        }
        for rule in thawRules {
            try require(
                (1...epochs).contains(rule.epoch), "--thaw", "\(rule.epoch):\(rule.pattern)",
                "EPOCH:PATTERN with an epoch from 1 to \(epochs)")
            try matched(rule.pattern, "--thaw")
        }
    }

    // MARK: What follows from it

    /// The parameters whose learning rate is not the base rate, with what it is multiplied by. Schedules multiply the base
    /// rate, so that these stay in force under every schedule, as those of PyTorch's parameter groups do.
    func rateFactors(base: Double) -> [String: Double] {
        var factors: [String: Double] = [:]
        for parameter in ResNet.resnet18.parameters(classes: 2) {
            var factor = 1.0
            for _ in 0..<(ResNet.resnet18.stagesBelowHead(parameter.name) ?? 0) { factor *= decayPerStage }
            for rule in rateRules where ParameterPattern(rule.pattern).matches(parameter.name) {
                factor = rule.rate / base
            }
            if factor != 1 { factors[parameter.name] = factor }
        }
        return factors
    }

    /// The loss's terms for training pictures with these counts by class.
    func classWeights(counts: [Int]) -> [Double]? {
        guard classWeights == .balanced else { return nil }
        let total = Double(counts.reduce(0, +))
        return counts.map { $0 > 0 ? total / (Double(counts.count) * Double($0)) : 0 }
    }
}

extension RunOptions {
    /// See `TrainingRecipe.rateFactors`.
    package var rateFactors: [String: Double] { recipe.rateFactors(base: learningRate) }

    /// The options as run.json has them.
    package var record: JSON { json }
}

extension TrainingRecipe {
    /// Under the names of the command line, in camel case.
    var json: [(String, JSON)] {
        [
            ("patience", patience.map(JSON.integer) ?? .null), ("labelSmoothing", .number(labelSmoothing)),
            ("classWeights", .string(classWeights.rawValue)), ("clipNorm", clipNorm.map(JSON.number) ?? .null),
            ("accumulate", .integer(accumulate)), ("learningRateDecayPerStage", .number(decayPerStage)),
            (
                "lr",
                .array(rateRules.map { .object([("pattern", .string($0.pattern)), ("rate", .number($0.rate))]) })
            ),
            (
                "thaw",
                .array(thawRules.map { .object([("epoch", .integer($0.epoch)), ("pattern", .string($0.pattern))]) })
            ),
            ("saveEvery", saveEvery.map(JSON.integer) ?? .null),
        ]
    }

    /// What `json` wrote; options that are missing keep their defaults.
    init(json: JSON) {
        self.init()
        patience = json["patience"]?.int
        labelSmoothing = json["labelSmoothing"]?.double ?? labelSmoothing
        classWeights = json["classWeights"]?.text.flatMap(ClassWeights.init(rawValue:)) ?? classWeights
        clipNorm = json["clipNorm"]?.double
        accumulate = json["accumulate"]?.int ?? accumulate
        decayPerStage = json["learningRateDecayPerStage"]?.double ?? decayPerStage
        rateRules = (json["lr"]?.items ?? []).compactMap { rule in
            guard let pattern = rule["pattern"]?.text, let rate = rule["rate"]?.double else { return nil }
            return RateRule(pattern: pattern, rate: rate)
        }
        thawRules = (json["thaw"]?.items ?? []).compactMap { rule in
            guard let pattern = rule["pattern"]?.text, let epoch = rule["epoch"]?.int else { return nil }
            return ThawRule(epoch: epoch, pattern: pattern)
        }
        saveEvery = json["saveEvery"]?.int
    }
}
