/// What each layer takes on this machine, measured, and from that what a step would take under any mask.
///
///     step = Σ frozen prefix, where it is not cached:  forward as inference
///          + Σ above the cut:                          forward, with the batch's statistics or with held ones
///          + Σ down to the lowest trainable:           what `TrainingPlan.backward` computes
///          + optimizer + rest
package struct StepCosts: Sendable, Equatable, Codable {
    /// Milliseconds with the batch's statistics, and held.
    package struct ByStatistics: Sendable, Equatable, Codable {
        package var batch: Double
        package var held: Double

        package init(batch: Double = 0, held: Double = 0) {
            self.batch = batch
            self.held = held
        }

        func callAsFunction(_ usesBatch: Bool) -> Double { usesBatch ? batch : held }
    }

    /// Milliseconds of one layer for a whole batch.
    package struct Layer: Sendable, Equatable, Codable {
        package var layer: ConvolutionLayer
        package var inference = 0.0
        package var forward = ByStatistics()
        /// The gradient through ReLU and BatchNorm.
        package var normGradient = ByStatistics()
        package var inputGradient = 0.0
        package var weightGradient = 0.0

        package init(_ layer: ConvolutionLayer) { self.layer = layer }
    }

    /// In the order in which they run.
    package var layers: [Layer]
    /// Milliseconds of fc forward and backward with the loss, and what else a step takes however it is frozen.
    package var rest: Double
    /// Milliseconds of the optimizer, per million floats.
    package var optimizerPerMillion: Double
    /// Buffers that the optimizer keeps for each trainable float.
    package var moments: Int
    package var classes: Int
    package var batchSize: Int
    package var imageSize: Int
    /// Whose features would be kept; a picture and its mirror image count as two.
    package var pictures: Int
    package var cacheRule: FeatureCacheRule
    package var frozenBatchNorm: FrozenBatchNorm
    /// What ranks tell each other in a step; nil where there is one process. All else above is of one rank's share.
    package var exchange: RankExchangeCosts?

    package init(
        layers: [Layer], rest: Double, optimizerPerMillion: Double, moments: Int, classes: Int, batchSize: Int,
        imageSize: Int, pictures: Int, cacheRule: FeatureCacheRule, frozenBatchNorm: FrozenBatchNorm
    ) {
        self.layers = layers
        self.rest = rest
        self.optimizerPerMillion = optimizerPerMillion
        self.moments = moments
        self.classes = classes
        self.batchSize = batchSize
        self.imageSize = imageSize
        self.pictures = pictures
        self.cacheRule = cacheRule
        self.frozenBatchNorm = frozenBatchNorm
    }

    package func plan(_ trainable: Set<String>) -> TrainingPlan {
        TrainingPlan(trainable: trainable, frozenBatchNorm: frozenBatchNorm)
    }

    // MARK: Cache

    /// How large the prefix's features are. Throws where they cannot be kept.
    package func cacheSize(_ plan: TrainingPlan) throws(FeatureCacheRefusal) -> (perImage: Int, all: Int) {
        try cacheRule.size(plan, imageSize: imageSize, classes: classes, images: pictures)
    }

    package func isCacheable(_ plan: TrainingPlan) -> Bool { (try? cacheSize(plan)) != nil }

    /// Seconds until every picture's features are there.
    package func fillSeconds(_ plan: TrainingPlan) -> Double {
        let batch = layers.reduce(0) { $0 + ($1.layer.unit < plan.cut ? $1.inference : 0) }
        return batch / Double(max(1, batchSize)) * Double(max(0, pictures)) / 1000 / Double(exchange?.ranks ?? 1)
    }

    // MARK: Time

    /// Milliseconds of a step on a whole batch. `cached`: whether the prefix's features are in memory.
    package func milliseconds(_ plan: TrainingPlan, cached: Bool) -> Double {
        var sum = rest
        var floats = 0
        for cost in layers {
            let usesBatch = plan.usesBatchStatistics(cost.layer.batchNorm)
            sum += plan.forward(cost.layer) == .prefix ? (cached ? 0 : cost.inference) : cost.forward(usesBatch)
            sum += backward(cost, plan)
        }
        for parameter in ResNet.resnet18.parameters(classes: classes) where plan.trains(parameter.name) {
            floats += parameter.count
        }
        if let exchange {
            sum += exchange.milliseconds(
                plan, backward: layers.reversed().map { ($0.layer, backward($0, plan)) }, classes: classes)
        }
        return sum + optimizerPerMillion * Double(floats) / 1e6
    }

    /// Milliseconds of backward for a layer.
    private func backward(_ cost: Layer, _ plan: TrainingPlan) -> Double {
        let backward = plan.backward(cost.layer)
        var sum = 0.0
        if backward.reachesBatchNorm { sum += cost.normGradient(plan.usesBatchStatistics(cost.layer.batchNorm)) }
        if backward.weightGradient { sum += cost.weightGradient }
        if backward.inputGradient { sum += cost.inputGradient }
        return sum
    }

    /// The same, held against a step that was measured under another mask.
    ///
    /// A slower or busier machine stretches everything, so the measured step over its prediction is a factor; but where
    /// hardly anything ran, the difference is more likely a fixed one. The share of a full step that ran decides.
    package func milliseconds(
        _ wanted: TrainingPlan, cached: Bool, measured: Double, under current: TrainingPlan, currentCached: Bool
    ) -> Double {
        let raw = milliseconds(wanted, cached: cached)
        let own = milliseconds(current, cached: currentCached)
        let full = milliseconds(plan(Set(ResNet.resnet18.parameterNames)), cached: false)
        guard measured.isFinite, measured > 0, own > 0, full > 0 else { return raw }
        // Faster than foretold is a faster machine: nothing fixed is ever negative.
        if measured <= own { return raw * measured / own }
        let share = min(1, max(0, own / full))
        let factor = power(min(4, measured / own), share)
        return factor * raw + (measured - factor * own) * (1 - share)
    }

    // MARK: Memory

    /// Bytes that a run takes at its peak, with the features that are kept in memory.
    package func bytes(_ plan: TrainingPlan) -> Int {
        let need = MemoryNeed(plan: plan, classes: classes, imageSize: imageSize, moments: moments)
        let features = (try? cacheSize(plan).all) ?? 0
        return need.bytes(batchSize: batchSize) + (features <= cacheRule.memoryBudget ? features : 0)
    }
}

/// x to a power between 0 and 1, by square roots: this module needs no mathematics library for it.
private func power(_ x: Double, _ exponent: Double) -> Double {
    var (result, root, rest) = (1.0, x, min(1, max(0, exponent)))
    if rest >= 1 { return x }
    for _ in 0..<40 {
        root = root.squareRoot()
        rest *= 2
        if rest >= 1 {
            result *= root
            rest -= 1
        }
    }
    return result
}
