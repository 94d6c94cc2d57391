import Network
import TrainingTestSupport
import Checkpoints
import Foundation
import Model
import Testing
import Training
import TrainingEvents

/// Runs of a few steps as `Fixtures/generate_steps.py` made them with PyTorch.
private struct StepsCase: Decodable, CustomTestStringConvertible {
    struct Outcome: Decodable {
        struct Step: Decodable {
            let loss: Double
            let accuracy: Double
            let rate: Double
            let norms: [String: Double]
        }
        struct Changed: Decodable {
            let norm: Double
            let product: Double
        }
        let steps: [Step]
        let changed: [String: Changed]
        let tracked: Int
    }
    let name: String
    let batch: Int
    let accumulate: Int
    let epochs: Int
    let train: [String]
    let optimizer: String
    let schedule: String
    let rate: Double
    let rates: [String: Double]
    let weightDecay: Double
    let clipNorm: Double
    let labelSmoothing: Double
    let decayPerStage: Double
    let exact: Outcome
    let single: Outcome

    var testDescription: String { name }

    var options: RunOptions? {
        guard let kind = OptimizerKind(rawValue: optimizer), let schedule = ScheduleKind(rawValue: schedule) else {
            return nil
        }
        var options = RunOptions()
        options.imageSize = 64
        options.shuffle = false
        options.validationSplit = 0
        options.threads = 2
        options.batchSize = batch
        options.epochs = epochs
        options.freezeRules = train.map { FreezeRule(pattern: $0, frozen: false) }
        options.optimizer = kind
        options.schedule = schedule
        options.learningRate = rate
        options.weightDecay = weightDecay
        options.accumulate = accumulate
        options.clipNorm = clipNorm
        options.labelSmoothing = labelSmoothing
        options.classWeights = .balanced
        options.decayPerStage = decayPerStage
        options.rateRules = rates.map { RateRule(pattern: $0.key, rate: $0.value) }
        return options
    }

    static let all = (try? JSONDecoder().decode([StepsCase].self, from: fixture("steps.json"))) ?? []
}

/// The formulas of the script.
private enum Formula {
    static let counts = [8, 6, 5]
    private static let side = 73

    private static let table: [Float] = (0..<(1 << 16)).map { index in
        var z = (UInt64(index) &+ 1 << 32) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Float(z >> 40) / Float(1 << 23) - 1
    }

    static func values(_ index: Int, _ count: Int) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(count)
        var start = 7919 * index % table.count
        while result.count < count {
            result += table[start..<min(table.count, start + count - result.count)]
            start = 0
        }
        return result
    }

    /// The weights, as a checkpoint.
    static func writeWeights(to path: String) throws {
        let entries = ResNet.resnet18.tensors(classes: counts.count).enumerated().map { index, spec in
            if spec.kind == .batchesTracked {
                return SafetensorsWriter.Entry(name: spec.name, shape: [], data: .integers([7]))
            }
            var (scale, offset): (Float, Float) = (0.125, 0)
            if spec.shape.count == 4 {
                scale = Float((6 / Double(spec.shape[0] * spec.shape[2] * spec.shape[3])).squareRoot())
            } else if spec.name.hasPrefix("fc.") {
                scale = Float(1 / 512.0.squareRoot())
            } else if spec.kind == .runningVar || spec.name.hasSuffix("weight") {
                (scale, offset) = (0.25, 1)
            }
            return SafetensorsWriter.Entry(
                name: spec.name, shape: spec.shape, data: .floats(values(index, spec.count).map { offset + $0 * scale })
            )
        }
        try SafetensorsWriter.write(entries, to: path)
    }

    /// The pictures, as a folder for each class.
    static func writePictures(to folder: String) throws {
        var number = 0
        for (label, count) in counts.enumerated() {
            let path = "\(folder)/\(["a", "b", "c"][label])"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            for _ in 0..<count {
                let pixels = values(1000 + number, side * side * 3).map { UInt8(($0 + 1) * 128) }
                try (Data("P6\n\(side) \(side)\n255\n".utf8) + Data(pixels)).write(
                    to: URL(fileURLWithPath: "\(path)/\(100 + number).ppm"))
                number += 1
            }
        }
    }
}

/// The engine's own steps (accumulate, clip, decay, momentum, schedule, in their order) against PyTorch's.
@Suite struct StepReferenceTests {
    @Test func `the fixture is there`() { #expect(StepsCase.all.count == 4) }

    @Test(arguments: StepsCase.all)
    fileprivate func `a run's steps are as close to float64 as PyTorch's own float32`(_ example: StepsCase) async throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Formula.writePictures(to: folder + "/pictures")
        try Formula.writeWeights(to: folder + "/weights.safetensors")
        var request = RunRequest(
            data: .folder(folder + "/pictures"), weights: .file(folder + "/weights.safetensors"),
            options: try #require(example.options), output: folder + "/run")
        request.options.head = .keep
        let mailbox = EventMailbox()
        let outcome = await TrainingEngine(request, mailbox: mailbox).run()
        #expect(outcome.failure == nil)
        let steps = EngineHarness.Result(outcome: outcome, events: mailbox.drain()).steps
        try #require(steps.count == example.exact.steps.count)

        // PyTorch may be lucky with one number: the root mean square of its errors counts, and never less than `floor`.
        func bound(_ errors: [Double], floor: Double) -> Double {
            10 * max((errors.reduce(0) { $0 + $1 * $1 } / Double(max(1, errors.count))).squareRoot(), floor)
        }
        let (exact, single) = (example.exact, example.single)
        let lossBound = bound(zip(single.steps, exact.steps).map { $0.loss - $1.loss }, floor: 1e-7)
        for (index, (ours, wanted)) in zip(steps, exact.steps).enumerated() {
            #expect(abs(ours.loss - wanted.loss) <= lossBound, "step \(index + 1)")
            #expect(abs(ours.accuracy - wanted.accuracy) < 1e-12, "step \(index + 1)")
            #expect(abs(ours.learningRate - wanted.rate) <= 1e-12, "step \(index + 1)")
            #expect(Set(ours.gradientNorms.keys) == Set(wanted.norms.keys))
            let total = wanted.norms.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let normBound = bound(
                wanted.norms.map { ((single.steps[index].norms[$0.key] ?? .nan) - $0.value) / total }, floor: 1e-6)
            for (name, norm) in wanted.norms {
                let error = abs((ours.gradientNorms[name] ?? .nan) - norm) / total
                #expect(error <= normBound, "step \(index + 1), \(name)")
            }
        }

        let saved = try Checkpoint.open(folder + "/run/" + RunFolder.lastName)
        let errors = exact.changed.map {
            ((single.changed[$0.key]?.product ?? .nan) - $0.value.product) / $0.value.norm
        }
        let productBound = bound(errors, floor: 1e-6)
        for (index, spec) in ResNet.resnet18.tensors(classes: Formula.counts.count).enumerated() {
            guard let wanted = exact.changed[spec.name], let values = try saved[spec.name]?.floats() else { continue }
            let product = zip(values, Formula.values(2000 + index, values.count)).reduce(0.0) {
                $0 + Double($1.0) * Double($1.1)
            }
            #expect(abs(product - wanted.product) / wanted.norm <= productBound, "\(spec.name)")
        }
        #expect(try saved["layer4.1.bn2.num_batches_tracked"]?.integers() == [Int64(exact.tracked)])
    }
}
