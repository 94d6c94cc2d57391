import Network
import TrainingTestSupport
import Foundation
import Support
import Testing
import TrainingEvents

import Training

/// Two processes, kills, full disks, changed data and too little memory.
@Suite struct NothingLostTests {
    private func harness() -> (EngineHarness, String) {
        let folder = EngineHarness.temporaryFolder()
        var harness = EngineHarness()
        harness.output = folder
        return (harness, folder)
    }

    private func lines(_ folder: String) throws -> [JSON] {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + RunFolder.metricsName))
        return try data.split(separator: UInt8(ascii: "\n")).map { try #require(JSON.parse(Data($0))) }
    }

    @Test func `a second process on a run folder is refused, and the folder is free again afterwards`() async throws {
        let (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var first: RunFolder? = try RunFolder(folder, resume: false)
        let refused = await harness.run()
        #expect(refused.outcome.failure?.contains("another process (\(getpid()))") == true)
        try #require(first != nil)
        first = nil
        let allowed = await harness.run()
        #expect(allowed.outcome.failure == nil)
        #expect(allowed.steps.count == 6)
    }

    @Test func `the lock of a process that was killed is taken over, and that is said`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.epochs = 1
        _ = await harness.run()
        #expect(!FileManager.default.fileExists(atPath: folder + "/lock"))
        try Data("999999\n".utf8).write(to: URL(fileURLWithPath: folder + "/lock"))
        let unfinished = folder + "/state.safetensors.999999.part"
        let own = folder + "/notes.999999.part"
        for path in [unfinished, own] { try Data("half".utf8).write(to: URL(fileURLWithPath: path)) }
        harness.resume = true
        harness.options.epochs = 2
        let result = await harness.run()
        #expect(result.outcome.failure == nil)
        #expect(result.events.contains { if case .notice(let text) = $0 { text.contains("999999") } else { false } })
        #expect(!FileManager.default.fileExists(atPath: unfinished))
        #expect(FileManager.default.fileExists(atPath: own))
    }

    @Test(arguments: ["{\"kind\":\"step\",\"step\":99", "{\"kind\":\"st", "garbage", "{", "\u{0}\u{0}\u{0}"])
    func `metrics whose last line a kill cut in half are repaired`(_ rest: String) async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.epochs = 1
        _ = await harness.run()
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/" + RunFolder.metricsName))
        try file.seekToEnd()
        try file.write(contentsOf: Data(rest.utf8))
        try file.close()
        harness.resume = true
        harness.options.epochs = 2
        #expect(await harness.run().outcome.failure == nil)
        let steps = try lines(folder).filter { $0["kind"]?.text == "step" }.compactMap { $0["step"]?.int }
        #expect(steps == Array(1...6))
    }

    @Test func `a mask that was toggled after the last save is written again as it was saved`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.epochs = 1
        _ = await harness.run()
        // As if a person had thawed everything after the save, and the process had been killed.
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/" + RunFolder.metricsName))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"kind\":\"freeze\",\"step\":4,\"trainable\":[\"conv1.weight\"]}\n".utf8))
        try file.close()
        harness.resume = true
        harness.options.epochs = 2
        let result = await harness.run()
        #expect(result.freezes.first?.trainable == ["fc.weight", "fc.bias"])
        #expect(try lines(folder).filter { $0["kind"]?.text == "freeze" }.isEmpty)
    }

    @Test func `a mask that was toggled before the save goes on, and is recorded once`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.stepLimit = 2
        _ = await harness.run(commands: [EngineHarness.mask(.partial)])
        harness.resume = true
        harness.options.stepLimit = nil
        let result = await harness.run()
        #expect(result.freezes.first?.frostLine == "layer4.0")
        let freezes = try lines(folder).filter { $0["kind"]?.text == "freeze" }
        #expect(freezes.compactMap { $0["step"]?.int } == [1])
    }

    @Test func `other pictures than those of the run's beginning are refused by name`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.epochs = 1
        _ = await harness.run()
        harness.resume = true
        harness.options.epochs = 2
        harness.count = 32
        let result = await harness.run()
        let message = result.outcome.failure ?? ""
        #expect(message.contains("not the pictures") && message.contains("24") && message.contains("32"))
    }

    @Test func `saves within an epoch come every so many steps`() async {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.count = 80
        harness.options.epochs = 1
        harness.options.saveEvery = 3
        let result = await harness.run()
        let saved = result.events.compactMap { if case .saved(let save) = $0 { save.step } else { nil } }
        #expect(saved.last == 10)
        // A save that the next one overtakes may be left out.
        #expect(Set(saved).isSubset(of: [3, 6, 9, 10]))
        #expect(saved.count >= 2)
    }

    @Test func `a save that fails pauses a run that is watched, and is tried again`() async throws {
        let (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var request = harness.request
        request.pausesWhereSavingFails = true
        let mailbox = EventMailbox()
        let engine = TrainingEngine(request, mailbox: mailbox)
        // A folder in the way of a file is what every user meets alike, root too.
        try FileManager.default.createDirectory(
            atPath: folder + "/" + RunFolder.stateName + "/x", withIntermediateDirectories: true)
        let running = Task.detached { await engine.run() }
        var seen: [TrainingEvent] = []
        func wait(for wanted: (TrainingEvent) -> Bool) async throws {
            let began = ContinuousClock.now
            while !seen.contains(where: wanted), began.duration(to: .now) < .seconds(60) {
                try await Task.sleep(for: .milliseconds(5))
                seen += mailbox.drain()
            }
        }
        try await wait { if case .paused = $0 { true } else { false } }
        #expect(seen.contains { if case .warning(let text) = $0 { text.contains("pauses") } else { false } })
        #expect(!seen.contains { if case .saved = $0 { true } else { false } })
        try FileManager.default.removeItem(atPath: folder + "/" + RunFolder.stateName)
        engine.send(.resume)
        let outcome = await running.value
        seen += mailbox.drain()
        #expect(outcome.failure == nil)
        #expect(seen.contains { if case .saved = $0 { true } else { false } })
        #expect(FileManager.default.fileExists(atPath: folder + "/" + RunFolder.bestName))
    }

    @Test func `while a save that failed at the end waits for another try, no command is lost`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.epochs = 1
        harness.pausesWhereSavingFails = true
        let state = folder + "/" + RunFolder.stateName
        try FileManager.default.createDirectory(atPath: state + "/x", withIntermediateDirectories: true)
        var (pauses, epochs) = (0, 0)
        let result = await RunControlTests.run(harness, commands: []) { event in
            if case .epoch = event { epochs += 1 }
            guard case .paused = event else { return [] }
            pauses += 1
            #expect(epochs == 1)
            try? FileManager.default.removeItem(atPath: state)
            return [.setFrozen(["layer4.1.bn2.bias"], false), .validate, .stepOnce, .resume]
        }
        #expect(result.outcome.failure == nil)
        #expect(pauses == 1)
        let names = ["layer4.1.bn2.bias", "fc.weight", "fc.bias"]
        #expect(result.freezes.last?.trainable == names && result.freezes.last?.step == 4)
        #expect(result.events.count { if case .validation = $0 { true } else { false } } == 1)
        #expect(result.events.count { if case .refused = $0 { true } else { false } } == 1)
        #expect(result.steps.count == 3)
        // It was saved with the mask, so a run that goes on has it.
        harness.resume = true
        harness.options.epochs = 2
        #expect(await harness.run().freezes.first?.trainable == names)
    }

    @Test func `a stop gives up on a save that failed at the end`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.epochs = 1
        harness.pausesWhereSavingFails = true
        try FileManager.default.createDirectory(
            atPath: folder + "/" + RunFolder.stateName + "/x", withIntermediateDirectories: true)
        let result = await RunControlTests.run(harness, commands: []) { event in
            if case .paused = event { [.setFrozen(["bn1.bias"], false), .stop] } else { [] }
        }
        #expect(result.outcome.failure?.contains(RunFolder.stateName) == true)
        #expect(result.freezes.count == 2)
    }

    @Test func `a run folder that is moved away pauses the run, and is whole again when it is back`() async throws {
        var (harness, folder) = harness()
        let away = folder + "-away"
        defer { for path in [folder, away] { try? FileManager.default.removeItem(atPath: path) } }
        harness.options.epochs = 100_000
        var request = harness.request
        request.pausesWhereSavingFails = true
        let mailbox = EventMailbox()
        let engine = TrainingEngine(request, mailbox: mailbox)
        let running = Task.detached { await engine.run() }
        var seen: [TrainingEvent] = []
        func wait(for wanted: (TrainingEvent) -> Bool) async throws {
            let began = ContinuousClock.now
            seen = []
            while !seen.contains(where: wanted), began.duration(to: .now) < .seconds(60) {
                try await Task.sleep(for: .milliseconds(5))
                seen += mailbox.drain()
            }
        }
        try await wait { if case .saved = $0 { true } else { false } }
        try FileManager.default.moveItem(atPath: folder, toPath: away)
        try await wait { if case .paused = $0 { true } else { false } }
        #expect(seen.contains { if case .warning(let text) = $0 { text.contains(folder) } else { false } })
        try FileManager.default.moveItem(atPath: away, toPath: folder)
        engine.send(.resume)
        try await wait { if case .saved = $0 { true } else { false } }
        engine.send(.stop)
        let outcome = await running.value
        #expect(outcome.failure == nil)
        let steps = try lines(folder).filter { $0["kind"]?.text == "step" }.compactMap { $0["step"]?.int }
        #expect(steps == Array(1...(outcome.summary?.steps ?? 0)))
    }

    @Test func `a run of another version goes on with a warning that names both`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.epochs = 1
        _ = await harness.run()
        let file = URL(fileURLWithPath: folder + "/" + RunFolder.descriptionName)
        let text = try String(contentsOf: file, encoding: .utf8)
        let older = text.replacingOccurrences(of: "\"\(frostlineVersion)\"", with: "\"0.0.9\"")
        try #require(older != text)
        try Data(older.utf8).write(to: file)
        harness.resume = true
        harness.options.epochs = 2
        let result = await harness.run()
        #expect(result.outcome.failure == nil)
        #expect(
            result.events.contains {
                if case .warning(let text) = $0 {
                    text.contains("0.0.9") && text.contains(frostlineVersion)
                } else {
                    false
                }
            })
    }

    @Test func `a save that fails ends a run without a watcher with the reason`() async throws {
        let (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(
            atPath: folder + "/" + RunFolder.stateName + "/x", withIntermediateDirectories: true)
        let result = await harness.run()
        #expect(result.outcome.failure?.contains(RunFolder.stateName) == true)
    }

    @Test func `too little memory is foreseen, with the batch size that would fit`() throws {
        var options = RunOptions()
        options.strategy = .full
        options.batchSize = 64
        let need = MemoryNeed(options: options, classes: 2)
        let enough = AvailableMemory(bytes: need.bytes(batchSize: 64), limit: "free memory")
        try need.require(batchSize: 64, available: enough)
        try need.require(batchSize: 64, available: nil)
        let tight = AvailableMemory(bytes: need.bytes(batchSize: 20) + 1, limit: "free memory")
        func refusal(_ available: AvailableMemory) -> String {
            let error = #expect(throws: TrainingError.self) { try need.require(batchSize: 64, available: available) }
            return error?.description ?? ""
        }
        #expect(refusal(tight).contains("--batch-size 64") && refusal(tight).contains("--batch-size 20 would fit"))
        #expect(refusal(AvailableMemory(bytes: 1 << 20, limit: "x")).contains("--batch-size 1"))
        options.strategy = .head
        #expect(MemoryNeed(options: options, classes: 2).bytes(batchSize: 64) < need.bytes(batchSize: 64))
    }

    @Test func `what is free is read from the system`() throws {
        let available = try #require(AvailableMemory.now())
        let total = try #require(AvailableMemory.total())
        #expect(available.bytes > 1 << 20 && available.bytes <= total)
    }
}
