import Network
import Kernels
import Model
import Testing

@Suite struct FreezingTests {
    private func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

    private func everything(_ model: ResNet18) -> [UInt32] {
        model.specs.flatMap { $0.kind == .batchesTracked ? [] : bits(model.export($0.name)) }
    }

    @Test func theSameBitsComeOutForAnyNumberOfThreads() throws {
        let images = fixtureImages(batch: 3, size: 40)
        let names = ResNet.resnet18.parameterNames
        for trainable in [Set(names), Set(names.filter { $0.hasPrefix("layer3") || $0.hasPrefix("fc") })] {
            let plan = TrainingPlan(trainable: trainable, frozenBatchNorm: .hold)
            var first: (loss: Double, bits: [UInt32])?
            for threads in [1, 2, 3, 5] {
                let model = try fixtureModel(classes: 3, threads: threads)
                let shape = model.featureShape(cut: plan.cut, imageSize: 40)
                var features = [Float](repeating: 0, count: 3 * shape.count)
                model.prefix(cut: plan.cut, images: images, count: 3, imageSize: 40, into: &features)
                let outcome = model.step(plan: plan, features: features, labels: [0, 2, 1], imageSize: 40)
                let gradients = names.flatMap { bits(model.exportGradient($0) ?? []) }
                let now = (loss: outcome.loss, bits: gradients + everything(model))
                if let first { #expect(first.loss == now.loss && first.bits == now.bits, "\(threads) threads") }
                first = first ?? now
            }
        }
    }

    @Test func anImagesFeaturesDoNotDependOnTheImagesBesideIt() throws {
        let model = try fixtureModel(classes: 3)
        let (batch, size) = (5, 48)
        let images = fixtureImages(batch: batch, size: size)
        for cut in 1...10 {
            let shape = model.featureShape(cut: cut, imageSize: size)
            let count = shape.count
            var together = [Float](repeating: 0, count: batch * count)
            model.prefix(cut: cut, images: images, count: batch, imageSize: size, into: &together)
            for image in [0, 3] {
                var alone = [Float](repeating: 0, count: count)
                model.prefix(
                    cut: cut, images: Array(images[(image * size * size * 3)...]), count: 1, imageSize: size,
                    into: &alone)
                #expect(bits(alone) == bits(Array(together[(image * count)..<((image + 1) * count)])), "cut \(cut)")
            }
            // The rest of the way gives what the whole way gives.
            #expect(
                bits(model.evaluate(cut: cut, features: together, count: batch, imageSize: size))
                    == bits(model.evaluate(cut: 0, features: images, count: batch, imageSize: size)))
        }
    }

    @Test func frozenParametersHaveNoGradientAndKeepEveryBit() throws {
        let model = try fixtureModel(classes: 3)
        let images = fixtureImages(batch: 2, size: 32)
        let before = everything(model)
        let names = model.parameters.map(\.name)
        _ = model.step(
            plan: TrainingPlan(trainable: Set(names), frozenBatchNorm: .hold), features: images, labels: [0, 1],
            imageSize: 64 / 2)
        #expect(names.allSatisfy { model.parameter($0)?.gradient != nil })
        #expect(everything(model) != before)

        let after = everything(model)
        let plan = TrainingPlan(trainable: ["fc.bias"], frozenBatchNorm: .hold)
        var features = [Float](repeating: 0, count: 2 * 512)
        model.prefix(cut: plan.cut, images: images, count: 2, imageSize: 32, into: &features)
        _ = model.step(plan: plan, features: features, labels: [0, 1], imageSize: 32)
        #expect(names.filter { model.parameter($0)?.gradient != nil } == ["fc.bias"])
        #expect(everything(model) == after)
    }

    @Test func theCutIsTheFirstUnitThatIsNotWhollyFrozen() {
        func cut(_ names: Set<String>, _ mode: FrozenBatchNorm = .hold) -> Int {
            TrainingPlan(trainable: names, frozenBatchNorm: mode).cut
        }
        #expect(cut([]) == 10)
        #expect(cut(["fc.weight"]) == 9)
        #expect(cut(["layer4.0.bn1.bias", "fc.weight"]) == 7)
        #expect(cut(["layer1.0.conv2.weight"]) == 1)
        #expect(cut(["bn1.weight"]) == 0)
        #expect(cut(["fc.weight"], .track) == 0)
    }

    @Test func namesShapesAndOrderAreTorchvisions() {
        let tensors = ResNet.resnet18.tensors(classes: 1000)
        #expect(tensors.count == 122)
        #expect(ResNet.resnet18.parameters(classes: 1000).count == 62)
        #expect(ResNet.resnet18.parameters(classes: 1000).reduce(0) { $0 + $1.count } == 11_689_512)
        #expect(
            tensors.prefix(7).map(\.name) == [
                "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
                "bn1.num_batches_tracked",
                "layer1.0.conv1.weight",
            ])
    }

    @Test func tensorsComeBackInPyTorchsLayoutAndWrongOnesAreRefused() throws {
        let model = ResNet18(classes: 4, pool: WorkerPool(threads: 1))
        for spec in model.specs where spec.kind != .batchesTracked {
            let values = (0..<spec.count).map { Float($0 % 4093) }
            try model.load(spec.name, floats: values)
            #expect(model.export(spec.name) == values)
        }
        #expect(throws: TensorError.wrongCount(name: "fc.bias", shape: [4], found: 5)) {
            try model.load("fc.bias", floats: [1, 2, 3, 4, 5])
        }
        #expect(throws: TensorError.unknown("fc.wait")) { try model.load("fc.wait", floats: []) }
    }

    @Test func freshWeightsHaveTorchvisionsSpreadAndTheHeadItsOwnGenerator() {
        let model = ResNet18(classes: 10, pool: WorkerPool(threads: 1))
        model.initialise(seed: 3)
        let weights = model.export("layer3.0.conv2.weight").map(Double.init)
        let deviation = (weights.map { $0 * $0 }.reduce(0, +) / Double(weights.count)).squareRoot()
        #expect(abs(deviation / (2.0 / (256 * 9)).squareRoot() - 1) < 0.01)
        let head = model.export("fc.weight")
        let bound = Float(1 / 512.0.squareRoot())
        #expect(head.allSatisfy { abs($0) <= bound } && head.contains { abs($0) > 0.95 * bound })
        #expect(model.export("bn1.running_var").allSatisfy { $0 == 1 })
        let other = ResNet18(classes: 10, pool: WorkerPool(threads: 1))
        other.drawHead(seed: 3)
        #expect(other.export("fc.weight") == head)
    }
}
