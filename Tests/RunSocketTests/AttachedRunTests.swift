import Foundation
import Network
import RunSocket
import Support
import Testing
import Training
import TrainingEvents
import TrainingTestSupport

/// What a client sees of a real run that it comes to in the middle.
@Suite struct AttachedRunTests {
    @Test func `history and what happens live are one record, without a gap and without anything twice`() async throws {
        var harness = EngineHarness()
        harness.options.epochs = 100_000
        harness.options.strategy = .full
        let folder = NSTemporaryDirectory() + "/frostline-attached-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.output = folder
        let server = RunServer()
        let mailbox = EventMailbox(listener: server)
        var request = harness.request
        request.folderOpened = { server.listen(in: $0) }
        let engine = TrainingEngine(request, mailbox: mailbox)
        server.start(
            RunServer.Run(mailbox: mailbox, send: engine.send, waitingCommands: { engine.waitingCommands }))
        engine.send(CommandRequest(.scaleLearningRate(by: 0.5)))
        let outcome = Task { await engine.run() }
        func lines() throws -> [JSON] {
            let data = FileManager.default.contents(atPath: folder + "/" + RunFolder.metricsName) ?? Data()
            return data.split(separator: UInt8(ascii: "\n")).compactMap { JSON.parse(Data($0)) }
        }
        for _ in 0..<2000 {
            if try lines().count > 8 { break }
            try await Task.sleep(for: .milliseconds(5))
        }
        engine.send(CommandRequest(EngineHarness.mask(.partial)))
        for _ in 0..<2000 {
            if try lines().contains(where: { $0["kind"]?.text == "freeze" }) { break }
            try await Task.sleep(for: .milliseconds(5))
        }

        let attached = try AttachedRun.open(
            folder, purpose: .dashboard, readsHistory: true, mailbox: EventMailbox(limit: 1 << 16))
        let seen = Task { await attached.run() }
        for _ in 0..<100 where attached.process == nil { try await Task.sleep(for: .milliseconds(10)) }
        #expect(attached.process == Int(getpid()))
        #expect(AttachedRun.isPaused(folder) == false)
        attached.send(CommandRequest(.scaleLearningRate(by: 2), id: CommandID(number: 1)))
        attached.send(CommandRequest(EngineHarness.mask(.full), id: CommandID(number: 2)))
        try await Task.sleep(for: .milliseconds(300))
        attached.send(CommandRequest(.stop))
        let end = await seen.value
        #expect(end.summary?.stopped == true, "\(end.failure ?? "")")
        _ = await outcome.value
        server.finish(within: 1)

        let events = attached.mailbox.drain()
        func numbers(_ kind: String) throws -> [Int] {
            try lines().filter { $0["kind"]?.text == kind }.compactMap { $0["step"]?.int }
        }
        let steps = events.compactMap { if case .step(let report) = $0 { report.step } else { nil } }
        let recorded = try numbers("step")
        #expect(!recorded.isEmpty && steps == recorded)
        let epochs = events.compactMap { if case .epoch(let report) = $0 { report.step } else { nil } }
        #expect(try epochs == numbers("epoch"))
        let rates = events.compactMap { if case .learningRate(let report) = $0 { report.step } else { nil } }
        #expect(try rates == numbers("learningRate") && rates.count == 2)
        let masks = events.compactMap { if case .freeze(let report) = $0 { report } else { nil } }
        // The mask that the run began with, then one for each change.
        #expect(masks.map(\.trainable.count) == [62, 17, 62])
        #expect(masks.last?.answers == CommandID(number: 2))
    }
}
