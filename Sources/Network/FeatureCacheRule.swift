/// Whether the features of a frozen prefix can be kept, and how large they are (docs/freezing.md, rule 6).
package struct FeatureCacheRule: Sendable, Equatable, Codable {
    /// `--no-cache` was not given.
    package var isEnabled: Bool
    /// The augmentation draws anew for each picture and epoch.
    package var augmentationIsRandom: Bool
    /// The most bytes of features that can be kept, in memory or in a file, and how many of them in memory.
    package var budget: Int
    package var memoryBudget: Int

    package init(isEnabled: Bool = true, augmentationIsRandom: Bool = false, budget: Int) {
        self.isEnabled = isEnabled
        self.augmentationIsRandom = augmentationIsRandom
        self.budget = budget
        memoryBudget = budget
    }

    /// Throws where the features cannot be kept, whatever room there is.
    package func requireCacheable(_ plan: TrainingPlan) throws(FeatureCacheRefusal) {
        if !isEnabled { throw .switchedOff }
        if plan.frozenBatchNorm == .track { throw .followsBatches }
        if plan.cut == 0 { throw .nothingFrozen }
        if augmentationIsRandom { throw .randomAugmentation }
    }

    /// Bytes of one image's features and of all. Throws where they cannot be kept.
    package func size(
        _ plan: TrainingPlan, imageSize: Int, classes: Int, images: Int, network: ResNet = .resnet18
    ) throws(FeatureCacheRefusal) -> (perImage: Int, all: Int) {
        try requireCacheable(plan)
        let shape = network.shape(atCut: plan.cut, imageSize: imageSize, classes: classes)
        let perImage = shape.count * MemoryLayout<Float>.size
        let (all, overflow) = perImage.multipliedReportingOverflow(by: max(0, images))
        guard !overflow, all <= budget else {
            throw .overBudget(bytes: overflow ? .max : all, budget: budget)
        }
        return (perImage, all)
    }
}

/// Why features are not kept, in the words of the dashboard.
package enum FeatureCacheRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    case switchedOff, followsBatches, nothingFrozen, randomAugmentation
    case overBudget(bytes: Int, budget: Int)

    package var description: String {
        switch self {
        case .switchedOff: "switched off by --no-cache"
        case .followsBatches: "frozen BatchNorm follows the batches (--frozen-batchnorm track)"
        case .nothingFrozen: "conv1 or bn1 trains"
        case .randomAugmentation: "augmentation is random"
        case .overBudget(let bytes, let budget): "\(bytes >> 20) MiB are over the budget of \(budget >> 20) MiB"
        }
    }
}
