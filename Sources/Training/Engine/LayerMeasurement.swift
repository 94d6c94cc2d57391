import Network
import Kernels
import Model
import Support
import TrainingEvents

/// Measures what every layer takes on this machine, with a network of its own on made-up pictures, so that the run's
/// weights and statistics are left alone.
package enum LayerMeasurement {
    /// Pixels of the pictures that are timed at once; a larger batch is taken to need as much more.
    private static let pixels = 4 * 224 * 224

    /// nil where it was cancelled.
    static func costs(of run: TrainingRun, isCancelled: () -> Bool) -> StepCosts? {
        var costs = costs(
            options: run.options, classes: run.sets.classes.count, pictures: run.featureCount, pool: run.pool,
            stepImages: run.ranks?.share(of: run.imagesPerStep) ?? run.imagesPerStep, isCancelled: isCancelled)
        // What memory has no room for goes to a file.
        costs?.cacheRule.budget = run.cacheRoom
        costs?.exchange = run.ranks?.costs
        return costs
    }

    /// `stepImages`: those of a full step; nil for a batch.
    package static func costs(
        options: RunOptions, classes: Int, pictures: Int, pool: WorkerPool, stepImages: Int? = nil, rounds: Int = 3,
        isCancelled: () -> Bool
    ) -> StepCosts? {
        let stepImages = stepImages ?? options.batchSize
        let size = options.imageSize
        let images = max(2, min(options.batchSize, pixels / (size * size)))
        let bench = Bench(options: options, classes: classes, images: images, pool: pool)
        let parameters = ResNet.resnet18.parameters(classes: classes)
        let everything = Set(parameters.map(\.name))
        // Weights without BatchNorms: the same convolutions, with held statistics between them.
        let weights = Set(parameters.filter { !ResNet.resnet18.isBatchNorm($0.layer) }.map(\.name))
        guard let batch = bench.train(everything, rounds: rounds, isCancelled),
            let held = bench.train(weights, rounds: rounds, isCancelled),
            let inference = bench.infer(rounds: rounds, isCancelled)
        else { return nil }

        let scale = Double(stepImages) / Double(images)
        func milliseconds(_ timings: [LayerTiming], _ name: String, _ kind: LayerTiming.Kind) -> Double {
            timings.reduce(0) { $0 + ($1.name == name && $1.kind == kind ? $1.milliseconds : 0) } * scale
        }
        let layers = ResNet.resnet18.layers.map { layer in
            func both(_ timings: [LayerTiming]) -> Double {
                milliseconds(timings, layer.convolution, .forward)
                    + milliseconds(timings, layer.batchNorm, .normalisation)
            }
            var cost = StepCosts.Layer(layer)
            cost.inference = both(inference)
            cost.forward = StepCosts.ByStatistics(batch: both(batch), held: both(held))
            cost.normGradient = StepCosts.ByStatistics(
                batch: milliseconds(batch, layer.batchNorm, .normalisationGradient),
                held: milliseconds(held, layer.batchNorm, .normalisationGradient))
            cost.inputGradient = milliseconds(batch, layer.convolution, .inputGradient)
            cost.weightGradient = milliseconds(batch, layer.convolution, .weightGradient)
            return cost
        }
        let total = parameters.reduce(0) { $0 + $1.count }
        let optimizer = milliseconds(batch, "optimizer", .other) / scale
        return StepCosts(
            layers: layers, rest: milliseconds(batch, "fc", .other) + milliseconds(batch, "start", .other) / scale,
            optimizerPerMillion: optimizer / (Double(max(1, total)) / 1e6), moments: options.momentBuffers,
            classes: classes, batchSize: stepImages, imageSize: size, pictures: pictures, cacheRule: options.cacheRule,
            frozenBatchNorm: options.frozenBatchNorm)
    }
}

/// A network to be timed.
private final class Bench {
    let model: ResNet18
    private let options: RunOptions
    private let images: Int
    private let optimizer: Optimizer
    private let pixels: FloatBuffer
    private let labels: [Int]

    init(options: RunOptions, classes: Int, images: Int, pool: WorkerPool) {
        self.options = options
        self.images = images
        model = ResNet18(classes: classes, pool: pool)
        model.initialise(seed: 0)
        optimizer = Optimizer(options.optimizer, weightDecay: options.weightDecay, pool: pool)
        var generator = SeededGenerator(seed: 0)
        pixels = FloatBuffer(count: images * options.imageSize * options.imageSize * 3)
        for place in 0..<pixels.count { pixels.pointer[place] = Float(generator.uniform() * 4 - 2) }
        labels = (0..<images).map { $0 % max(1, classes) }
    }

    /// Whole steps under a mask, frozen BatchNorms held; the first, which allocates, does not count.
    func train(_ trainable: Set<String>, rounds: Int, _ isCancelled: () -> Bool) -> [LayerTiming]? {
        let plan = TrainingPlan(trainable: trainable, frozenBatchNorm: .hold)
        optimizer.keepOnly([])
        return time(rounds, isCancelled) { clock in
            _ = model.step(
                plan: plan, features: UnsafePointer(pixels.pointer), labels: labels, imageSize: options.imageSize)
            clock.lap("fc")
            // A rate that leaves the weights alone, since only the time matters.
            _ = optimizer.step(model.parameters, learningRate: 1e-12, momentum: options.configuredMomentum)
            model.weightsChanged()
            clock.lap("optimizer")
        }
    }

    /// The network as a frozen prefix runs it.
    func infer(rounds: Int, _ isCancelled: () -> Bool) -> [LayerTiming]? {
        let head = ResNet.resnet18.head
        let shape = model.featureShape(cut: head, imageSize: options.imageSize)
        let features = FloatBuffer(count: images * shape.count)
        return time(rounds, isCancelled) { clock in
            model.prefix(
                cut: head, images: UnsafePointer(pixels.pointer), count: images, imageSize: options.imageSize,
                into: features.pointer)
            clock.lap(ResNet.resnet18.layers.last?.batchNorm ?? "", .normalisation)
        }
    }

    private func time(_ rounds: Int, _ isCancelled: () -> Bool, _ body: (LayerClock) -> Void) -> [LayerTiming]? {
        let clock = LayerClock()
        model.clock = clock
        defer { model.clock = nil }
        for round in 0...max(1, rounds) {
            if isCancelled() { return nil }
            clock.begin()
            body(clock)
            if round > 0 { clock.end() }
        }
        return clock.timings
    }
}
