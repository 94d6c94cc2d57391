import TrainingTestSupport
import Foundation
import Kernels
import Model
import Support
import Testing

import Training

private struct RecipeFixture: Decodable {
    struct LossCase: Decodable {
        let classes: Int
        let count: Int
        let smoothing: Double
        let weights: [Double]?
        let loss: Double
        let gradient: [Double]
    }
    struct ClipCase: Decodable {
        let maximum: Double
        let total: Double
        let gradients: [[Double]]
    }
    struct ScheduleCase: Decodable {
        let kind: String
        let total: Int
        let bases: [Double]
        let rates: [[Double]]
    }
    let losses: [LossCase]
    let clips: [ClipCase]
    let schedules: [ScheduleCase]
}

/// Everything beyond the plain step, held against PyTorch.
@Suite struct TrainingRecipeTests {
    private func recipe() throws -> RecipeFixture {
        try JSONDecoder().decode(RecipeFixture.self, from: fixture("recipe.json"))
    }

    /// The formula of the script that made the fixture.
    private func values(_ count: Int, _ a: Int, _ b: Int) -> [Float] {
        (0..<count).map { Float(Double(($0 * a + b) % 97) / 97 - 0.5) }
    }

    @Test func `label smoothing and class weights are those of CrossEntropyLoss`() throws {
        for item in try recipe().losses {
            let logits = values(item.count * item.classes, 53, 7).map { $0 * 8 }
            let labels = (0..<item.count).map { ($0 * 5 + 1) % item.classes }
            var gradient = [Float](repeating: 0, count: logits.count)
            let outcome = logits.withUnsafeBufferPointer { logits -> LossOutcome? in
                gradient.withUnsafeMutableBufferPointer { gradient in
                    guard let z = logits.baseAddress, let g = gradient.baseAddress else { return nil }
                    return Loss.crossEntropy(
                        logits: z, labels: labels, classes: item.classes, gradient: g,
                        terms: LossTerms(smoothing: item.smoothing, classWeights: item.weights))
                }
            }
            #expect(abs((outcome?.loss ?? 0) - item.loss) < 1e-12 * max(1, abs(item.loss)))
            for (a, b) in zip(gradient, item.gradient) { #expect(abs(Double(a) - b) < 1e-7) }
        }
    }

    @Test func `clipping is that of clip_grad_norm_, and tells the norms from before it`() throws {
        for item in try recipe().clips {
            let parameters = [("layer1.0.bn1.weight", 37), ("fc.bias", 11)].enumerated().map { k, entry in
                let parameter = Parameter(name: entry.0, shape: [entry.1])
                parameter.gradient = FloatBuffer(values(entry.1, 53, 29 * k))
                return parameter
            }
            let norms = GradientClip.apply(parameters, maximum: item.maximum)
            let total = norms.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(abs(total - item.total) < 1e-9)
            for (parameter, expected) in zip(parameters, item.gradients) {
                for (a, b) in zip(parameter.gradient?.floats ?? [], expected) { #expect(abs(Double(a) - b) < 1e-7) }
            }
        }
    }

    @Test func `a rate of its own stays in proportion under every schedule, as that of a parameter group`() throws {
        for item in try recipe().schedules {
            let kind = try #require(ScheduleKind(rawValue: item.kind))
            let schedule = Schedule(kind, base: item.bases[0], total: item.total)
            for (step, rates) in item.rates.enumerated() {
                let rate = schedule.learningRate(step: step + 1)
                #expect(abs(rate - rates[0]) < 1e-12)
                #expect(abs(rate * item.bases[1] / item.bases[0] - rates[1]) < 1e-12)
            }
        }
    }

    @Test func `rates decay from stage to stage, and a pattern's own rate wins`() {
        var options = RunOptions()
        options.learningRate = 0.1
        options.decayPerStage = 0.5
        options.rateRules = [RateRule(pattern: "layer3.1", rate: 0.3), RateRule(pattern: "*.bn2.bias", rate: 0)]
        let factors = options.rateFactors
        #expect(factors["fc.weight"] == nil)
        #expect(factors["layer4.1.conv2.weight"] == 0.5)
        #expect(factors["layer3.0.conv1.weight"] == 0.25)
        #expect(factors["layer1.0.conv1.weight"] == 0.0625)
        #expect(factors["conv1.weight"] == 0.03125)
        #expect(abs((factors["layer3.1.conv1.weight"] ?? 0) - 3) < 1e-12)
        #expect(factors["layer3.1.bn2.bias"] == 0)
    }

    @Test func `thawing by epoch is recorded at the step from which it holds`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.epochs = 3
        harness.options.thawRules = [
            ThawRule(epoch: 2, pattern: "layer4.1"), ThawRule(epoch: 3, pattern: "layer4"),
        ]
        let result = await harness.run()
        #expect(result.outcome.failure == nil)
        #expect(result.freezes.map(\.step) == [1, 4, 7])
        #expect(result.freezes.map(\.frostLine) == ["fc", "layer4.1", "layer4.0"])
        let text = try String(contentsOfFile: folder + "/" + RunFolder.metricsName, encoding: .utf8)
        let lines = text.split(separator: "\n").compactMap { JSON.parse(Data($0.utf8)) }
        #expect(lines.filter { $0["kind"]?.text == "freeze" }.compactMap { $0["step"]?.int } == [4, 7])
    }

    @Test func `patience ends a run that no longer gets better, also when it is resumed`() async {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.epochs = 50
        // Nothing moves, so that no epoch is better than the first.
        harness.options.rateRules = [RateRule(pattern: "fc", rate: 0)]
        harness.options.patience = 3
        let result = await harness.run()
        #expect(result.epochs.count == 4)
        #expect(result.outcome.summary?.stopped == false)
        harness.resume = true
        let again = await harness.run()
        #expect(again.outcome.failure == nil)
        #expect(again.epochs.isEmpty)
    }

    @Test func `accumulation makes fewer, larger steps`() async {
        var harness = EngineHarness()
        harness.options.batchSize = 4
        harness.options.accumulate = 2
        let parts = await harness.run()
        #expect(parts.steps.map(\.step) == Array(1...6))
        #expect(parts.steps.allSatisfy { $0.stepsPerEpoch == 3 })
        // Where nothing depends on the batch's statistics, two halves are a whole.
        harness.options.batchSize = 8
        harness.options.accumulate = 1
        let whole = await harness.run()
        for (a, b) in zip(parts.steps, whole.steps) { #expect(abs(a.loss - b.loss) < 1e-4) }
        // 24 pictures in batches of 5 are 5 batches, so 2 steps of 3 and 2 batches.
        harness.options.batchSize = 5
        harness.options.accumulate = 3
        #expect(await harness.run().steps.map(\.stepInEpoch) == [1, 2, 1, 2])
    }

    @Test func `a run with every option of the recipe is resumed bit for bit`() async {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.options.epochs = 4
        harness.options.batchSize = 4
        harness.options.schedule = .onecycle
        harness.options.optimizer = .adamw
        harness.options.augmentation = .standard
        harness.options.accumulate = 2
        harness.options.clipNorm = 0.5
        harness.options.labelSmoothing = 0.1
        harness.options.classWeights = .balanced
        harness.options.decayPerStage = 0.7
        harness.options.thawRules = [ThawRule(epoch: 2, pattern: "layer4"), ThawRule(epoch: 4, pattern: "bn1")]
        harness.options.saveEvery = 2
        let whole = await harness.run()
        harness.output = folder
        harness.options.stepLimit = 5
        _ = await harness.run()
        harness.options.stepLimit = nil
        harness.resume = true
        let rest = await harness.run()
        #expect(rest.outcome.failure == nil)
        #expect(whole.steps.count == 12)
        #expect(rest.steps.map(\.loss) == whole.steps.dropFirst(5).map(\.loss))
        #expect(rest.steps.map(\.gradientNorms) == whole.steps.dropFirst(5).map(\.gradientNorms))
    }

    @Test func `every option comes back from run json`() throws {
        var options = RunOptions()
        options.patience = 4
        options.labelSmoothing = 0.1
        options.classWeights = .balanced
        options.clipNorm = 2.5
        options.accumulate = 3
        options.decayPerStage = 0.3
        options.rateRules = [RateRule(pattern: "a", rate: 1e-7)]
        options.thawRules = [ThawRule(epoch: 2, pattern: "b:c")]
        options.saveEvery = 7
        let json = try #require(JSON.parse(Data(options.json.pretty.utf8)))
        #expect(RunOptions(json: json) == options)
    }

    struct Spoilt: Sendable, CustomTestStringConvertible {
        let name: String
        let spoil: @Sendable (inout RunOptions) -> Void
        var testDescription: String { name }

        init(_ name: String, _ spoil: @escaping @Sendable (inout RunOptions) -> Void) {
            self.name = name
            self.spoil = spoil
        }
    }

    static let spoilt: [Spoilt] = [
        Spoilt("--patience") { $0.patience = 0 }, Spoilt("--label-smoothing") { $0.labelSmoothing = -0.1 },
        Spoilt("--label-smoothing") { $0.labelSmoothing = .nan },
        Spoilt("--label-smoothing") { $0.labelSmoothing = 1.5 },
        Spoilt("--clip-norm") { $0.clipNorm = 0 }, Spoilt("--clip-norm") { $0.clipNorm = .infinity },
        Spoilt("--clip-norm") { $0.clipNorm = .nan }, Spoilt("--accumulate") { $0.accumulate = 0 },
        Spoilt("--accumulate") { $0.accumulate = 1 << 40 },
        Spoilt("--learning-rate-decay-per-stage") { $0.decayPerStage = 0 },
        Spoilt("--learning-rate-decay-per-stage") { $0.decayPerStage = .nan },
        Spoilt("--save-every") { $0.saveEvery = -1 },
        Spoilt("--lr") { $0.rateRules = [RateRule(pattern: "fc", rate: -1)] },
        Spoilt("--lr") { $0.rateRules = [RateRule(pattern: "fc", rate: .nan)] },
        Spoilt("layer1") { $0.rateRules = [RateRule(pattern: "layer7", rate: 1)] },
        Spoilt("--thaw") { $0.thawRules = [ThawRule(epoch: 0, pattern: "fc")] },
        Spoilt("--thaw") { $0.thawRules = [ThawRule(epoch: 99, pattern: "fc")] },
        Spoilt("layer1") { $0.thawRules = [ThawRule(epoch: 1, pattern: "layer7")] },
    ]

    @Test(arguments: spoilt)
    func `what is out of range is refused by name`(_ item: Spoilt) {
        var options = RunOptions()
        item.spoil(&options)
        let error = #expect(throws: TrainingError.self) { try options.validate() }
        #expect("\(error.map { "\($0)" } ?? "")".contains(item.name))
    }

    @Test(arguments: ["", "layer4", "=1", "layer4=", "layer4=x", "a=b=1"]) func `what is no rate is refused`(
        _ text: String
    ) {
        #expect(throws: TrainingError.self) { try RateRule(text) }
    }

    @Test(arguments: ["", "layer4", "3", "3:", "x:layer4", ":layer4"]) func `what is no thaw is refused`(_ text: String)
    {
        #expect(throws: TrainingError.self) { try ThawRule(text) }
    }
}
