import Checkpoints
import Foundation
import Network
import Testing
import Training
import TrainingEvents
import TrainingTestSupport

/// Engines that train one run together, as threads of this process.
@Suite struct RankTests {
    private static func difference(_ a: EngineHarness.Result, _ b: EngineHarness.Result) -> Double {
        #expect(a.steps.count == b.steps.count)
        return zip(a.steps, b.steps).map { abs($0.loss - $1.loss) }.max() ?? .infinity
    }

    private static func weights(_ folder: String) throws -> [String: [Float]] {
        let checkpoint = try Checkpoint.open(folder + "/last.safetensors")
        return try Dictionary(
            uniqueKeysWithValues: checkpoint.tensors.filter { !$0.name.hasSuffix("num_batches_tracked") }.map {
                stored in
                let values = try [Float](unsafeUninitializedCapacity: stored.count) { buffer, count in
                    try stored.copyFloats(to: UnsafeMutableBufferPointer(rebasing: buffer[..<stored.count]))
                    count = stored.count
                }
                return (stored.name, values)
            })
    }

    /// 19 pictures in batches of 8: the last one has 3, fewer than there are ranks. Statistics of a handful of values, or
    /// long steps, would make anything of a rounding error.
    private static func harness(_ strategy: Strategy) -> EngineHarness {
        var harness = EngineHarness()
        harness.options.strategy = strategy
        harness.options.threads = 1
        harness.count = 19
        harness.options.imageSize = 64
        harness.options.learningRate = 1e-3
        return harness
    }

    @Test(arguments: Strategy.allCases)
    func `any number of ranks comes to one process's losses`(_ strategy: Strategy) async {
        var harness = Self.harness(strategy)
        // Where everything trains, rounding errors grow tenfold with each step, and faster after one on three pictures: two
        // steps on eight are compared, where the least of them is 1e-7.
        if strategy == .full { (harness.count, harness.options.epochs) = (16, 1) }
        let bound = strategy == .full ? 1e-4 : 1e-5
        let alone = await harness.run()
        for ranks in [1, 2, 4] {
            let together = await harness.run(ranks: ranks)
            #expect(together.allSatisfy { $0.outcome.failure == nil })
            let found = Self.difference(together[0], alone)
            if ranks == 1 { #expect(found == 0) }
            #expect(found <= bound, "\(ranks) ranks: \(found)")
            for (a, b) in zip(together[0].epochs, alone.epochs) {
                #expect(abs((a.validation?.loss ?? 0) - (b.validation?.loss ?? 1)) <= bound)
                #expect(a.training.accuracy == b.training.accuracy)
            }
            for rank in together { #expect(rank.steps.map(\.gradientNorms) == together[0].steps.map(\.gradientNorms)) }
            #expect(together[0].steps.map(\.images) == alone.steps.map(\.images))
        }
    }

    @Test func `with toggles in between, too`() async {
        var harness = Self.harness(.head)
        let names = ResNet.resnet18.parameterNames
        func mask(_ step: Int, _ strategy: Strategy) -> FreezeReport {
            FreezeReport(step: step, trainable: strategy.trainable(of: names), frostLine: "")
        }
        harness.options.replay = [mask(2, .partial), mask(4, .head), mask(5, .partial)]
        let alone = await harness.run()
        for ranks in [2, 4] {
            let together = await harness.run(ranks: ranks)
            #expect(Self.difference(together[0], alone) <= 1e-5)
            #expect(together[0].proofs.allSatisfy { $0.broken.isEmpty })
        }
    }

    @Test func `the same number of ranks gives the same bits`() async {
        var harness = Self.harness(.full)
        harness.options.augmentation = .standard
        let first = await harness.run(ranks: 3)
        harness.options.threads = 2
        let second = await harness.run(ranks: 3)
        #expect(first[0].steps.map(\.loss) == second[0].steps.map(\.loss))
        #expect(first[0].epochs.map(\.validation) == second[0].epochs.map(\.validation))
    }

    @Test func `recipes mean the same on several ranks`() async {
        var harness = Self.harness(.partial)
        harness.options.accumulate = 2
        harness.options.clipNorm = 0.5
        harness.options.labelSmoothing = 0.1
        harness.options.classWeights = .balanced
        harness.options.augmentation = .flip
        harness.options.optimizer = .adamw
        harness.options.learningRate = 1e-4
        let alone = await harness.run()
        let together = await harness.run(ranks: 2)
        #expect(together[0].outcome.failure == nil)
        #expect(Self.difference(together[0], alone) <= 1e-4)
    }

    @Test func `local statistics train too, and are rank 0's in the file`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = Self.harness(.full)
        harness.count = 24
        harness.options.batchNorm = .local
        harness.output = folder
        let together = await harness.run(ranks: 2)
        #expect(together.allSatisfy { $0.outcome.failure == nil })
        #expect(together[0].epochs.map(\.validation) == together[1].epochs.map(\.validation))
        #expect(try Self.weights(folder).values.allSatisfy { $0.allSatisfy(\.isFinite) })
    }

    @Test func `a run goes on with another number of ranks`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = Self.harness(.partial)
        let alone = await harness.run()
        harness.output = folder
        // 4 ranks to the middle of the first epoch, one process to that of the second, 2 ranks to the end.
        harness.options.stepLimit = 2
        var steps = await harness.run(ranks: 4)[0].steps
        harness.resume = true
        harness.options.stepLimit = 4
        steps += await harness.run().steps
        harness.options.stepLimit = nil
        let last = await harness.run(ranks: 2)
        #expect(last[0].outcome.failure == nil)
        steps += last[0].steps
        #expect(steps.map(\.step) == alone.steps.map(\.step))
        for (a, b) in zip(steps, alone.steps) { #expect(abs(a.loss - b.loss) <= 1e-5) }
    }

    @Test func `commands take hold at the same step on every rank`() async {
        let harness = Self.harness(.full)
        let together = await harness.run(
            ranks: 3,
            commands: [
                EngineHarness.mask(.partial), .scaleLearningRate(by: 0.5), .watch(true), .pause, .validate, .stepOnce,
                .stepOnce, .resume,
            ])
        #expect(together.allSatisfy { $0.outcome.failure == nil })
        for rank in together {
            #expect(rank.freezes == together[0].freezes)
            #expect(rank.steps.map(\.learningRate) == together[0].steps.map(\.learningRate))
            #expect(rank.steps.map(\.loss) == together[0].steps.map(\.loss))
        }
        #expect(together[0].freezes.last?.step == 1)
        let mistakes = together[0].events.compactMap { if case .mistakes(let report) = $0 { report } else { nil } }
        #expect(mistakes.last?.actual.reduce(0, +) == 8)
    }

    @Test func `the mistakes of all ranks come with the maps that one process finds`() async throws {
        let harness = Self.harness(.head)
        let commands: [TrainingCommand] = [.watch(true), .pause, .validate, .stepOnce, .resume]
        func mistakes(_ result: EngineHarness.Result) -> [Mistake] {
            // Before the first step, where the weights are the same bits.
            for case .mistakes(let report) in result.events where report.step == 0 { return report.mistakes }
            return []
        }
        let alone = mistakes(await harness.run(commands: commands))
        let together = mistakes(await harness.run(ranks: 3, commands: commands)[0])
        try #require(!alone.isEmpty)
        #expect(alone.allSatisfy { $0.predictedHeat?.side == 2 && $0.actualHeat?.side == 2 })
        #expect(together == alone)
    }

    @Test func `a stop ends all ranks`() async {
        let together = await Self.harness(.head).run(ranks: 2, commands: [.stepOnce, .stop])
        #expect(together.allSatisfy { $0.outcome.summary?.stopped == true })
    }

    @Test func `a rank that cannot begin ends all, and rank 0 says which it was`() async {
        let together = await Self.harness(.head).run(ranks: 3) { rank, request in
            if rank == 1 { request.data = .folder("/nowhere") }
        }
        #expect(together.allSatisfy { $0.outcome.summary == nil })
        let message = together[0].outcome.failure ?? ""
        #expect(message.hasPrefix("rank 1 on here: /nowhere"), "\(message)")
    }

    @Test func `other pictures or options on a rank are refused`() async {
        let pictures = await Self.harness(.head).run(ranks: 2) { rank, request in
            if rank == 1 { request.data = EngineHarness().request.data }
        }
        #expect(pictures[0].outcome.failure?.contains("rank 1 on here has other pictures") == true)
        let options = await Self.harness(.head).run(ranks: 2) { rank, request in
            if rank == 1 { request.options.momentum = 0 }
        }
        #expect(options[0].outcome.failure?.contains("was given other options") == true)
    }

    @Test func `a loss that is not finite ends all ranks`() async {
        var harness = Self.harness(.full)
        harness.options.learningRate = 1e12
        let together = await harness.run(ranks: 2)
        #expect(together.allSatisfy { $0.outcome.failure != nil })
        #expect(together[0].outcome.failure?.contains("not a finite") == true, "\(together[0].outcome.failure ?? "")")
    }

    @Test func `shares come out even, and pictures stay where they are`() {
        for ranks in 1...9 {
            let assignment = RankAssignment(ranks: ranks)
            var moved = 0
            for epoch in 0..<20 {
                let order = (0..<400).map { ($0 * 7919 + epoch * 104_729) % 400 }
                for start in stride(from: 0, to: 400, by: 64) {
                    let batch = order[start..<min(start + 64, 400)]
                    let shares = assignment.shares(of: batch)
                    #expect(shares.flatMap { $0 }.sorted() == batch.sorted())
                    let sizes = shares.map(\.count)
                    #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1 && sizes == sizes.sorted(by: >))
                    for (rank, share) in shares.enumerated() {
                        moved += share.count { assignment.preferred($0) != rank }
                    }
                }
            }
            #expect(moved < 400 * 20 / 3, "\(ranks) ranks: \(moved)")
        }
    }
}
