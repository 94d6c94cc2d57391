import Network
import Support

extension MemoryNeed {
    package init(options: RunOptions, classes: Int) {
        self.init(
            plan: TrainingPlan(trainable: options.everTrainable(), frozenBatchNorm: options.frozenBatchNorm),
            classes: classes, imageSize: options.imageSize, moments: options.momentBuffers,
            accumulates: options.recipe.accumulate > 1)
    }

    /// Why the run cannot start, with the batch size that would fit; nil where it can.
    package func refusal(batchSize: Int, available: AvailableMemory?) -> String? {
        guard let available, bytes(batchSize: batchSize) > available.bytes else { return nil }
        let advice =
            batchSizeAdvice(available.bytes, below: batchSize)
            ?? "not even --batch-size 1 would fit; freeze more, choose a smaller --image-size, or free some memory."
        return "--batch-size \(batchSize): this run needs about \(bytes(batchSize: batchSize) >> 20) MiB, "
            + "and \(available.bytes >> 20) MiB are left (\(available.limit)); \(advice)"
    }

    private func batchSizeAdvice(_ available: Int, below batchSize: Int) -> String? {
        batchSize > 1
            ? self.batchSize(fitting: available).map { "--batch-size \(min($0, batchSize - 1)) would fit." } : nil
    }
}

extension RunOptions {
    /// What trains at the start or after `--thaw`: thawing later needs what training from the start needs.
    func everTrainable() -> Set<String> {
        recipe.thawRules.reduce(into: initialTrainable()) { trainable, rule in
            trainable.formUnion(ParameterPattern(rule.pattern).matching(ResNet.resnet18.parameterNames))
        }
    }
}
