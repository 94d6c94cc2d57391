import TrainingTestSupport
import Network
import Foundation
import Model
import Images
import Synchronization
import Images
import Testing
import TrainingEvents

import Training

@Suite struct EngineTests {
    @Test func `a run ends with as many steps and epochs as asked for, and a finish`() async {
        let result = await EngineHarness().run()
        #expect(result.outcome.failure == nil)
        #expect(result.steps.map(\.step) == Array(1...6))
        #expect(result.epochs.map(\.epoch) == [1, 2])
        #expect(result.epochs.allSatisfy { $0.validation != nil })
        if case .finished(let summary)? = result.events.last {
            #expect(!summary.stopped)
        } else {
            Issue.record("the last event is not .finished")
        }
    }

    @Test func `the same seed gives the same losses whatever the number of threads`() async {
        for strategy in Strategy.allCases {
            var harness = EngineHarness()
            harness.options.strategy = strategy
            harness.options.augmentation = .standard
            harness.options.threads = 1
            let one = await harness.run()
            harness.options.threads = 3
            let three = await harness.run()
            #expect(one.steps.map(\.loss) == three.steps.map(\.loss))
            #expect(one.steps.map(\.gradientNorms) == three.steps.map(\.gradientNorms))
            #expect(one.epochs.map(\.validation) == three.epochs.map(\.validation))
        }
    }

    @Test func `a cached run and an uncached one give the same losses, bit for bit`() async {
        for pattern in ["", "layer3", "layer2.0.conv2.weight", "layer4.1.bn2.bias"] {
            var harness = EngineHarness()
            harness.options.epochs = 3
            if !pattern.isEmpty { harness.options.freezeRules = [FreezeRule(pattern: pattern, frozen: false)] }
            let cached = await harness.run()
            harness.options.cache = false
            let uncached = await harness.run()
            #expect(cached.steps.map(\.loss) == uncached.steps.map(\.loss))
            #expect(cached.steps.map(\.gradientNorms) == uncached.steps.map(\.gradientNorms))
            #expect(cached.epochs.map(\.validation) == uncached.epochs.map(\.validation))
            #expect(cached.events.contains { if case .cache(.on) = $0 { true } else { false } })
            #expect(!uncached.events.contains { if case .cache(.on) = $0 { true } else { false } })
        }
    }

    @Test func `only trainable parameters have gradient norms`() async {
        var harness = EngineHarness()
        harness.options.strategy = .head
        harness.options.freezeRules = [FreezeRule(pattern: "bn1", frozen: false)]
        let result = await harness.run()
        let expected = Set(
            ResNet.resnet18.parameterNames.filter { $0.contains("bn1") || $0.hasPrefix("fc") })
        for step in result.steps { #expect(Set(step.gradientNorms.keys) == expected) }
    }

    @Test func `a freeze takes hold at the step that its event names`() async throws {
        var harness = EngineHarness()
        harness.options.strategy = .full
        let result = await harness.run(commands: [EngineHarness.mask(.head)])
        let freeze = try #require(result.freezes.last)
        #expect(freeze.step == 1)
        #expect(freeze.trainable == ["fc.weight", "fc.bias"])
        #expect(result.steps.allSatisfy { Set($0.gradientNorms.keys) == ["fc.weight", "fc.bias"] })
        #expect(result.proofs.allSatisfy { $0.broken.isEmpty && $0.tensorCount > 60 })
    }

    @Test func `everything frozen is allowed: the loss is computed and nothing moves`() async {
        let result = await EngineHarness().run(commands: [.mask(trainable: [])])
        #expect(result.outcome.failure == nil)
        #expect(result.steps.count == 6)
        #expect(result.steps.allSatisfy { $0.gradientNorms.isEmpty })
        #expect(result.epochs[0].validation == result.epochs[1].validation)
    }

    @Test func `a stop ends the run with what was done so far saved`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        let result = await harness.run(commands: [.stop])
        #expect(result.outcome.summary?.stopped == true)
        #expect(FileManager.default.fileExists(atPath: folder + "/" + RunFolder.lastName))
    }

    /// A clock that five seconds pass on while frozen tensors are verified, and at no other time.
    private final class VerificationClock: Sendable {
        let mailbox = EventMailbox()
        private let seconds = Mutex(0)
        private let start = ContinuousClock.now

        func now() -> ContinuousClock.Instant {
            let verifications = mailbox.drain().count { if case .proof = $0 { true } else { false } }
            return seconds.withLock { seconds in
                seconds += 5 * verifications
                return start + .seconds(seconds)
            }
        }
    }

    @Test func `an epoch's seconds go on where the last epoch's ended, its verification and saving included`() async {
        let clock = VerificationClock()
        var harness = EngineHarness()
        harness.options.epochs = 4
        let outcome = await TrainingEngine(harness.request, mailbox: clock.mailbox, now: clock.now).run()
        #expect(outcome.epochs.map(\.seconds) == [0, 5, 5, 5])
    }

    @Test func `a slow listener loses steps, never freezes or the end`() async {
        let mailbox = EventMailbox(limit: 4)
        var harness = EngineHarness()
        harness.options.epochs = 8
        let engine = TrainingEngine(harness.request, mailbox: mailbox)
        _ = await engine.run()
        let events = mailbox.drain()
        #expect(mailbox.droppedCount > 0)
        #expect(events.contains { if case .freeze = $0 { true } else { false } })
        #expect(events.filter { if case .epoch = $0 { true } else { false } }.count == 8)
        if case .finished? = events.last {} else { Issue.record("the end was lost") }
    }

    @Test func `pausing stops the steps until resuming`() async throws {
        let mailbox = EventMailbox()
        let engine = TrainingEngine(EngineHarness().request, mailbox: mailbox)
        engine.send(.pause)
        let running = Task.detached { await engine.run() }
        var seen: [TrainingEvent] = []
        while !seen.contains(where: { if case .paused = $0 { true } else { false } }) {
            try await Task.sleep(for: .milliseconds(5))
            seen += mailbox.drain()
        }
        try await Task.sleep(for: .milliseconds(50))
        seen += mailbox.drain()
        #expect(!seen.contains { if case .step = $0 { true } else { false } })
        engine.send(.resume)
        let outcome = await running.value
        #expect(outcome.summary?.steps == 6)
    }

    @Test func `options out of range are refused by name`() {
        func message(_ change: (inout RunOptions) -> Void) -> String {
            var options = RunOptions()
            change(&options)
            do {
                try options.validate()
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(message { $0.epochs = 0 }.contains("--epochs"))
        #expect(message { $0.batchSize = -1 }.contains("--batch-size"))
        #expect(message { $0.learningRate = .nan }.contains("--learning-rate"))
        #expect(message { $0.momentum = 1 }.contains("--momentum"))
        #expect(message { $0.weightDecay = -.infinity }.contains("--weight-decay"))
        #expect(message { $0.imageSize = 8 }.contains("--image-size"))
        #expect(message { $0.validationSplit = 1 }.contains("--validation-split"))
        #expect(message { $0.threads = 0 }.contains("--threads"))
        let nothing = message { $0.freezeRules = [FreezeRule(pattern: "layer5", frozen: true)] }
        #expect(nothing.contains("layer5") && nothing.contains("layer1"))
    }

    @Test func `a batch of one is refused where a training BatchNorm would see one value`() async {
        var harness = EngineHarness()
        harness.options.strategy = .full
        harness.count = 9
        let result = await harness.run()
        #expect(result.outcome.failure?.contains("one value per channel") == true)
        #expect(result.steps.isEmpty)
    }
}
