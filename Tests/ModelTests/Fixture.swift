import Network
import Foundation
import Kernels
import Model
import Testing

/// Uniform in [−1, 1), exact in Float: the formula of `Fixtures/generate.py`.
func noise(_ stream: Int, _ count: Int) -> [Float] {
    (0..<count).map { index in
        var z = (UInt64(index) &+ UInt64(stream) << 32) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Float(z >> 40) / Float(1 << 23) - 1
    }
}

/// ResNet18 with the fixture's weights.
func fixtureModel(classes: Int, threads: Int = 2) throws -> ResNet18 {
    let model = ResNet18(classes: classes, pool: WorkerPool(threads: threads))
    for (index, spec) in model.specs.enumerated() {
        if spec.kind == .batchesTracked {
            try model.loadBatchesTracked(spec.name, 7)
            continue
        }
        var values = noise(index + 1, spec.count)
        if spec.shape.count == 4 {
            let scale = Float((6 / Double(spec.shape[0] * spec.shape[2] * spec.shape[3])).squareRoot())
            values = values.map { $0 * scale }
        } else if spec.name.hasPrefix("fc.") {
            let scale = Float(1 / 512.0.squareRoot())
            values = values.map { $0 * scale }
        } else if spec.kind == .runningVar || spec.name.hasSuffix("weight") {
            values = values.map { 1 + $0 * 0.25 }
        } else {
            values = values.map { $0 * 0.125 }
        }
        try model.load(spec.name, floats: values)
    }
    return model
}

/// The fixture's images, [batch, size, size, 3]; PyTorch's have the channels first.
func fixtureImages(_ stream: Int = 1005, batch: Int, size: Int) -> [Float] {
    let planar = noise(stream, batch * 3 * size * size)
    var images = planar
    for n in 0..<batch {
        for c in 0..<3 {
            for pixel in 0..<(size * size) {
                images[(n * size * size + pixel) * 3 + c] = planar[(n * 3 + c) * size * size + pixel]
            }
        }
    }
    return images
}

struct NetworkCase: Decodable, CustomTestStringConvertible {
    struct Outcome: Decodable {
        let loss: Double
        let norms: [String: Double]
        let probes: [String: Double]
        let running: [String: Double]
        let tracked: [String: Int]
        let logits: [Double]
    }

    let name: String
    let train: [String]
    let frozenBatchNorm: String
    let classes: Int
    let batch: Int
    let size: Int
    let images: Int
    let exact: Outcome
    let single: Outcome

    var testDescription: String { name }
    var labels: [Int] { (0..<batch).map { (3 * $0 + 1) % classes } }

    var plan: TrainingPlan {
        let names = ResNet.resnet18.parameters(classes: classes).map(\.name).filter { name in
            train.contains { pattern in
                switch pattern {
                case "*": true
                case "-bn": !name.contains("bn") && !name.contains("downsample.1")
                default:
                    pattern.hasSuffix("*") ? name.hasPrefix(String(pattern.dropLast())) : name == pattern
                }
            }
        }
        return TrainingPlan(
            trainable: Set(names), frozenBatchNorm: frozenBatchNorm == "track" ? .track : .hold,
            holdsAll: frozenBatchNorm == "eval")
    }

    static let all: [NetworkCase] = {
        guard let url = Bundle.module.url(forResource: "network", withExtension: "json", subdirectory: "Fixtures"),
            let data = try? Data(contentsOf: url), let cases = try? JSONDecoder().decode([NetworkCase].self, from: data)
        else { return [] }
        return cases
    }()
}
