import TrainingTestSupport
import Foundation
import Support
import Testing
import Training
import TrainingEvents

@Suite struct RunFollowerTests {
    @Test(arguments: [1, 2]) func `a finished run is told as the events that it sent`(accumulate: Int) async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.accumulate = accumulate
        harness.count = 28
        let original = await harness.run(commands: [
            .scaleLearningRate(by: 1.25), .setFrozen(["layer4.0.conv1.weight"], false),
        ])
        let mailbox = EventMailbox()
        let outcome = await RunFollower(folder, mailbox: mailbox).run()
        #expect(outcome.failure == nil)
        let told = EngineHarness.Result(outcome: outcome, events: mailbox.drain())
        // Foundation reads decimals to within a last digit.
        func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-12 * max(1, abs(b)) }
        #expect(told.steps.count == original.steps.count)
        for (a, b) in zip(told.steps, original.steps) {
            #expect(close(a.loss, b.loss) && close(a.learningRate, b.learningRate) && a.accuracy == b.accuracy)
            #expect(a.step == b.step && a.epoch == b.epoch && a.stepInEpoch == b.stepInEpoch)
            #expect(a.stepsPerEpoch == b.stepsPerEpoch && a.images == b.images && close(a.milliseconds, b.milliseconds))
            #expect(a.gradientNorms.count == b.gradientNorms.count)
            for (name, norm) in b.gradientNorms { #expect(close(a.gradientNorms[name] ?? .nan, norm)) }
        }
        #expect(told.epochs.count == original.epochs.count)
        for (a, b) in zip(told.epochs, original.epochs) {
            #expect(a.epoch == b.epoch && a.step == b.step && a.isBest == b.isBest)
            #expect(close(a.training.loss, b.training.loss))
            #expect(close(a.validation?.loss ?? .nan, b.validation?.loss ?? .nan))
        }
        #expect(told.freezes == original.freezes)
        guard case .finished(let summary)? = told.events.last, case .finished(let own)? = original.events.last else {
            Issue.record("no end")
            return
        }
        #expect(summary.steps == own.steps && summary.epochs == own.epochs && summary.stopped == own.stopped)
        #expect(summary.bestEpoch == own.bestEpoch && summary.output == own.output)
        #expect(close(summary.best?.loss ?? .nan, own.best?.loss ?? .nan))
    }

    @Test func `a run that is being written is followed line by line, also where a line comes in two halves`()
        async throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        _ = await harness.run()
        let name = folder + "/" + RunFolder.metricsName
        let lines = try String(contentsOfFile: name, encoding: .utf8).split(separator: "\n").map { String($0) + "\n" }
        // As it is before the end: no result yet, half a line at the end.
        let description = folder + "/" + RunFolder.descriptionName
        let whole = try Data(contentsOf: URL(fileURLWithPath: description))
        guard case .object(let pairs)? = JSON.parse(whole) else {
            Issue.record("run.json is no object")
            return
        }
        try JSON.object(pairs.filter { $0.0 != "result" }).pretty
            .write(toFile: description, atomically: true, encoding: .utf8)
        try (lines[0] + lines[1].prefix(20)).write(toFile: name, atomically: false, encoding: .utf8)

        let mailbox = EventMailbox()
        let follower = RunFollower(folder, mailbox: mailbox)
        let running = Task.detached { await follower.run() }
        var events: [TrainingEvent] = []
        func steps() -> Int { events.count { if case .step = $0 { true } else { false } } }
        func wait(_ condition: () -> Bool) async {
            for _ in 0..<6000 where !condition() {
                try? await Task.sleep(for: .milliseconds(10))
                events += mailbox.drain()
            }
        }
        await wait { steps() == 1 }
        #expect(steps() == 1)
        let handle = try #require(FileHandle(forWritingAtPath: name))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data((lines[1].dropFirst(20) + lines[2]).utf8))
        await wait { steps() == 3 }
        #expect(steps() == 3)
        // Cut back by a resume: everything is told again.
        try lines[0].write(toFile: name, atomically: true, encoding: .utf8)
        await wait { events.count { if case .opened = $0 { true } else { false } } == 2 && steps() == 4 }
        #expect(steps() == 4)
        try whole.write(to: URL(fileURLWithPath: description))
        await wait { if case .finished? = events.last { true } else { false } }
        #expect(await running.value.failure == nil)
        if case .finished? = events.last {} else { Issue.record("the end was not told") }
    }

    @Test func `a follower ends when it is told to, and a folder without a run is refused`() async throws {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do {
            try RunFollower.requireRun(folder)
            Issue.record("nothing was shown as a run")
        } catch {
            #expect("\(error)".contains("run.json"))
        }
        var harness = EngineHarness()
        harness.output = folder
        _ = await harness.run(commands: [.stop])
        try RunFollower.requireRun(folder)
        let follower = RunFollower(folder, mailbox: EventMailbox())
        follower.stop()
        #expect(await follower.run().failure == nil)
    }
}
