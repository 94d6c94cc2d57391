import Support
import Network
import Kernels
import Model
import Images
import Testing
import TrainingEvents

/// The cost preview against what the network runs, without a clock: each operation of `StepCosts` has a number of its own,
/// and those of the operations that ran must add up to the preview.
@Suite struct StepPreviewTests {
    private static let size = 32
    private static let batch = 2

    /// Numbers below 2^44 with nothing in common: sums of a few dozen are exact, and no two sums are equal by chance.
    private static func costs(_ generator: inout SeededGenerator, tracks: Bool) -> StepCosts {
        func number() -> Double { Double(generator.next() >> 20) }
        let layers = ResNet.resnet18.layers.map { layer in
            var result = StepCosts.Layer(layer)
            result.inference = number()
            result.forward = StepCosts.ByStatistics(batch: number(), held: number())
            result.normGradient = StepCosts.ByStatistics(batch: number(), held: number())
            result.inputGradient = number()
            result.weightGradient = number()
            return result
        }
        // One for each float that the optimizer updates.
        return StepCosts(
            layers: layers, rest: number(), optimizerPerMillion: 1e6, moments: 1, classes: 2, batchSize: batch,
            imageSize: size, pictures: 1, cacheRule: FeatureCacheRule(budget: 0),
            frozenBatchNorm: tracks ? .track : .hold)
    }

    /// Every parameter alone, the strategies, and any mixture.
    private static func masks(_ generator: inout SeededGenerator) -> [Set<String>] {
        let names = ResNet.resnet18.parameterNames
        var masks = names.map { Set([$0]) } + Strategy.allCases.map { Set(names.filter($0.trains)) } + [[]]
        while masks.count < 200 {
            let (share, lowest) = (generator.uniform(), Int(generator.next() % 10))
            masks.append(
                Set(
                    names.filter {
                        (ResNet.resnet18.unit(of: $0) ?? 0) >= lowest && generator.uniform() < share
                    }))
        }
        return masks
    }

    /// Runs the prefix and a step under the mask; what ran, as the costs know it.
    private static func run(
        _ model: ResNet18, _ mask: Set<String>, _ costs: StepCosts, images: [Float]
    ) -> (prefix: Double, step: Double) {
        let plan = costs.plan(mask)
        func laps(_ body: () -> Void) -> (LayerTiming.Kind, String) -> Bool {
            let clock = LayerClock()
            model.clock = clock
            clock.begin()
            body()
            clock.end()
            model.clock = nil
            let seen = Set(clock.timings.map { "\($0.kind) \($0.name)" })
            return { seen.contains("\($0) \($1)") }
        }
        let shape = model.featureShape(cut: plan.cut, imageSize: size)
        var features = [Float](repeating: 0, count: batch * shape.count)
        let inPrefix = laps {
            model.prefix(cut: plan.cut, images: images, count: batch, imageSize: size, into: &features)
        }
        // Gradients that are written are numbers afterwards.
        for parameter in model.parameters {
            if parameter.gradient == nil { parameter.gradient = FloatBuffer(count: parameter.count) }
            parameter.gradient?.pointer[0] = .nan
        }
        func batches(_ layer: ConvolutionLayer) -> Int64 {
            model.batchesTracked(layer.batchNorm + ".num_batches_tracked")
        }
        let before = costs.layers.map { batches($0.layer) }
        let inStep = laps { _ = model.step(plan: plan, features: features, labels: [0, 1], imageSize: size) }
        func isWritten(_ name: String) -> Bool {
            model.parameters.first { $0.name == name }?.gradient?.pointer[0].isNaN == false
        }

        var sums = (prefix: 0.0, step: costs.rest)
        for parameter in model.parameters where parameter.gradient != nil { sums.step += Double(parameter.count) }
        for (cost, before) in zip(costs.layers, before) {
            let layer = cost.layer
            if inPrefix(.forward, layer.convolution) { sums.prefix += cost.inference }
            let usesBatch = batches(layer) > before
            if inStep(.forward, layer.convolution) { sums.step += usesBatch ? cost.forward.batch : cost.forward.held }
            if inStep(.inputGradient, layer.convolution) { sums.step += cost.inputGradient }
            if inStep(.weightGradient, layer.convolution) { sums.step += cost.weightGradient }
            #expect(inStep(.weightGradient, layer.convolution) == isWritten(layer.weight))
            // The clock knows a BatchNorm's gradient only where it goes on to the convolution.
            if inStep(.normalisationGradient, layer.batchNorm) || isWritten(layer.gamma) || isWritten(layer.beta) {
                sums.step += usesBatch ? cost.normGradient.batch : cost.normGradient.held
            }
        }
        return sums
    }

    @Test func `the preview counts exactly what the network runs, under two hundred masks`() {
        var generator = SeededGenerator(seed: 18)
        let model = ResNet18(classes: 2, pool: WorkerPool(threads: 1))
        model.initialise(seed: 1)
        let images = (0..<(Self.batch * Self.size * Self.size * 3)).map { _ in Float(generator.uniform() * 2 - 1) }
        for (number, mask) in Self.masks(&generator).enumerated() {
            let costs = Self.costs(&generator, tracks: number % 4 == 3)
            let (prefix, step) = Self.run(model, mask, costs, images: images)
            #expect(costs.milliseconds(costs.plan(mask), cached: true) == step, "\(mask.sorted())")
            #expect(costs.milliseconds(costs.plan(mask), cached: false) == prefix + step, "\(mask.sorted())")
        }
    }
}
