import Network
import Foundation
import Kernels
import Model
import Images
import Support
import Testing
import Training
import TrainingEvents

/// The cost preview against the clock, by `make preview-error`: minutes of timing have no place among quick tests. On a busy machine a step now and then takes twice as long, so medians are compared
/// and the whole is tried again before it is called wrong.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["TIMED_TESTS"] == "1"))
struct StepCostTests {
    struct Finding {
        var error: Double
        var lines: [String]
    }

    /// Measures the layers, then predicts and times steps under masks of all kinds.
    static func compare(masks: [Set<String>], options: RunOptions, rounds: Int) throws -> Finding {
        let pool = WorkerPool(threads: options.threads)
        let costs = try #require(
            LayerMeasurement.costs(options: options, classes: 2, pictures: 100, pool: pool, isCancelled: { false }))
        let model = ResNet18(classes: 2, pool: pool)
        model.initialise(seed: 1)
        let optimizer = Optimizer(options.optimizer, weightDecay: options.weightDecay, pool: pool)
        var generator = SeededGenerator(seed: 5)
        let images = FloatBuffer(count: options.batchSize * options.imageSize * options.imageSize * 3)
        for place in 0..<images.count { images.pointer[place] = Float(generator.uniform() * 2 - 1) }
        let labels = (0..<options.batchSize).map { $0 % 2 }
        let clock = ContinuousClock()

        func measure(_ mask: Set<String>) -> Double {
            let plan = TrainingPlan(trainable: mask, frozenBatchNorm: .hold)
            let shape = model.featureShape(cut: plan.cut, imageSize: options.imageSize)
            let features = FloatBuffer(count: options.batchSize * shape.count)
            model.prefix(
                cut: plan.cut, images: images.pointer, count: options.batchSize, imageSize: options.imageSize,
                into: features.pointer)
            optimizer.keepOnly(mask)
            var times: [Double] = []
            for round in 0...rounds {
                let time = clock.measure {
                    _ = model.step(
                        plan: plan, features: features.pointer, labels: labels, imageSize: options.imageSize)
                    _ = optimizer.step(model.parameters, learningRate: 1e-9, momentum: 0.9)
                    model.weightsChanged()
                }
                if round > 0 { times.append(time / .milliseconds(1)) }
            }
            return times.sorted()[times.count / 2]
        }

        // The dashboard corrects by the step that it saw last; here that is everything.
        let everything = Set(ResNet.resnet18.parameterNames)
        var errors: [Double] = []
        var lines: [String] = []
        for mask in masks {
            let own = measure(everything)
            let measured = measure(mask)
            let predicted = costs.milliseconds(
                costs.plan(mask), cached: true, measured: own, under: costs.plan(everything), currentCached: false)
            errors.append(abs(predicted - measured) / measured)
            lines.append("\(mask.count) trainable: predicted \(predicted), measured \(measured)")
        }
        return Finding(error: errors.sorted()[errors.count / 2], lines: lines)
    }

    static func masks() -> [Set<String>] {
        let names = ResNet.resnet18.parameterNames
        var generator = SeededGenerator(seed: 3)
        var masks = Strategy.allCases.map { strategy in Set(names.filter(strategy.trains)) }
        // Everything from a unit on, single layers, BatchNorms alone, and any mixture.
        for cut in [2, 4, 6, 8] { masks.append(Set(names.filter { (ResNet.resnet18.unit(of: $0) ?? 0) >= cut })) }
        masks.append(Set(names.filter { $0.contains("bn") }))
        masks.append(Set(names.filter { $0.contains("conv") }))
        for name in [
            "layer1.0.conv1.weight", "layer2.1.bn2.weight", "layer3.0.downsample.0.weight", "layer4.1.conv2.weight",
        ] {
            masks.append([name, "fc.weight", "fc.bias"])
        }
        for _ in 0..<10 {
            let share = generator.uniform()
            masks.append(Set(names.filter { _ in generator.uniform() < share }))
        }
        return masks
    }

    @Test func `over many masks the median error of the predicted step time is under 15 percent`() throws {
        var options = RunOptions()
        options.imageSize = 64
        options.batchSize = 8
        options.threads = 1
        var finding = Finding(error: .infinity, lines: [])
        for _ in 0..<4 {
            let attempt = try Self.compare(masks: Self.masks(), options: options, rounds: 3)
            if attempt.error < finding.error { finding = attempt }
            if finding.error < 0.15 { break }
        }
        print("cost preview over \(finding.lines.count) masks: median error \(finding.error)")
        #expect(finding.error < 0.15, "\(finding.lines.joined(separator: "\n"))")
    }
}
