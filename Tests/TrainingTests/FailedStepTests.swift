import TrainingTestSupport
import Checkpoints
import Foundation
import Model
import Testing
import Training
import TrainingEvents

/// A run whose fifth step of nine fails: fc.weight trains in the fourth step alone, at a rate that leaves it huge. Of grey
/// pictures, whose features are next to nothing, the loss is finite even so; of any others it is not. The fifth step begins
/// with four grey pictures, so that with batches of four it fails in its second pass.
private struct FailingRun {
    let folder = EngineHarness.temporaryFolder()
    var options = RunOptions()

    init(accumulate: Int) throws {
        options.imageSize = 32
        options.batchSize = 8 / accumulate
        options.accumulate = accumulate
        options.epochs = 3
        options.learningRate = 0.01
        options.shuffle = false
        options.threads = 2
        options.freezeRules = ["fc.weight", "layer4.1.bn2", "fc.bias"].map {
            FreezeRule(pattern: $0, frozen: $0 == "fc.weight")
        }
        options.rateRules = [RateRule(pattern: "fc.weight", rate: 1e37)]
        options.replay = [FreezeReport(step: 4, trainable: Self.all, frostLine: "layer4.1")]
        try write("train/a", numbers: 0..<12, grey: 8..<12)
        try write("train/b", numbers: 12..<24, grey: 0..<0)
        try write("val/a", numbers: 24..<28, grey: 0..<0)
        try write("val/b", numbers: 28..<32, grey: 0..<0)
    }

    private static let all = ["fc.weight", "fc.bias", "layer4.1.bn2.weight", "layer4.1.bn2.bias"]

    private func write(_ name: String, numbers: Range<Int>, grey: Range<Int>) throws {
        let side = 37
        try FileManager.default.createDirectory(
            atPath: "\(folder)/data/\(name)", withIntermediateDirectories: true)
        for number in numbers {
            let pixels = (0..<side * side * 3).map { place in
                // ImageNet's mean colour, or stripes that are another for each picture.
                grey.contains(number)
                    ? [124, 116, 104][place % 3] : UInt8(truncatingIfNeeded: place / (3 + number) * (37 + 2 * number))
            }
            try (Data("P6\n\(side) \(side)\n255\n".utf8) + Data(pixels)).write(
                to: URL(fileURLWithPath: "\(folder)/data/\(name)/\(100 + number).ppm"))
        }
    }

    var request: RunRequest {
        RunRequest(data: .folder(folder + "/data"), weights: .random, options: options, output: nil)
    }

    /// Runs it watched; `react` answers the pause behind the failed step.
    func run(output: String?, resume: Bool = false, react: [TrainingCommand]) async -> EngineHarness.Result {
        var request = request
        request.output = output.map { folder + "/" + $0 }
        request.resume = resume
        return await RunControlTests.run(request) { event in
            if case .paused = event { react } else { [] }
        }
    }

    func file(_ output: String, _ name: String) throws -> Checkpoint {
        try Checkpoint.open("\(folder)/\(output)/\(name)")
    }
}

@Suite struct FailedStepTests {
    @Test(arguments: [1, 2])
    func `nothing of a step that failed is left: going on and resuming from a save give the same bits`(
        accumulate: Int
    ) async throws {
        let failing = try FailingRun(accumulate: accumulate)
        defer { try? FileManager.default.removeItem(atPath: failing.folder) }
        let mend = TrainingCommand.setFrozen(["fc.weight"], true)
        let whole = await failing.run(output: "whole", react: [mend, .resume])
        let reports = whole.events.compactMap { if case .notFinite(let report) = $0 { report } else { nil } }
        #expect(reports == [NotFiniteReport(step: 5, weightsOfStep: 0)])
        #expect(whole.outcome.failure == nil)

        // The failed step is done again: no picture is left out, the schedule ends where it should.
        #expect(whole.steps.map(\.step) == Array(1...9))
        #expect(whole.steps.map(\.stepInEpoch) == [1, 2, 3, 1, 2, 3, 1, 2, 3])
        #expect(whole.steps.allSatisfy { $0.loss < 10 })

        // A save made in the pause stands before the failed step.
        let stopped = await failing.run(output: "parts", react: [.save, mend, .stop])
        #expect(stopped.steps.map(\.step) == [1, 2, 3, 4])
        let saved = try failing.file("parts", RunFolder.stateName)
        let progress = try #require(RunProgress(metadata: saved.metadata))
        #expect(progress.step == 4 && progress.position == 8 && progress.epoch == 2)
        #expect(saved.tensors.allSatisfy { !$0.name.hasPrefix("optimizer.") })

        let rest = await failing.run(output: "parts", resume: true, react: [])
        #expect(rest.outcome.failure == nil)
        #expect(rest.steps.map(\.loss) == Array(whole.steps.map(\.loss).suffix(5)))
        #expect(rest.steps.map(\.gradientNorms) == Array(whole.steps.map(\.gradientNorms).suffix(5)))
        #expect(rest.epochs.map(\.validation) == Array(whole.epochs.map(\.validation).suffix(2)))
        let (a, b) = (try failing.file("whole", RunFolder.lastName), try failing.file("parts", RunFolder.lastName))
        for tensor in a.tensors where tensor.name.hasPrefix("layer4.1.bn2") || tensor.name.hasPrefix("fc") {
            if tensor.name.hasSuffix("tracked") {
                #expect(try tensor.integers() == b[tensor.name]?.integers(), "\(tensor.name)")
            } else {
                #expect(try tensor.floats() == b[tensor.name]?.floats(), "\(tensor.name)")
            }
        }
    }

    @Test func `going back also takes back what the failed step did to running statistics`() async throws {
        let failing = try FailingRun(accumulate: 2)
        defer { try? FileManager.default.removeItem(atPath: failing.folder) }
        _ = await failing.run(output: "back", react: [.stop])
        let back = try failing.file("back", RunFolder.lastName)
        #expect(try back["layer4.1.bn2.running_mean"]?.floats() == [Float](repeating: 0, count: 512))
        #expect(try back["layer4.1.bn2.running_var"]?.floats() == [Float](repeating: 1, count: 512))
        #expect(try back["layer4.1.bn2.num_batches_tracked"]?.integers() == [0])
        #expect(try back["fc.weight"]?.floats().allSatisfy { abs($0) < 1 } == true)
    }

    @Test func `a run that fails says what of it is saved: no files, nothing yet, or the weights of a step`()
        async throws
    {
        var failing = try FailingRun(accumulate: 2)
        defer { try? FileManager.default.removeItem(atPath: failing.folder) }
        func message(_ output: String?, saveEvery: Int) async -> String {
            failing.options.saveEvery = saveEvery
            var request = failing.request
            request.output = output.map { failing.folder + "/" + $0 }
            return await TrainingEngine(request, mailbox: EventMailbox()).run().failure ?? "no failure"
        }
        #expect(await message(nil, saveEvery: 1).hasSuffix("This run keeps no files."))
        #expect(await message("every", saveEvery: 2).hasSuffix("/every holds the weights of step 4."))
        #expect(await message("epochs", saveEvery: 0).hasSuffix("/epochs holds the weights of step 3."))
        failing.options.replay = failing.options.replay.map {
            FreezeReport(step: 1, trainable: $0.trainable, frostLine: $0.frostLine)
        }
        #expect(await message("none", saveEvery: 0).hasSuffix("Nothing of this run was saved."))
        let progress = RunProgress(metadata: try failing.file("every", RunFolder.stateName).metadata)
        #expect(progress?.step == 4)
    }
}
