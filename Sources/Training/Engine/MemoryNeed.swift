import Network
import Ranks
import Support

extension MemoryNeed {
    package init(options: RunOptions, classes: Int) {
        self.init(
            plan: TrainingPlan(trainable: options.everTrainable(), frozenBatchNorm: options.frozenBatchNorm),
            classes: classes, imageSize: options.imageSize, moments: options.momentBuffers,
            // Auto keeps its best state too, and saves it.
            accumulates: options.accumulate > 1, copies: options.strategy == .auto ? 3 : 1)
    }

    /// Throws `TrainingError.refused` with the batch size that would fit where this one does not.
    ///
    /// - Parameter ranks: how many processes share a batch, each with so much memory.
    package func require(batchSize whole: Int, available: AvailableMemory?, ranks: Int = 1) throws {
        let batchSize = RankShares.count(whole, rank: 0, of: ranks)
        guard let available, bytes(batchSize: batchSize) > available.bytes else { return }
        let fitting = batchSize > 1 ? self.batchSize(fitting: available.bytes) : nil
        let advice =
            fitting.map { "--batch-size \(min($0, batchSize - 1) * ranks) would fit." }
            ?? "not even --batch-size \(ranks) would fit; freeze more, choose a smaller --image-size, or free some memory."
        throw TrainingError.refused(
            "--batch-size \(whole): \(ranks > 1 ? "each rank" : "this run") needs about \(bytes(batchSize: batchSize) >> 20) MiB, "
                + "and \(available.bytes >> 20) MiB are left (\(available.limit)); \(advice)")
    }
}
