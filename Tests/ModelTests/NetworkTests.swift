import Foundation
import Kernels
import Model
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
    @Test func theFixtureIsThere() { #expect(NetworkCase.all.count == 22) }

    @Test(arguments: NetworkCase.all)
    func oneStepIsAsCloseToFloat64AsPyTorchsOwnFloat32(_ example: NetworkCase) throws {
        let model = try fixtureModel(classes: example.classes)
        let plan = example.plan
        let images = fixtureImages(example.images, batch: example.batch, size: example.size)
        let names = model.parameters.map(\.name)

        let logits = model.evaluate(cut: 0, features: images, count: example.batch, imageSize: example.size)
        let largest = example.exact.logits.map(abs).max() ?? 1
        for (ours, exact) in zip(logits, example.exact.logits) { #expect(abs(Double(ours) - exact) < 1e-5 * largest) }

        let shape = model.featureShape(cut: plan.cut, imageSize: example.size)
        var features = [Float](repeating: .nan, count: example.batch * shape.count)
        model.prefix(cut: plan.cut, images: images, count: example.batch, imageSize: example.size, into: &features)
        let outcome = model.step(plan: plan, features: features, labels: example.labels, imageSize: example.size)
        #expect(abs(outcome.loss / example.exact.loss - 1) < 1e-5)

        var norms: [String: Double] = [:]
        var probes: [String: Double] = [:]
        for (index, name) in names.enumerated() {
            guard let gradient = model.exportGradient(name) else { continue }
            norms[name] = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            probes[name] = zip(gradient, noise(2000 + index, gradient.count)).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        #expect(Set(norms.keys) == Set(example.exact.norms.keys))
        let norm = worstRatio(norms, exact: example.exact.norms, single: example.single.norms, floor: 1e-6)
        #expect(norm.ratio <= 10, "\(norm.name): \(norm.ratio)")
        // A product with noise is about as large as the norm; its own size says nothing.
        let probe = worstRatio(
            probes, exact: example.exact.probes, single: example.single.probes, floor: 1e-6, scale: example.exact.norms)
        #expect(probe.ratio <= 10, "\(probe.name): \(probe.ratio)")
        if ProcessInfo.processInfo.environment["FROSTLINE_SHOW_ERRORS"] != nil {
            print(
                example.name, "loss", outcome.loss / example.exact.loss - 1, "torch",
                example.single.loss / example.exact.loss - 1, "norm", norm, "probe", probe)
        }

        for spec in model.specs {
            switch spec.kind {
            case .parameter: continue
            case .batchesTracked:
                #expect(model.batchesTracked(spec.name) == Int64(example.exact.tracked[spec.name] ?? 7), "\(spec.name)")
            case .runningMean, .runningVar:
                let values = model.export(spec.name)
                let ours = zip(values, noise(3000, values.count)).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                let exact = example.exact.running[spec.name] ?? .nan
                let error = abs((example.single.running[spec.name] ?? .nan) - exact)
                #expect(abs(ours - exact) <= 10 * max(error, 1e-6), "\(spec.name): \(ours), exact \(exact)")
            }
        }
    }
}
