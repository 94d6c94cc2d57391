import Network
import Foundation
import Kernels
import Model
import Ranks
import Training
import Support

/// What `frostline bench` times: whole steps on made-up pictures, without decoding.
package struct Benchmark {
    /// What is timed.
    package enum Mode: String, Sendable, CaseIterable {
        /// Forward, backward and optimizer from the picture on, the frozen prefix included.
        case train
        /// Forward in eval mode.
        case eval
        /// A training step from cached features of the frozen prefix.
        case cached
    }

    /// The timed steps.
    package struct Result: Sendable {
        /// Of each timed step.
        package var milliseconds: [Double]
        package var batchSize: Int
        /// Of several ranks: what rank 0 waited for others in each timed step.
        package var waits: [Double] = []

        package var median: Double { Self.median(milliseconds) }
        package var medianWait: Double { Self.median(waits) }

        private static func median(_ values: [Double]) -> Double {
            let sorted = values.sorted()
            let middle = sorted.count / 2
            guard !sorted.isEmpty else { return .nan }
            return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        }

        package var imagesPerSecond: Double { Double(batchSize) * 1000 / median }
        /// Of the whole process so far.
        package var peakMemoryMiB: Double {
            var usage = rusage()
            getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
            return Double(usage.ru_maxrss) / 1024
        }
    }

    /// Times `steps` steps after two that are not counted; `clock` times the layers of those that are. Throws
    /// `TrainingError` for options out of range.
    ///
    /// - Parameters:
    ///   - group: those who share each batch, and exchange what the ranks of a run do.
    ///   - overlaps: whether gradients are summed while backward goes on.
    package static func run(
        _ options: RunOptions, mode: Mode, steps: Int, classes: Int = 2, clock: LayerClock? = nil,
        group: (any RankGroup)? = nil, overlaps: Bool = true
    ) throws -> Result {
        try options.validate()
        guard (1...100_000).contains(steps) else {
            throw TrainingError.option("--steps", found: "\(steps)", expected: "a whole number from 1 to 100000")
        }
        BLAS.prepare()
        let pool = WorkerPool(threads: options.threads)
        let model = ResNet18(classes: classes, pool: pool)
        model.initialise(seed: options.seed)
        if let group {
            model.exchange = GradientExchange(group, batchNorm: options.batchNorm)
            model.exchange?.overlaps = overlaps
        }
        let batch = group?.share(of: options.batchSize) ?? options.batchSize
        let plan = options.initialPlan
        if mode != .eval {
            try plan.requireValuesForStatistics(batch: options.batchSize, imageSize: options.imageSize)
        }
        let optimizer = Optimizer(options.optimizer, weightDecay: options.weightDecay, pool: pool)
        var generator = SeededGenerator(seed: options.seed)
        let images = FloatBuffer(count: batch * options.imageSize * options.imageSize * 3)
        for i in 0..<images.count { images.pointer[i] = Float(generator.uniform() * 4 - 2) }
        let labels = (0..<batch).map { $0 % classes }
        let cut = plan.cut
        let shape = model.featureShape(cut: cut, imageSize: options.imageSize)
        let features = cut == 0 ? images : FloatBuffer(count: batch * shape.count)
        func prefix() {
            guard cut > 0 else { return }
            model.prefix(
                cut: cut, images: images.pointer, count: batch, imageSize: options.imageSize, into: features.pointer)
        }
        if mode == .cached { prefix() }
        var result = Result(milliseconds: [], batchSize: options.batchSize)
        for step in 0..<(steps + 2) {
            if step == 2 { model.clock = clock }
            model.clock?.begin()
            let waited = group?.secondsWaited ?? 0
            let start = ContinuousClock.now
            if mode == .eval {
                _ = model.evaluate(
                    cut: 0, features: images.pointer, count: batch, imageSize: options.imageSize)
            } else {
                // What rank 0 asks of all before a step.
                _ = group?.decide(true)
                if mode == .train { prefix() }
                let outcome = model.step(
                    plan: plan, features: features.pointer, labels: labels, imageSize: options.imageSize,
                    total: group == nil ? nil : Double(options.batchSize))
                if let group {
                    var sums = [outcome.loss, Double(outcome.correct), Double(batch)]
                    group.sum(&sums)
                    model.exchange?.finish()
                    try group.requireSound()
                }
                _ = optimizer.step(
                    model.parameters, learningRate: options.learningRate, momentum: options.configuredMomentum)
                model.weightsChanged()
                model.clock?.lap("optimizer")
            }
            model.clock?.end()
            if step >= 2 {
                result.milliseconds.append(start.duration(to: .now) / .milliseconds(1))
                if let group { result.waits.append((group.secondsWaited - waited) * 1000) }
            }
        }
        return result
    }
}
