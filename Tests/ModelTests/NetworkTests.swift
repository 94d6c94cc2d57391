import Foundation
import Kernels
import Model
import Network
import Ranks
import RanksTestSupport
import Testing

/// Our error, relative to the exact value, against ten times PyTorch's own in float32. Where PyTorch was lucky with
/// one number, its root mean square over all of its kind counts.
private func worstRatio(
    _ ours: [String: Double], exact: [String: Double], single: [String: Double], floor: Double,
    scale: [String: Double]? = nil
) -> (ratio: Double, name: String) {
    func size(_ name: String) -> Double { max(abs((scale ?? exact)[name] ?? 0), 1e-30) }
    let squares = exact.map { name, value in pow(((single[name] ?? 0) - value) / size(name), 2) }
    let typical = (squares.reduce(0, +) / Double(max(1, squares.count))).squareRoot()
    var worst = (ratio: 0.0, name: "")
    for (name, value) in exact {
        let error = abs((ours[name] ?? .nan) - value) / size(name)
        let bound = max(abs((single[name] ?? 0) - value) / size(name), typical, floor)
        let ratio = error / bound
        if !(ratio <= worst.ratio) { worst = (ratio, name) }
    }
    return worst
}

@Suite struct NetworkTests {
    @Test func theFixtureIsThere() { #expect(NetworkCase.all.count == 24) }

    @Test(arguments: NetworkCase.all)
    func oneStepIsAsCloseToFloat64AsPyTorchsOwnFloat32(_ example: NetworkCase) throws {
        let model = try fixtureModel(classes: example.classes)
        let plan = example.plan
        let images = fixtureImages(example.images, batch: example.batch, size: example.size)

        let logits = model.evaluate(cut: 0, features: images, count: example.batch, imageSize: example.size)
        let largest = example.exact.logits.map(abs).max() ?? 1
        for (ours, exact) in zip(logits, example.exact.logits) { #expect(abs(Double(ours) - exact) < 1e-5 * largest) }

        guard !plan.holdsAll else { return }
        let shape = model.featureShape(cut: plan.cut, imageSize: example.size)
        var features = [Float](repeating: .nan, count: example.batch * shape.count)
        model.prefix(cut: plan.cut, images: images, count: example.batch, imageSize: example.size, into: &features)
        let outcome = model.step(plan: plan, features: features, labels: example.labels, imageSize: example.size)
        StepFound(model, loss: outcome.loss).expectClose(to: example)
    }

    /// Together, by their numbers of images, they are those of the batch.
    @Test(arguments: NetworkCase.all.filter(\.plan.holdsAll))
    func gradientsOfSamplesAreAsCloseTogether(_ example: NetworkCase) throws {
        for counts in [[example.batch], [1, example.batch - 1], [1, 1, example.batch - 2]] where !counts.contains(0) {
            let model = try fixtureModel(classes: example.classes)
            let images = fixtureImages(example.images, batch: example.batch, size: example.size)
            let shares = counts.map { Double($0) / Double(example.batch) }
            let (outcomes, _) = model.sampleGradients(
                of: counts, images: images, labels: example.labels, imageSize: example.size
            ) { parameter, gradients in
                let sum = (0..<parameter.count).map { index in
                    Float(zip(shares, gradients).reduce(0) { $0 + $1.0 * Double($1.1[index]) })
                }
                #expect(parameter.gradient == nil)
                parameter.gradient = FloatBuffer(sum)
            }
            #expect(outcomes.count == counts.count)
            StepFound(model, loss: zip(shares, outcomes).reduce(0) { $0 + $1.0 * $1.1.loss }).expectClose(to: example)
        }
    }

    /// Each is that of its images alone, and the copies of transformed weights that a frozen network keeps serve or are not
    /// there.
    @Test func aSamplesGradientsAreThoseOfItsImagesAlone() throws {
        let (counts, size) = ([2, 1, 3], 40)
        let images = fixtureImages(batch: 6, size: size)
        let labels = [0, 2, 1, 1, 0, 2]
        let kept = try fixtureModel(classes: 3)
        _ = kept.evaluate(cut: 0, features: images, count: 6, imageSize: size)
        var together: [String: [[Float]]] = [:]
        _ = kept.sampleGradients(of: counts, images: images, labels: labels, imageSize: size) { parameter, gradients in
            together[parameter.name] = gradients.map { Array(UnsafeBufferPointer(start: $0, count: parameter.count)) }
        }
        #expect(together.count == 62 && kept.parameters.allSatisfy { $0.gradient == nil })
        var first = 0
        for (sample, count) in counts.enumerated() {
            let model = try fixtureModel(classes: 3)
            let own = Array(images[(first * size * size * 3)..<((first + count) * size * size * 3)])
            _ = model.sampleGradients(
                of: [count], images: own, labels: Array(labels[first..<first + count]), imageSize: size
            ) { parameter, gradients in
                let alone = UnsafeBufferPointer(start: gradients[0], count: parameter.count)
                let largest = alone.map(abs).max() ?? 0
                let difference = zip(together[parameter.name]?[sample] ?? [], alone).map { abs($0 - $1) }.max()
                #expect(difference ?? .nan <= 1e-5 * largest, "\(parameter.name) of sample \(sample)")
            }
            first += count
        }
    }

    /// Against what a BatchNorm's running statistics become where it alone trains, and so sees the same maps.
    @Test(arguments: ["bn1", "layer1.1.bn1", "layer2.0.downsample.1", "layer3.1.bn2", "layer4.1.bn2"])
    func theDistanceOfStatisticsIsToThoseOfTheBatch(_ layer: String) throws {
        let (count, size) = (6, 64)
        let images = fixtureImages(batch: count, size: size)
        let labels = [0, 2, 1, 1, 0, 2]
        let measured = try fixtureModel(classes: 3)
        let before = ["running_mean", "running_var"].map { measured.export("\(layer).\($0)") }
        let (_, distances) = measured.sampleGradients(
            of: [2, 4], images: images, labels: labels, imageSize: size
        ) { _, _ in }
        #expect(distances.count == 20)
        #expect(["running_mean", "running_var"].map { measured.export("\(layer).\($0)") } == before)

        let model = try fixtureModel(classes: 3)
        let plan = TrainingPlan(trainable: [layer + ".weight"], frozenBatchNorm: .hold)
        let shape = model.featureShape(cut: plan.cut, imageSize: size)
        var features = [Float](repeating: .nan, count: count * shape.count)
        model.prefix(cut: plan.cut, images: images, count: count, imageSize: size, into: &features)
        _ = model.step(plan: plan, features: features, labels: labels, imageSize: size)
        let after = ["running_mean", "running_var"].map { model.export("\(layer).\($0)") }
        // Running ones move by a tenth, the variance towards the unbiased one.
        let network = ResNet.resnet18
        let unit = network.unit(of: layer + ".weight") ?? -1
        let side = unit == 0 ? size / 2 : network.output(ofUnit: unit, imageSize: size).side
        let rows = Double(count * side * side)
        let exact =
            before[0].indices.map { channel -> Double in
                func batch(_ which: Int) -> Double {
                    (Double(after[which][channel]) - 0.9 * Double(before[which][channel])) / 0.1
                }
                let held = Double(before[1][channel]) + 1e-5
                let variance = batch(1) * (rows - 1) / rows + 1e-5
                let shift = batch(0) - Double(before[0][channel])
                return log(1 + 0.5 * (variance / held + shift * shift / held - 1) - 0.5 * log(variance / held))
            }.reduce(0, +) / Double(before[0].count)
        #expect(exact > 1e-3)
        #expect(abs((distances[layer] ?? .nan) / exact - 1) < 1e-3, "\(distances[layer] ?? .nan) for \(exact)")
    }

    /// The strategies with one rank more than pictures too: that one has none.
    @Test(arguments: NetworkCase.all.filter { !$0.plan.holdsAll })
    func ofRanksTogetherTheStepIsAsClose(_ example: NetworkCase) throws {
        let isStrategy = ["full", "partial", "head", "nothing"].contains(example.name)
        for ranks in isStrategy ? [2, example.batch + 1] : [2] {
            let found = onRanks(ranks) { group -> (step: StepFound?, bits: UInt64)? in
                guard let model = try? fixtureModel(classes: example.classes, threads: 1) else { return nil }
                model.exchange = GradientExchange(group, batchNorm: .global)
                let first = (0..<group.rank).reduce(0) {
                    $0 + RankShares.count(example.batch, rank: $1, of: ranks)
                }
                let own = first..<first + group.share(of: example.batch)
                let images = fixtureImages(example.images, batch: example.batch, size: example.size)
                let shape = model.featureShape(cut: example.plan.cut, imageSize: example.size)
                var features = [Float](repeating: .nan, count: max(1, own.count) * shape.count)
                images.withUnsafeBufferPointer { images in
                    guard let start = images.baseAddress else { return }
                    model.prefix(
                        cut: example.plan.cut, images: start + own.lowerBound * example.size * example.size * 3,
                        count: own.count, imageSize: example.size, into: &features)
                }
                let outcome = model.step(
                    plan: example.plan, features: features, labels: Array(example.labels[own]),
                    imageSize: example.size, total: Double(example.batch))
                var sums = [outcome.loss]
                group.sum(&sums)
                model.exchange?.finish()
                return (group.isFirst ? StepFound(model, loss: sums[0]) : nil, model.bits)
            }
            #expect(found.count == ranks)
            try #require(found[0]?.step).expectClose(to: example)
            for rank in found { #expect(rank?.bits == found[0]?.bits, "the ranks differ") }
        }
    }
}

extension ResNet18 {
    /// A number that follows from the bits of all gradients and running statistics.
    fileprivate var bits: UInt64 {
        var bits: UInt64 = 0
        for spec in specs {
            let values = spec.kind == .parameter ? exportGradient(spec.name) ?? [] : export(spec.name)
            for value in values { bits = (bits &* 31) &+ UInt64(value.bitPattern) }
        }
        return bits
    }
}

/// What a step has left in a model.
private struct StepFound: Sendable {
    let loss: Double
    var norms: [String: Double] = [:]
    var probes: [String: Double] = [:]
    var running: [String: Double] = [:]
    var tracked: [String: Int64] = [:]

    init(_ model: ResNet18, loss: Double) {
        self.loss = loss
        for (index, name) in model.parameters.map(\.name).enumerated() {
            guard let gradient = model.exportGradient(name) else { continue }
            norms[name] = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            probes[name] = Self.product(gradient, noise(2000 + index, gradient.count))
        }
        for spec in model.specs {
            switch spec.kind {
            case .parameter: continue
            case .batchesTracked: tracked[spec.name] = model.batchesTracked(spec.name)
            case .runningMean, .runningVar:
                let values = model.export(spec.name)
                running[spec.name] = Self.product(values, noise(3000, values.count))
            }
        }
    }

    private static func product(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }

    func expectClose(to example: NetworkCase) {
        #expect(abs(loss / example.exact.loss - 1) < 1e-5)
        #expect(Set(norms.keys) == Set(example.exact.norms.keys))
        let norm = worstRatio(norms, exact: example.exact.norms, single: example.single.norms, floor: 1e-6)
        #expect(norm.ratio <= 10, "\(norm.name): \(norm.ratio)")
        // A product with noise is about as large as the norm; its own size says nothing.
        let probe = worstRatio(
            probes, exact: example.exact.probes, single: example.single.probes, floor: 1e-6, scale: example.exact.norms)
        #expect(probe.ratio <= 10, "\(probe.name): \(probe.ratio)")
        if ProcessInfo.processInfo.environment["FROSTLINE_SHOW_ERRORS"] != nil {
            print(
                example.name, "loss", loss / example.exact.loss - 1, "torch",
                example.single.loss / example.exact.loss - 1, "norm", norm, "probe", probe)
        }
        for (name, count) in tracked { #expect(count == Int64(example.exact.tracked[name] ?? 7), "\(name)") }
        for (name, ours) in running {
            let exact = example.exact.running[name] ?? .nan
            let error = abs((example.single.running[name] ?? .nan) - exact)
            #expect(abs(ours - exact) <= 10 * max(error, 1e-6), "\(name): \(ours), exact \(exact)")
        }
    }
}
