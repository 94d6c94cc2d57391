import TrainingTestSupport
import Foundation
import Network
import Kernels
import Model
import Testing
import Training
import TrainingEvents

@Suite struct RunControlTests {
    /// Runs an engine, and hands every event to `react`, which may answer with commands.
    static func run(
        _ harness: EngineHarness, commands: [TrainingCommand] = [.watch(true)],
        react: (TrainingEvent) -> [TrainingCommand] = { _ in [] }
    ) async -> EngineHarness.Result {
        await run(harness.request, commands: commands, react: react)
    }

    static func run(
        _ request: RunRequest, commands: [TrainingCommand] = [.watch(true)], react: (TrainingEvent) -> [TrainingCommand]
    ) async -> EngineHarness.Result {
        let mailbox = EventMailbox()
        let engine = TrainingEngine(request, mailbox: mailbox)
        commands.forEach(engine.send)
        let running = Task.detached { await engine.run() }
        var events: [TrainingEvent] = []
        while true {
            let new = mailbox.drain()
            for event in new {
                events.append(event)
                react(event).forEach(engine.send)
                switch event {
                case .finished, .failed: return EngineHarness.Result(outcome: await running.value, events: events)
                default: break
                }
            }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    @Test func `the learning rate is scaled from the next step on, recorded, and kept when the run is resumed`()
        async throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.schedule = .cosine
        var unchanged = EngineHarness()
        unchanged.options = harness.options
        let plain = await unchanged.run()
        let scaled = await harness.run(commands: [.scaleLearningRate(by: 1.25), .scaleLearningRate(by: 2)])
        #expect(scaled.outcome.failure == nil)
        #expect(scaled.steps.map(\.learningRate) == plain.steps.map { $0.learningRate * 2.5 })
        let reports = scaled.events.compactMap { if case .learningRate(let report) = $0 { report } else { nil } }
        #expect(reports.map(\.factor) == [1.25, 2.5])
        #expect(reports.allSatisfy { $0.step == 1 })
        let metrics = try String(contentsOfFile: folder + "/" + RunFolder.metricsName, encoding: .utf8)
        #expect(metrics.contains(#"{"kind":"learningRate","step":1,"factor":2.5,"#))

        harness.resume = true
        harness.options.epochs = 3
        let resumed = await harness.run()
        harness.resume = false
        harness.output = nil
        let whole = await harness.run(commands: [.scaleLearningRate(by: 2.5)])
        #expect(resumed.steps.map(\.learningRate) == Array(whole.steps.map(\.learningRate).suffix(3)))
    }

    @Test func `the preview counts mirror images, and room on the disk, as the cache itself does`() async {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.augmentation = .flip
        harness.options.cacheBudget = 0
        let result = await Self.run(harness)
        var (costs, total): (StepCosts?, Int?)
        for event in result.events {
            if case .costs(let report) = event { costs = report }
            if case .cache(.on(_, _, _, let count)) = event { total = count }
        }
        #expect(costs?.cacheRule.isEnabled == true && costs?.cacheRule.augmentationIsRandom == false)
        #expect(total != nil && costs?.pictures == total)
        #expect((costs?.cacheRule.budget ?? 0) > 0 && costs?.cacheRule.memoryBudget == 0)
    }

    @Test func `one step runs while the run is paused, and no more`() async {
        var steps = 0
        var asked = 0
        let result = await Self.run(EngineHarness(), commands: [.stepOnce]) { event in
            switch event {
            case .step: steps += 1
            default: return []
            }
            // Paused after each; the third goes on to the end.
            asked += 1
            return asked < 3 ? [.stepOnce] : asked == 3 ? [.resume] : []
        }
        #expect(result.outcome.failure == nil)
        #expect(result.steps.map(\.step) == Array(1...6))
        let pauses = result.events.indices.filter { if case .paused = result.events[$0] { true } else { false } }
        let resumes = result.events.indices.filter { if case .resumed = result.events[$0] { true } else { false } }
        #expect(pauses.count == 1 && resumes.count == 1)
        let between = result.events[pauses[0]..<resumes[0]].count { if case .step = $0 { true } else { false } }
        #expect(between == 3)
    }

    @Test func `a validation can be asked for in the middle of an epoch and changes nothing`() async throws {
        let harness = EngineHarness()
        let plain = await harness.run()
        var hasAsked = false
        let result = await Self.run(harness, commands: [.watch(true), .stepOnce]) { event in
            guard case .step = event, !hasAsked else { return [] }
            hasAsked = true
            return [.validate, .validate, .resume]
        }
        let reports = result.events.compactMap { if case .validation(let report) = $0 { report } else { nil } }
        // Asked for twice, it is done once or twice, by when the second came.
        #expect((1...2).contains(reports.count))
        #expect(reports.allSatisfy { $0.step == 1 })
        #expect(result.steps.map(\.loss) == plain.steps.map(\.loss))
        #expect(result.epochs.map(\.validation) == plain.epochs.map(\.validation))
    }

    @Test func `after a validation a dashboard gets the confusion matrix and the most wrong pictures`() async throws {
        var harness = EngineHarness()
        harness.options.epochs = 1
        let unwatched = await harness.run()
        #expect(!unwatched.events.contains { if case .mistakes = $0 { true } else { false } })
        let result = await Self.run(harness)
        let reports = result.events.compactMap { if case .mistakes(let report) = $0 { report } else { nil } }
        let report = try #require(reports.first)
        let score = try #require(result.epochs.first?.validation)
        #expect(report.actual == [4, 4])
        #expect(report.matrix.reduce(0, +) == 8)
        let right = (report.count(0, 0) ?? 0) + (report.count(1, 1) ?? 0)
        #expect(abs(Double(right) / 8 - score.accuracy) < 1e-9)
        #expect(report.predicted.reduce(0, +) == 8)
        #expect(report.mistakes.count == 8 - right)
        for mistake in report.mistakes {
            #expect(mistake.actual != mistake.predicted)
            #expect(mistake.predictedProbability > mistake.actualProbability)
            #expect(mistake.picture?.width == 32)
        }
        let worst = report.mistakes.map(\.actualProbability)
        #expect(worst == worst.sorted())
    }

    @Test(arguments: [Strategy.head, .full])
    func `mistakes come with the maps of the predicted and the true class, also behind cached features`(
        _ strategy: Strategy
    ) async throws {
        var harness = EngineHarness()
        harness.options.epochs = 1
        harness.options.imageSize = 96
        harness.options.strategy = strategy
        let result = await Self.run(harness)
        let reports = result.events.compactMap { if case .mistakes(let report) = $0 { report } else { nil } }
        let mistakes = try #require(reports.first).mistakes
        try #require(!mistakes.isEmpty)
        for mistake in mistakes {
            let heat = [mistake.predictedHeat, mistake.actualHeat]
            for one in heat {
                let one = try #require(one)
                #expect(one.side == 3 && one.levels.contains(0) && one.levels.contains(255))
            }
            #expect(heat[0] != heat[1])
        }
    }

    @Test func `a loss that is no number pauses a watched run with earlier weights, and fails an unwatched one`()
        async throws
    {
        var harness = EngineHarness()
        harness.options.strategy = .full
        harness.options.epochs = 40
        harness.options.learningRate = 1e-3
        harness.count = 24
        var spoiled = harness
        spoiled.options.learningRate = 1e30
        let unwatched = await spoiled.run()
        #expect(unwatched.outcome.failure?.contains("not a finite number") == true)

        // A rate that no training survives, from the thirtieth step on; back to what it was after the pause.
        var hasSpoiled = false
        var hasMended = false
        let result = await Self.run(harness) { event in
            switch event {
            case .step(let step) where step.step >= 30 && !hasSpoiled:
                hasSpoiled = true
                return [.scaleLearningRate(by: 1e6), .scaleLearningRate(by: 1e6)]
            case .notFinite: return []
            case .paused where hasSpoiled && !hasMended:
                hasMended = true
                return [.scaleLearningRate(by: 1e-6), .resume]
            default: return []
            }
        }
        #expect(result.outcome.failure == nil)
        let reports = result.events.compactMap { if case .notFinite(let report) = $0 { report } else { nil } }
        let report = try #require(reports.first)
        #expect(reports.count == 1)
        #expect(report.weightsOfStep < report.step)
        #expect(result.steps.allSatisfy { $0.loss.isFinite })
        // The weights that came back are those of a sound step: the next loss is an ordinary one.
        let after = try #require(result.steps.first { $0.step >= report.step })
        #expect(after.loss < 5, "loss \(after.loss) after going back to step \(report.weightsOfStep)")
        #expect(result.proofs.allSatisfy { $0.broken.isEmpty })
    }

    @Test func `an inspected parameter is looked at while asked for, with its proof where it is frozen`() async throws {
        var harness = EngineHarness()
        harness.options.strategy = .partial
        // Asked for behind a step, so that there is a gradient.
        var hasAsked = false
        let trained = await Self.run(harness) { event in
            guard case .step = event, !hasAsked else { return [] }
            hasAsked = true
            return [.inspect(["layer4.1.conv2.weight"])]
        }
        let reports = trained.events.compactMap { if case .inspection(let report) = $0 { report } else { nil } }
        let report = try #require(reports.last)
        let total: Int = report.weights.counts.reduce(0, +)
        #expect(total == 2_359_296)
        #expect(report.channels == 512 && report.deadChannels == 0)
        #expect(report.proof == nil)
        let norms = trained.steps.first { $0.step == report.step }?.gradientNorms["layer4.1.conv2.weight"]
        #expect(abs((report.gradientNorm ?? 0) - (norms ?? -1)) < 1e-9)

        let frozen = await harness.run(commands: [.inspect(["bn1.weight"])])
        let last = try #require(
            frozen.events.compactMap { if case .inspection(let report) = $0 { report } else { nil } }.last)
        #expect(last.gradients == nil && last.gradientNorm == nil)
        #expect(last.proof?.holds == true && last.proof?.since == 0)
        #expect(last.drift?.isHeld == true && last.drift?.mean == 0 && last.drift?.variance == 1)

        let moving = await harness.run(commands: [EngineHarness.mask(.full), .inspect(["bn1.weight"])])
        let drift = moving.events.compactMap { if case .inspection(let report) = $0 { report.drift } else { nil } }.last
        #expect((drift?.mean ?? 0) > 0 && drift?.isHeld == false)
        let none = await harness.run(commands: [.inspect(["conv1.weight"]), .inspect([])])
        #expect(none.events.count { if case .inspection = $0 { true } else { false } } == 1)
    }

    @Test func `undoing by mask puts exactly that mask in force`() async {
        var harness = EngineHarness()
        harness.options.strategy = .full
        let names = ["conv1.weight", "layer2.1.bn1.bias", "fc.bias"]
        let result = await harness.run(commands: [.mask(trainable: names + ["no such name"])])
        #expect(result.freezes.last?.trainable == names)
        #expect(result.steps.allSatisfy { Set($0.gradientNorms.keys) == Set(names) })
    }

    @Test func `each command with an id is answered under it, and a thaw by epoch answers none`() async throws {
        var harness = EngineHarness()
        harness.options.thawRules = [ThawRule(epoch: 2, pattern: "layer4.1")]
        let mailbox = EventMailbox()
        let engine = TrainingEngine(harness.request, mailbox: mailbox)
        let commands: [TrainingCommand] = [
            .setFrozen(["bn1.bias"], false), .setFrozen(["layer9.weight"], true), .setFrozen(["bn1.bias"], false),
            .save, .scaleLearningRate(by: .nan), .mask(trainable: ["no such name"]),
            .mask(trainable: ["fc.bias", "no such name"]),
        ]
        for (number, command) in commands.enumerated() {
            engine.send(CommandRequest(command, id: CommandID(client: 3, number: number)))
        }
        #expect(await engine.run().failure == nil)
        let events = mailbox.drain()
        let freezes = events.compactMap { if case .freeze(let report) = $0 { report } else { nil } }
        #expect(freezes.map { $0.answers?.number } == [nil, 0, 2, 6, nil])
        #expect(freezes.map(\.step) == [1, 1, 1, 1, 4])
        #expect(freezes[3].trainable == ["fc.bias"] && freezes[4].trainable.count == 7)
        let refusals = events.compactMap { if case .refused(_, let id) = $0 { id } else { nil } }
        #expect(refusals == [1, 3, 4, 5].map { CommandID(client: 3, number: $0) })
    }
}
