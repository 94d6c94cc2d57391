import Checkpoints
import Foundation
import Images
import Network
import Support
import Testing
import Training
import TrainingEvents
import TrainingTestSupport

/// One after the other: each keeps several copies of a whole network.
@Suite(.serialized) struct AutoTests {
    private static func harness(_ folder: String?) -> EngineHarness {
        var harness = EngineHarness()
        harness.output = folder
        harness.options.strategy = .auto
        (harness.options.epochs, harness.options.learningRate) = (40, 0.02)
        return harness
    }

    private static func decisions(_ result: EngineHarness.Result) -> [AutoDecision] {
        result.events.compactMap { if case .decision(let decision) = $0 { decision } else { nil } }
    }

    private static func weights(_ folder: String, _ name: String = RunFolder.lastName) throws -> [String: [Float]] {
        let file = try Checkpoint.open(folder + "/" + name)
        return try Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, try $0.floats()) })
    }

    @Test func `it begins with the head, thaws on trial, and ends by itself with every decision in the record`()
        async throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let result = await Self.harness(folder).run()
        #expect(result.outcome.failure == nil)
        let decisions = Self.decisions(result)
        #expect(decisions.first?.choice == .begins && decisions.last?.choice == .ends)
        #expect(decisions.contains { $0.choice == .thaws })
        // Each trial is decided before the next begins.
        let trials = decisions.filter { [.thaws, .keeps, .takesBack].contains($0.choice) }
        for (thaw, end) in zip(trials, trials.dropFirst()) where thaw.choice == .thaws {
            #expect(end.choice != .thaws && end.group == thaw.group)
        }
        #expect(result.freezes.first?.trainable == ["fc.weight", "fc.bias"])
        let lines = try String(contentsOfFile: folder + "/" + RunFolder.metricsName, encoding: .utf8)
            .split(separator: "\n").compactMap { JSON.parse(Data($0.utf8)).flatMap(TrainingEvent.init(metricsLine:)) }
        #expect(lines.compactMap { if case .decision(let decision) = $0 { decision } else { nil } } == decisions)
    }

    /// After a trial that did not pay, weights, statistics, optimizer and mask are those of the best state: the run ends with
    /// what it had when the last trial began, though other weights trained meanwhile.
    @Test func `what did not pay is taken back to the bit`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = Self.harness(folder)
        // So large a rate that no thaw helps once the head is trained.
        harness.options.learningRate = 0.3
        let result = await harness.run()
        let decisions = Self.decisions(result)
        let taken = decisions.filter { $0.choice == .takesBack }
        #expect(!taken.isEmpty)
        let thaws = decisions.filter { $0.choice == .thaws }
        #expect(thaws.prefix(2).map(\.group) == ["everything", "everything but BatchNorm"])
        // A trial without BatchNorm has a third of the rate, from its first step on and until it is taken back.
        for (decision, next) in zip(decisions, decisions.dropFirst()) where decision.choice == .thaws {
            let rates = Set(result.steps.filter { decision.step < $0.step && $0.step <= next.step }.map(\.learningRate))
            #expect(rates == [decision.group == "everything but BatchNorm" ? 0.3 * (1.0 / 3) : 0.3])
            let thawed = result.freezes.last { $0.step <= decision.step + 1 }?.trainable ?? []
            #expect(
                thawed.contains("layer4.1.bn2.weight") == (decision.group != "everything but BatchNorm"),
                "\(decision.group ?? "")")
        }
        let kept = decisions.filter { $0.choice == .keeps }.compactMap(\.group)
        guard kept.isEmpty else { return }
        // Nothing but fc ever differs from the beginning.
        let end = try Self.weights(folder)
        var plain = EngineHarness()
        (plain.options.epochs, plain.options.stepLimit) = (1, 1)
        let other = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: other) }
        plain.output = other
        _ = await plain.run()
        let start = try Self.weights(other)
        for (name, values) in start where !name.hasPrefix("fc.") { #expect(end[name] == values, "\(name)") }
        #expect(result.freezes.last?.trainable == ["fc.weight", "fc.bias"])
        // The hashes of what was frozen again are verified too.
        let broken = result.proofs.flatMap(\.broken)
        #expect(broken.isEmpty)
    }

    @Test(arguments: [OptimizerKind.sgd, .adamw])
    func `a run that is stopped anywhere and resumed decides the same and ends with the same bits`(
        _ kind: OptimizerKind
    ) async throws {
        func harness(_ folder: String) -> EngineHarness {
            var harness = Self.harness(folder)
            harness.options.optimizer = kind
            harness.options.learningRate = kind == .adamw ? 1e-3 : 0.05
            return harness
        }
        let whole = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: whole) }
        let reference = await harness(whole).run()
        let steps = try #require(reference.steps.last?.step)
        let parts = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: parts) }
        var resumed = harness(parts)
        var decisions: [AutoDecision] = []
        // In mid-epoch, at an epoch's end, within trials.
        for limit in Array(stride(from: 7, to: steps, by: 11)) + [nil] {
            resumed.options.stepLimit = limit
            let result = await resumed.run()
            #expect(result.outcome.failure == nil)
            decisions += Self.decisions(result)
            resumed.resume = true
        }
        #expect(decisions == Self.decisions(reference))
        let (ours, theirs) = (try Self.weights(parts), try Self.weights(whole))
        #expect(ours == theirs)
        let best = (try Self.weights(parts, RunFolder.bestName), try Self.weights(whole, RunFolder.bestName))
        #expect(best.0 == best.1)
    }

    @Test func `a mask that is asked for takes over, and auto begins again where it is given back`() async throws {
        var harness = Self.harness(nil)
        harness.options.epochs = 6
        let asked = await harness.run(commands: [.setFrozen(["layer4.1.conv2.weight"], false)])
        #expect(Self.decisions(asked).map(\.choice) == [.begins, .rests])
        let mailbox = EventMailbox()
        let engine = TrainingEngine(harness.request, mailbox: mailbox)
        let running = Task.detached { await engine.run() }
        var events: [TrainingEvent] = []
        while true {
            for event in mailbox.drain() {
                events.append(event)
                if case .step(let report) = event {
                    if report.step == 2 { engine.send(.setFrozen(["layer4.1.conv2.weight"], false)) }
                    if report.step == 6 { engine.send(.auto) }
                }
            }
            if events.contains(where: { if case .finished = $0 { true } else { false } }) { break }
            try await Task.sleep(for: .milliseconds(2))
        }
        _ = await running.value
        let choices = events.compactMap { if case .decision(let decision) = $0 { decision.choice } else { nil } }
        #expect(Array(choices.prefix(3)) == [.begins, .rests, .begins])
    }

    @Test func `what it cannot do is refused`() async {
        var harness = Self.harness(nil)
        var request = harness.request
        request.data = .drawn(
            training: DrawnImages(task: .animals, count: 24, size: 36, seed: 1),
            validation: DrawnImages(task: .animals, count: 0, size: 36, seed: 2))
        let blind = await TrainingEngine(request, mailbox: EventMailbox()).run()
        #expect(blind.failure?.contains("validation pictures to decide by") == true)
        let ranks = await harness.run(ranks: 2)
        #expect(ranks[0].outcome.failure?.contains("auto on 2 ranks") == true)
        harness.options.thawRules = [ThawRule(epoch: 1, pattern: "layer4")]
        #expect(await harness.run().outcome.failure?.contains("auto thaws by itself") == true)
    }

    @Test func `what a rule freezes is never thawed, and a time budget ends the run after a save`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = Self.harness(folder)
        harness.options.freezeRules = [FreezeRule(pattern: "layer4", frozen: true)]
        harness.options.epochs = 12
        let result = await harness.run()
        #expect(!result.freezes.isEmpty)
        let thawed = result.freezes.flatMap(\.trainable).filter { $0.hasPrefix("layer4") }
        #expect(thawed.isEmpty)
        var short = Self.harness(nil)
        short.options.timeBudget = TimeBudget("0.001s")
        let stopped = await short.run()
        #expect(stopped.outcome.summary?.stopped == true && stopped.steps.count == 1)
        #expect(
            TimeBudget("10m")?.seconds == 600 && TimeBudget("2h")?.seconds == 7200 && TimeBudget("45")?.seconds == 45)
        for bad in ["", "m", "-1s", "0", "nan", "1d", "inf"] { #expect(TimeBudget(bad) == nil, "\(bad)") }
    }

    @Test func `losses are compared by pairs`() throws {
        let best: [Float] = [1, 5, 0.5, .nan, 2]
        let fall = try #require(AutoTensors.fall(from: best, to: [0.9, 4.9, 0.4, 1, .nan]))
        #expect(abs(fall.mean - 0.1) < 1e-6 && fall.error < 1e-6)
        #expect(AutoTensors.fall(from: [1], to: [2]) == nil)
    }
}
