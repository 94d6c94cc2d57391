import Network
import Kernels
import Model
import Testing

@Suite struct LayerClockTests {
    /// The timings of one step at 64 pixels, batch 2.
    private func timings(trainable: (String) -> Bool) throws -> [LayerTiming] {
        let model = try fixtureModel(classes: 2)
        let clock = LayerClock()
        model.clock = clock
        let plan = TrainingPlan(
            trainable: Set(model.parameters.map(\.name).filter(trainable)), frozenBatchNorm: .hold)
        let images = fixtureImages(batch: 2, size: 64)
        let shape = model.featureShape(cut: plan.cut, imageSize: 64)
        var features = [Float](repeating: 0, count: 2 * shape.count)
        clock.begin()
        model.prefix(cut: plan.cut, images: images, count: 2, imageSize: 64, into: &features)
        _ = model.step(plan: plan, features: features, labels: [0, 1], imageSize: 64)
        clock.end()
        return clock.timings
    }

    @Test func `a full step runs every convolution three ways but the stem's, whose input is the picture`() throws {
        let timings = try timings { _ in true }
        for kind in [LayerTiming.Kind.forward, .weightGradient] {
            #expect(Set(timings.filter { $0.kind == kind }.map(\.name)).count == 20)
        }
        let inputs = timings.filter { $0.kind == .inputGradient }.map(\.name)
        #expect(Set(inputs).count == 19 && !inputs.contains("conv1"))
        #expect(timings.filter { $0.kind == .normalisation }.count == 20)
        #expect(timings.filter { $0.kind == .normalisationGradient }.count == 20)
        #expect(timings.allSatisfy { $0.milliseconds > 0 })
    }

    @Test func `a frozen convolution shows no gradients`() throws {
        let timings = try timings { $0.hasPrefix("fc.") || $0.hasPrefix("layer4.") }
        #expect(Set(timings.filter { $0.kind == .forward }.map(\.name)).count == 20)
        let gradients = timings.filter { $0.kind == .inputGradient || $0.kind == .weightGradient }
        #expect(gradients.allSatisfy { $0.name.hasPrefix("layer4.") })
        #expect(gradients.filter { $0.kind == .weightGradient }.count == 5)
        // Nothing below layer4.0 wants a gradient, so its first convolution and its shortcut give none.
        #expect(
            gradients.filter { $0.kind == .inputGradient }.map(\.name).sorted()
                == ["layer4.0.conv2", "layer4.1.conv1", "layer4.1.conv2"])
    }

    @Test func `the multiply-adds are those of the plain convolution`() throws {
        let timings = try timings { _ in true }
        let stem = timings.first { $0.name == "conv1" && $0.kind == .forward }
        #expect(stem?.multiplyAdds == 2 * 32 * 32 * 7 * 7 * 3 * 64)
        let shortcut = timings.first { $0.name == "layer2.0.downsample.0" && $0.kind == .weightGradient }
        #expect(shortcut?.multiplyAdds == 2 * 8 * 8 * 64 * 128)
    }
}
