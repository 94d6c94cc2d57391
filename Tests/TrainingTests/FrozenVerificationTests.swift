import TrainingTestSupport
import Checkpoints
import Foundation
import Model
import Testing
import TrainingEvents

import Training

/// Epochs so short that they are verified and saved together: the clock stands still, so only the first epoch and the end
/// are due by themselves. An epoch has three steps.
@Suite struct FrozenVerificationTests {
    private static func harness(epochs: Int) -> EngineHarness {
        var harness = EngineHarness()
        harness.options.strategy = .head
        harness.options.epochs = epochs
        harness.output = EngineHarness.temporaryFolder()
        return harness
    }

    private static func run(
        _ harness: EngineHarness, afterStep: (@Sendable (ResNet18, Int) -> Void)? = nil,
        react: (TrainingEvent) -> [TrainingCommand] = { _ in [] }
    ) async -> EngineHarness.Result {
        let start = ContinuousClock.now
        let mailbox = EventMailbox()
        let engine = TrainingEngine(harness.request, mailbox: mailbox, now: { start }, afterStep: afterStep)
        let running = Task.detached { await engine.run() }
        var events: [TrainingEvent] = []
        while true {
            for event in mailbox.drain() {
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

    /// Sets the first value of a parameter after a step.
    private static func spoil(_ name: String, after step: Int, to value: Float) -> @Sendable (ResNet18, Int) -> Void {
        { if $1 == step { $0.parameter(name)?.values.pointer[0] = value } }
    }

    private static func savedStep(_ harness: EngineHarness) throws -> Int? {
        let state = try Checkpoint.open(harness.request.output.map { $0 + "/" + RunFolder.stateName } ?? "")
        return RunProgress(metadata: state.metadata)?.step
    }

    private static func remove(_ harness: EngineHarness) {
        if let folder = harness.output { try? FileManager.default.removeItem(atPath: folder) }
    }

    @Test func `a frozen tensor that changes is found at the end at the latest, and no epoch after it is saved`()
        async throws
    {
        let harness = Self.harness(epochs: 4)
        defer { Self.remove(harness) }
        let result = await Self.run(harness, afterStep: Self.spoil("layer2.0.conv1.weight", after: 5, to: 7))
        #expect(result.outcome.failure?.contains("layer2.0.conv1.weight") == true)
        #expect(result.proofs.first == FreezeProof(step: 3, tensorCount: 100, broken: []))
        #expect(result.proofs.last?.step == 12)
        #expect(result.proofs.allSatisfy { $0.step == 3 || $0.broken == ["layer2.0.conv1.weight"] })
        #expect(try Self.savedStep(harness) == 3)
    }

    @Test func `a run that keeps nothing is verified at its end too`() async {
        var harness = Self.harness(epochs: 4)
        harness.output = nil
        let result = await Self.run(harness, afterStep: Self.spoil("bn1.weight", after: 11, to: 7))
        #expect(result.outcome.failure?.contains("bn1.weight") == true)
    }

    @Test func `a frozen tensor that changes and thaws before it is looked at is found all the same`() async throws {
        var harness = Self.harness(epochs: 4)
        defer { Self.remove(harness) }
        harness.options.thawRules = [ThawRule(epoch: 3, pattern: "layer4.1")]
        let result = await Self.run(harness, afterStep: Self.spoil("layer4.1.conv2.weight", after: 5, to: 7))
        #expect(result.outcome.failure?.contains("layer4.1.conv2.weight") == true)
        #expect(try Self.savedStep(harness) == 3)
    }

    @Test func `short epochs are verified and saved together, the last and the best of them`() async throws {
        let harness = Self.harness(epochs: 6)
        defer { Self.remove(harness) }
        let result = await Self.run(harness)
        #expect(result.outcome.failure == nil)
        #expect(result.proofs.map(\.step) == [3, 18])
        #expect(result.proofs.allSatisfy { $0.broken.isEmpty })
        let saved = result.events.compactMap { if case .saved(let report) = $0 { report.step } else { nil } }
        #expect(saved.last == 18 && Set(saved).isSubset(of: [3, 18]))
        #expect(try Self.savedStep(harness) == 18)
        let best = try Checkpoint.open((harness.output ?? "") + "/" + RunFolder.bestName)
        let epoch = try #require(result.outcome.summary?.bestEpoch)
        #expect(best.metadata["frostline.epoch"] == "\(epoch)")
        #expect(best.metadata["frostline.step"] == "\(epoch * 3)")
    }

    @Test func `a run that fails saves the epochs that waited`() async throws {
        let harness = Self.harness(epochs: 4)
        defer { Self.remove(harness) }
        let result = await Self.run(harness, afterStep: Self.spoil("fc.bias", after: 8, to: .nan))
        #expect(result.outcome.failure?.contains("holds the weights of step 6") == true)
        #expect(try Self.savedStep(harness) == 6)
    }

    @Test func `a pause saves the epochs that waited`() async throws {
        var harness = Self.harness(epochs: 1000)
        defer { Self.remove(harness) }
        harness.options.pace = .milliseconds(5)
        var epochs = 0
        var (pausedAt, savedAt): (Int?, Int?)
        let answer = { (event: TrainingEvent) -> [TrainingCommand] in
            switch event {
            case .epoch:
                epochs += 1
                return epochs == 2 ? [.pause] : []
            case .paused(let step, _): pausedAt = step
            case .saved(let report): savedAt = report.step
            default: break
            }
            guard let step = pausedAt, savedAt == step / 3 * 3 else { return [] }
            return [.stop]
        }
        let result = await Self.run(harness, react: answer)
        #expect(result.outcome.failure == nil)
        #expect(result.outcome.summary?.steps == pausedAt)
    }

    @Test func `what steps compute does not depend on when epochs are saved, and neither does a run that goes on`()
        async throws
    {
        var harness = Self.harness(epochs: 4)
        defer { Self.remove(harness) }
        let together = await Self.run(harness)
        var apart = harness
        apart.output = nil
        apart.options.saveEvery = 1
        let alone = await apart.run()
        #expect(together.steps.map(\.loss) == alone.steps.map(\.loss))
        harness.resume = true
        harness.options.epochs = 6
        apart.options.epochs = 6
        let resumed = await Self.run(harness)
        let whole = await apart.run()
        #expect(together.steps.map(\.loss) + resumed.steps.map(\.loss) == whole.steps.map(\.loss))
        #expect(resumed.epochs.map(\.validation) == whole.epochs.suffix(2).map(\.validation))
    }
}
