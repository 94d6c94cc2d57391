import Network

/// What follows from the options alone.
extension RunOptions {
    /// The plan of the first step.
    package var initialPlan: TrainingPlan {
        TrainingPlan(trainable: initialTrainable(), frozenBatchNorm: frozenBatchNorm)
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

    /// What the rules freeze, whatever a strategy would thaw.
    var frozenByRule: Set<String> {
        freezeRules.reduce(into: []) { frozen, rule in
            let matched = ParameterPattern(rule.pattern).matching(ResNet.resnet18.parameterNames)
            if rule.frozen { frozen.formUnion(matched) } else { frozen.subtract(matched) }
        }
    }

    /// What trains at the start or after `--thaw`: thawing later needs what training from the start needs.
    func everTrainable() -> Set<String> {
        if strategy == .auto { return Set(ResNet.resnet18.parameterNames).subtracting(frozenByRule) }
        return thawRules.reduce(into: initialTrainable()) { trainable, rule in
            trainable.formUnion(ParameterPattern(rule.pattern).matching(ResNet.resnet18.parameterNames))
        }
    }

    // MARK: Rates and the loss

    /// The parameters whose learning rate is not the base rate, with what it is multiplied by. Schedules multiply the base
    /// rate, so that these stay in force under every schedule, as those of PyTorch's parameter groups do.
    package var rateFactors: [String: Double] {
        // Deeper layers hold what transfers, and auto thaws them where the head is trained already.
        let decayPerStage = strategy == .auto && decayPerStage == 1 ? Self.autoDecayPerStage : decayPerStage
        var factors: [String: Double] = [:]
        for parameter in ResNet.resnet18.parameters(classes: 2) {
            var factor = 1.0
            for _ in 0..<(ResNet.resnet18.stagesBelowHead(parameter.name) ?? 0) { factor *= decayPerStage }
            for rule in rateRules where ParameterPattern(rule.pattern).matches(parameter.name) {
                factor = rule.rate / learningRate
            }
            if factor != 1 { factors[parameter.name] = factor }
        }
        return factors
    }

    /// What auto uses where no other was chosen. ULMFiT's 1/2.6 (Howard and Ruder 2018, arXiv 1801.06146) leaves the early layers
    /// as good as frozen, and 0.7 still costs accuracy (docs/auto.md).
    static let autoDecayPerStage = 0.9

    /// The loss's terms for training images with these counts by class.
    func classWeights(counts: [Int]) -> [Double]? {
        guard classWeights == .balanced else { return nil }
        let total = Double(counts.reduce(0, +))
        return counts.map { $0 > 0 ? total / (Double(counts.count) * Double($0)) : 0 }
    }

    /// What a schedule may cycle: momentum for sgd, beta1 for adamw.
    package var configuredMomentum: Double { optimizer == .adamw ? 0.9 : momentum }

    /// Buffers that the optimizer keeps for each trainable float.
    var momentBuffers: Int { optimizer == .adamw ? 2 : momentum > 0 ? 1 : 0 }

    // MARK: Steps and features

    /// How many steps bring `pictures` images through; guarded, since a run.json may hold any number.
    func stepsPerEpoch(pictures: Int) -> Int {
        func parts(_ count: Int, of size: Int) -> Int {
            let (whole, rest) = count.quotientAndRemainder(dividingBy: max(1, size))
            return rest == 0 ? whole : whole + 1
        }
        return parts(parts(pictures, of: batchSize), of: accumulate)
    }

    /// Images of a step that is not the last of its epoch.
    var imagesPerStep: Int { batchSize * accumulate }

    /// Images of one of an epoch's steps, counted from 1: the last one has what is left.
    func images(ofStep step: Int, of steps: Int, pictures: Int) -> Int {
        step < steps || steps == 0 ? imagesPerStep : pictures - (steps - 1) * imagesPerStep
    }

    /// Whether features of a frozen prefix can be kept.
    package var cacheRule: FeatureCacheRule {
        FeatureCacheRule(isEnabled: cache, augmentationIsRandom: augmentation == .standard, budget: cacheBudget)
    }

    /// How many variants of a training image features are kept of: it and its mirror image with `--augment flip`.
    var cachedVariants: Int { augmentation == .flip ? 2 : 1 }
}
