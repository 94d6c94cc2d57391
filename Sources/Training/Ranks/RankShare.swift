import Kernels
import Model
import Network
import Ranks
import TrainingEvents

/// One rank's part in a run: which pictures are its own, and the sums over all ranks that make its numbers those of the
/// whole batch.
final class RankShare {
    let group: any RankGroup
    let exchange: GradientExchange
    private let assignment: RankAssignment
    /// Features that all ranks together keep.
    private(set) var cachedCount = 0
    /// Of each rank, the seconds that it has waited for others in the last step.
    private(set) var waits: [Double]
    private var waitedBefore: Double

    /// Measured when the run was opened.
    let costs: RankExchangeCosts

    init(_ group: any RankGroup, options: RunOptions) {
        let speed = group.measure()
        costs = RankExchangeCosts(
            ranks: group.count, latency: speed.latency * 1000, bytesPerMillisecond: speed.bandwidth / 1000,
            sumsStatistics: options.batchNorm == .global)
        self.group = group
        exchange = GradientExchange(group, batchNorm: options.batchNorm)
        exchange.overlaps = options.accumulate == 1
        assignment = RankAssignment(ranks: group.count)
        waits = [Double](repeating: 0, count: group.count)
        waitedBefore = group.secondsWaited
    }

    /// How many of a step's pictures are this rank's.
    func share(of images: Int) -> Int { max(1, group.share(of: images)) }

    /// This rank's pictures of a batch.
    func own(_ batch: ArraySlice<Int>) -> [Int] { assignment.shares(of: batch)[group.rank] }

    /// How many pictures of a batch a BatchNorm's statistics are of, where that is fewest.
    func picturesForStatistics(of batch: Int) -> Int {
        exchange.batchNorm == .global ? batch : max(1, batch / group.count)
    }

    /// From this rank's part of a batch to the whole one: its outcome, how many pictures it had, and its gradients (with
    /// several batches a step, once `finishGradients` was called). Throws `RankFailure`.
    func sum(
        _ outcome: StepOutcome, of batch: FeatureBatch, terms: LossTerms, model: ResNet18, feed: BatchFeed, cached: Int
    ) throws -> (StepOutcome, images: Int) {
        let waited = group.secondsWaited
        var sums = [
            outcome.loss, Double(outcome.correct), Double(batch.labels.count), terms.total(batch.labels),
            Double(cached),
        ]
        let fixed = sums.count
        sums += (0..<group.count).map { $0 == group.rank ? waited - waitedBefore : 0 }
        waitedBefore = waited
        // Beside the last gradients, which are on their way.
        group.sum(&sums)
        if exchange.overlaps { exchange.finish() }
        try group.requireSound()
        cachedCount = Int(sums[4])
        waits = Array(sums[fixed...])
        var whole = StepOutcome(loss: sums[0], correct: Int(sums[1]))
        let images = Int(sums[2])
        if images < batch.wholeLabels.count {
            // The loss was divided by what the batch should have been.
            let factor = sums[3] > 0 ? terms.total(batch.wholeLabels) / sums[3] : 0
            whole.loss *= factor
            for parameter in model.parameters {
                guard let gradient = parameter.gradient else { continue }
                for i in 0..<gradient.count { gradient.pointer[i] *= Float(factor) }
            }
            feed.foundUnreadable(try UnreadablePicture.all(feed.failures, group))
        }
        return (whole, images)
    }

    var report: RanksReport { RanksReport(hosts: group.hosts, waits: waits) }

    /// Adds up the gradients of a step of several batches.
    func finishGradients() throws {
        exchange.finish()
        try group.requireSound()
    }

    /// A validation's sums over all ranks, and in `feed` what none of them could read.
    func sum(
        loss: Double, correct: Int, seen: Int, feed: BatchFeed
    ) throws -> (loss: Double, correct: Int, seen: Int) {
        var sums = [loss, Double(correct), Double(seen), Double(feed.failures.count)]
        group.sum(&sums)
        try group.requireSound()
        if sums[3] > 0 { feed.foundUnreadable(try UnreadablePicture.all(feed.failures, group)) }
        return (sums[0], Int(sums[1]), Int(sums[2]))
    }
}
