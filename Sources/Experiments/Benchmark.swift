import Network
import Foundation
import Kernels
import Model
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

        package var median: Double {
            let sorted = milliseconds.sorted()
            let middle = sorted.count / 2
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
    package static func run(
        _ options: RunOptions, mode: Mode, steps: Int, classes: Int = 2, clock: LayerClock? = nil
    ) throws -> Result {
        try options.validate()
        guard (1...100_000).contains(steps) else {
            throw TrainingError.option("--steps", found: "\(steps)", expected: "a whole number from 1 to 100000")
        }
        BLAS.prepare()
        let pool = WorkerPool(threads: options.threads)
        let model = ResNet18(classes: classes, pool: pool)
        model.initialise(seed: options.seed)
        let plan = TrainingPlan(trainable: options.initialTrainable(), frozenBatchNorm: options.frozenBatchNorm)
        if mode != .eval {
            try plan.requireValuesForStatistics(batch: options.batchSize, imageSize: options.imageSize)
        }
        let optimizer = Optimizer(options.optimizer, weightDecay: options.weightDecay, pool: pool)
        var generator = SeededGenerator(seed: options.seed)
        let images = FloatBuffer(count: options.batchSize * options.imageSize * options.imageSize * 3)
        for i in 0..<images.count { images.pointer[i] = Float(generator.uniform() * 4 - 2) }
        let labels = (0..<options.batchSize).map { $0 % classes }
        let cut = plan.cut
        let shape = model.featureShape(cut: cut, imageSize: options.imageSize)
        let features = cut == 0 ? images : FloatBuffer(count: options.batchSize * shape.count)
        func prefix() {
            guard cut > 0 else { return }
            model.prefix(
                cut: cut, images: images.pointer, count: options.batchSize, imageSize: options.imageSize,
                into: features.pointer)
        }
        if mode == .cached { prefix() }
        var milliseconds: [Double] = []
        for step in 0..<(steps + 2) {
            if step == 2 { model.clock = clock }
            model.clock?.begin()
            let start = ContinuousClock.now
            if mode == .eval {
                _ = model.evaluate(
                    cut: 0, features: images.pointer, count: options.batchSize, imageSize: options.imageSize)
            } else {
                if mode == .train { prefix() }
                _ = model.step(plan: plan, features: features.pointer, labels: labels, imageSize: options.imageSize)
                _ = optimizer.step(
                    model.parameters, learningRate: options.learningRate, momentum: options.configuredMomentum)
                model.weightsChanged()
                model.clock?.lap("optimizer")
            }
            model.clock?.end()
            if step >= 2 { milliseconds.append(start.duration(to: .now) / .milliseconds(1)) }
        }
        return Result(milliseconds: milliseconds, batchSize: options.batchSize)
    }
}
