import Foundation
import Images
import Network
import Support
import Testing
import Training
import TrainingEvents
import TrainingTestSupport

@Suite struct ProbeTests {
    private static func probes(_ result: EngineHarness.Result) -> [ProbeReport] {
        result.events.compactMap { if case .probe(let report) = $0 { report } else { nil } }
    }

    struct Recipe: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout RunOptions) -> Void
    }

    static let recipes = [
        Recipe(testDescription: "head from the cache") { _ in },
        Recipe(testDescription: "partial, adamw, mirrored") { options in
            (options.strategy, options.optimizer, options.augmentation) = (.partial, .adamw, .flip)
            options.learningRate = 1e-3
        },
        Recipe(testDescription: "full, random crops, two batches a step") { options in
            (options.strategy, options.augmentation, options.accumulate) = (.full, .standard, 2)
        },
        Recipe(testDescription: "frozen BatchNorms that follow") { $0.frozenBatchNorm = .track },
    ]

    @Test(arguments: recipes) func `it changes no bit of the run`(_ recipe: Recipe) async throws {
        var files: [[Data]] = []
        var losses: [[Double]] = []
        for every in [nil, 2] {
            let folder = EngineHarness.temporaryFolder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var harness = EngineHarness()
            recipe.change(&harness.options)
            harness.options.probeEvery = every
            harness.output = folder
            let result = await harness.run()
            #expect(result.outcome.failure == nil)
            #expect(
                Self.probes(result).map(\.step) == (every == nil ? [] : result.steps.map(\.step).filter { $0 % 2 == 0 })
            )
            losses.append(result.steps.map(\.loss) + result.epochs.compactMap(\.validation?.loss))
            files.append(
                try [RunFolder.stateName, RunFolder.lastName].map {
                    try Data(contentsOf: URL(fileURLWithPath: folder + "/" + $0))
                })
        }
        #expect(losses[0] == losses[1])
        #expect(files[0] == files[1])
    }

    /// Where only convolutions and fc train, every BatchNorm is held, and a step on all training pictures is the step that the
    /// probe foretells; with a small rate it changes the validation loss by that.
    @Test(arguments: [(OptimizerKind.sgd, 1e-4), (.adamw, 1e-7)])
    func `the fall is what one small step brings`(_ kind: OptimizerKind, _ rate: Double) async throws {
        var harness = EngineHarness()
        // All pictures are one step's, and a half of what a step could have.
        (harness.count, harness.options.batchSize) = (8, 16)
        harness.options.optimizer = kind
        (harness.options.weightDecay, harness.options.momentum) = (0, kind == .adamw ? 0.9 : 0)
        (harness.options.epochs, harness.options.learningRate) = (1, rate)
        let trainable = ["layer2.0.conv1.weight", "layer4.1.conv2.weight", "fc.weight", "fc.bias"]
        let result = await harness.run(commands: [.mask(trainable: trainable), .probe, .validate])
        let report = try #require(Self.probes(result).first)
        let before = result.events.compactMap {
            if case .validation(let report) = $0 { report.score.loss } else { nil }
        }
        let after = try #require(result.epochs.first?.validation?.loss)
        let fall = try #require(before.first) - after
        #expect(report.trainingPictures == 8 && report.heldOutPictures == 8 && report.isHeldOut)
        #expect(report.trained.fall != 0)
        #expect(abs(fall / report.trained.fall - 1) < 0.05, "\(fall) for \(report.trained.fall)")
        #expect(report.trainedUnits == ["layer2.0", "layer4.1", "fc"])
    }

    @Test func `a stage has the worth of its units together`() async throws {
        var harness = EngineHarness()
        harness.options.probeEvery = 3
        harness.options.epochs = 1
        let report = try #require(Self.probes(await harness.run()).first)
        #expect(
            report.groups.map(\.name) == [
                "conv1", "layer1.0", "layer1.1", "layer1", "layer2.0", "layer2.1", "layer2", "layer3.0", "layer3.1",
                "layer3", "layer4.0", "layer4.1", "layer4",
            ])
        for stage in 1...4 {
            let parts = try (0...1).map { try #require(report.group("layer\(stage).\($0)")).worth }
            let whole = try #require(report.group("layer\(stage)")).worth
            #expect(abs(whole.fall - parts[0].fall - parts[1].fall) <= 1e-9 + 1e-6 * abs(whole.fall))
            let squares = parts.reduce(0) { $0 + $1.gradientNorm * $1.gradientNorm }
            #expect(abs(whole.gradientNorm / squares.squareRoot() - 1) < 1e-9)
        }
        let times = try ["layer4.1", "layer4", "layer1"].map { try #require(report.group($0)?.milliseconds) }
        let now = try #require(report.milliseconds)
        #expect(times.allSatisfy { $0 > now })
    }

    @Test func `it goes to metrics and comes back, and a resumed run repeats it`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.probeEvery = 2
        (harness.options.epochs, harness.options.stepLimit) = (2, 3)
        let first = Self.probes(await harness.run())
        #expect(first.map(\.step) == [2])
        (harness.options.stepLimit, harness.resume) = (nil, true)
        let rest = Self.probes(await harness.run())
        #expect(rest.map(\.step) == [4, 6])
        let lines = try String(contentsOfFile: folder + "/" + RunFolder.metricsName, encoding: .utf8)
            .split(separator: "\n").compactMap { JSON.parse(Data($0.utf8)).flatMap(TrainingEvent.init(metricsLine:)) }
        let read = lines.compactMap { if case .probe(let report) = $0 { report } else { nil } }
        #expect(read == first + rest)
    }

    @Test func `without held-out pictures others of the training set take their place, and too few are refused`() async
    {
        var harness = EngineHarness()
        harness.options.epochs = 1
        var request = harness.request
        func run() async -> [TrainingEvent] {
            let mailbox = EventMailbox()
            let engine = TrainingEngine(request, mailbox: mailbox)
            engine.send(.probe)
            _ = await engine.run()
            return mailbox.drain()
        }
        request.data = .drawn(
            training: DrawnImages(task: .animals, count: 24, size: 36, seed: 1),
            validation: DrawnImages(task: .animals, count: 0, size: 36, seed: 2))
        let reports = await run().compactMap { if case .probe(let report) = $0 { report } else { nil } }
        #expect(reports.map(\.isHeldOut) == [false] && reports.map(\.heldOutPictures) == [4])
        request.data = .drawn(
            training: DrawnImages(task: .animals, count: 2, size: 36, seed: 1),
            validation: DrawnImages(task: .animals, count: 8, size: 36, seed: 2))
        #expect(
            await run().contains {
                if case .refused(let reason, _) = $0 { reason.contains("four training pictures") } else { false }
            })
    }

    @Test func `on several ranks rank 0 makes it, and nothing changes`() async {
        var harness = EngineHarness()
        harness.options.epochs = 1
        let plain = await harness.run(ranks: 2)
        harness.options.probeEvery = 1
        let probed = await harness.run(ranks: 2)
        #expect(plain[0].steps.map(\.loss) == probed[0].steps.map(\.loss))
        #expect(Self.probes(probed[0]).count == 3 && Self.probes(probed[1]).isEmpty)
    }
}
