import Foundation
import Model
import Network
import Support
import Synchronization
import Testing
import Training
import TrainingEvents
import TrainingTestSupport

/// What a run folder tells of its run: run.json, the lock, the last save and the end of metrics.jsonl.
@Suite struct RunStatusTests {
    private func harness(epochs: Int = 2) -> (EngineHarness, String) {
        let folder = EngineHarness.temporaryFolder()
        var harness = EngineHarness()
        harness.options.epochs = epochs
        harness.output = folder
        return (harness, folder)
    }

    /// As it is where the process was killed before the end.
    private func removeEnd(_ folder: String) throws {
        let name = folder + "/" + RunFolder.descriptionName
        guard case .object(let pairs)? = JSON.parse(try Data(contentsOf: URL(fileURLWithPath: name))) else {
            throw TrainingError.refused("run.json is no object")
        }
        let rest = JSON.object(pairs.filter { !["result", "ended"].contains($0.0) })
        try Data(rest.pretty.utf8).write(to: URL(fileURLWithPath: name))
    }

    private func append(_ lines: String, to folder: String) throws {
        let file = try #require(FileHandle(forWritingAtPath: folder + "/" + RunFolder.metricsName))
        try file.seekToEnd()
        try file.write(contentsOf: Data(lines.utf8))
        try file.close()
    }

    private func best(_ epochs: [EpochReport]) -> RunStatus.Best? {
        epochs.last { $0.isBest }.flatMap { epoch in
            epoch.validation.map { RunStatus.Best(epoch: epoch.epoch, score: $0) }
        }
    }

    /// Foundation reads decimals to within a last digit.
    private func close(_ a: RunStatus.Best?, _ b: RunStatus.Best?) -> Bool {
        guard let a, let b else { return a == b }
        return a.epoch == b.epoch && a.score.accuracy == b.score.accuracy && abs(a.score.loss - b.score.loss) < 1e-12
    }

    // MARK: How it ended

    @Test func `a finished run tells what its result says, and nothing in its folder changes`() async throws {
        let (harness, folder) = harness(epochs: 3)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let before = Timestamp.now
        let result = await harness.run(commands: [EngineHarness.mask(.partial)])
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        let status = RunStatus(of: folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == files)
        #expect(status.state == .finished && status.process == nil && status.failure == nil)
        #expect(status.epoch == 3 && status.epochs == 3 && status.step == 9)
        #expect(close(status.best, best(result.outcome.epochs)) && status.best != nil)
        let speed = try #require(result.steps.last?.imagesPerSecond)
        #expect(abs((status.imagesPerSecond ?? 0) - speed) < 1e-9 * speed)
        #expect(status.strategy == "partial" && status.data == "drawn pictures")
        let (started, ended) = (try #require(status.started), try #require(status.ended))
        #expect(before.seconds <= started.seconds && started.seconds <= ended.seconds)
        #expect(ended.seconds <= Timestamp.now.seconds)
    }

    @Test func `a run that was stopped says so, and how far it is`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        harness.options.stepLimit = 2
        _ = await harness.run(commands: [.setFrozen(["layer4.0.conv1.weight"], false)])
        let status = RunStatus(of: folder)
        #expect(status.state == .stopped && status.ended != nil)
        #expect(status.epoch == 0 && status.epochs == 2 && status.step == 2 && status.best == nil)
        #expect(status.strategy == "custom")
    }

    @Test func `a run that fails says why until it is resumed, and is never seen without a process and an end`()
        async throws
    {
        let (original, folder) = harness()
        var harness = original
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let states = Mutex<Set<RunStatus.State>>([])
        let isOver = Atomic<Bool>(false)
        let glances = Task.detached {
            repeat {
                let state = RunStatus(of: folder).state
                states.withLock { _ = $0.insert(state) }
            } while !isOver.load(ordering: .acquiring)
        }
        let engine = TrainingEngine(
            harness.request, mailbox: EventMailbox(),
            afterStep: { model, step in
                if step == 2 { model.parameter("bn1.weight")?.values.pointer[0] = 7 }
            })
        let outcome = await engine.run()
        isOver.store(true, ordering: .releasing)
        await glances.value
        let failure = try #require(outcome.failure)
        #expect(failure.contains("Frostline: bn1.weight"))
        // Unreadable is the folder in which run.json is not yet.
        #expect(states.withLock { $0 }.isSubset(of: [.unreadable, .running, .failed]))
        let status = RunStatus(of: folder)
        #expect(status.state == .failed && status.failure == failure)
        #expect(status.started != nil && status.ended != nil && status.step == 3)

        harness.resume = true
        let resumed = Mutex<(record: RunRecord?, status: RunStatus?)>((nil, nil))
        let second = TrainingEngine(
            harness.request, mailbox: EventMailbox(),
            afterStep: { _, step in
                guard step == 1 else { return }
                let record = try? RunFolder.record(of: folder)
                resumed.withLock { $0 = (record, RunStatus(of: folder)) }
            })
        #expect(await second.run().failure == nil)
        let (record, running) = resumed.withLock { $0 }
        #expect(record != nil && record?.failure == nil && record?.ended == nil && record?.started != nil)
        #expect(running?.state == .running && running?.process == Int(getpid()))
        let end = RunStatus(of: folder)
        #expect(end.state == .finished && end.failure == nil && end.ended != nil)
    }

    @Test func `a run json that cannot be written does not hide why the run failed`() async throws {
        let (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let mailbox = EventMailbox()
        let name = folder + "/" + RunFolder.descriptionName
        let engine = TrainingEngine(
            harness.request, mailbox: mailbox,
            afterStep: { model, step in
                guard step == 2 else { return }
                model.parameter("bn1.weight")?.values.pointer[0] = 7
                // A folder in the way of a file is what every user meets alike, root too.
                unlink(name)
                try? FileManager.default.createDirectory(atPath: name + "/x", withIntermediateDirectories: true)
            })
        #expect(await engine.run().failure?.contains("Frostline: bn1.weight") == true)
        let events = mailbox.drain()
        #expect(events.contains { if case .warning(let text) = $0 { text.contains(name) } else { false } })
        guard case .failed(let message)? = events.last else {
            Issue.record("the last event is not the failure")
            return
        }
        #expect(message.contains("bn1.weight"))
        // The folder is given back all the same.
        _ = try RunFolder(folder, resume: true)
        #expect(RunStatus(of: folder).state == .unreadable)
    }

    @Test func `what is refused before the first step leaves run json as it was`() async throws {
        var (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = await harness.run()
        let name = URL(fileURLWithPath: folder + "/" + RunFolder.descriptionName)
        let before = try Data(contentsOf: name)
        harness.resume = true
        harness.count = 32
        #expect(await harness.run().outcome.failure?.contains("not the pictures") == true)
        #expect(try Data(contentsOf: name) == before)
        #expect(RunStatus(of: folder).state == .finished)
    }

    // MARK: Without an end

    @Test func `an interrupted run has the best epoch of its last save and of the lines after it`() async throws {
        let (harness, folder) = harness(epochs: 4)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let result = await harness.run()
        try removeEnd(folder)
        let saved = RunStatus(of: folder)
        #expect(saved.state == .interrupted && saved.process == nil && saved.ended == nil && saved.started != nil)
        #expect(saved.epoch == 4 && saved.epochs == 4 && saved.step == 12 && saved.strategy == "head")
        #expect(close(saved.best, best(result.outcome.epochs)) && saved.best != nil)
        // The same from metrics.jsonl alone, where there is no save.
        let state = folder + "/" + RunFolder.stateName
        try FileManager.default.moveItem(atPath: state, toPath: state + "-away")
        let unsaved = RunStatus(of: folder)
        #expect(close(unsaved.best, saved.best) && unsaved.epoch == 4 && unsaved.strategy == "head")
        try FileManager.default.moveItem(atPath: state + "-away", toPath: state)
        // What came after the save; of two that are as good the first is the best.
        func epoch(_ number: Int, _ accuracy: Int, _ loss: Double) -> String {
            #"{"kind":"epoch","epoch":\#(number),"step":\#(number * 3),"training":{"loss":1,"accuracy":1},"#
                + #""validation":{"loss":\#(loss),"accuracy":\#(accuracy)},"seconds":1}"# + "\n"
        }
        try append(
            #"{"kind":"step","step":13,"epoch":5,"loss":1,"accuracy":1,"learningRate":1,"milliseconds":4}"# + "\n"
                + epoch(5, 2, 0.5) + epoch(6, 2, 0.5) + epoch(7, 0, 0.1)
                + #"{"kind":"freeze","step":14,"trainable":\#(JSON.array(ResNet.resnet18.parameterNames.map(JSON.string)).line)}"#
                + "\n" + #"{"kind":"step","step":14,"epoch":8,"loss":1,"accuracy":1,"learningRate":1,"milliseconds":2}"#
                + "\n" + #"{"kind":"step","step":15,"#, to: folder)
        let later = RunStatus(of: folder)
        #expect(later.best == RunStatus.Best(epoch: 5, score: Score(loss: 0.5, accuracy: 2)))
        #expect(later.epoch == 7 && later.step == 14 && later.strategy == "full")
        #expect(later.imagesPerSecond == 4000)
    }

    @Test func `of a metrics file larger than any memory only the end is read`() throws {
        let folder = EngineHarness.temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let description = #"{"options":{"epochs":9,"batchSize":8},"trainingPictures":24}"#
        try Data(description.utf8).write(to: URL(fileURLWithPath: folder + "/" + RunFolder.descriptionName))
        let name = folder + "/" + RunFolder.metricsName
        _ = FileManager.default.createFile(atPath: name, contents: nil)
        #expect(truncate(name, 1 << 42) == 0)
        try append(
            "\n" + #"{"kind":"epoch","epoch":2,"step":6,"validation":{"loss":1,"accuracy":0.5}}"# + "\n"
                + #"{"kind":"step","step":7,"milliseconds":4}"# + "\n", to: folder)
        let status = RunStatus(of: folder)
        #expect(status.state == .interrupted && status.epoch == 2 && status.step == 7 && status.started == nil)
        #expect(status.best == RunStatus.Best(epoch: 2, score: Score(loss: 1, accuracy: 0.5)))
        #expect(status.imagesPerSecond == 2000)
    }

    // MARK: The lock

    @Test func `a run whose folder a process holds is running, with its number, whatever run json says`() async throws {
        let (harness, folder) = harness()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = await harness.run()
        var open: RunFolder? = try RunFolder(folder, resume: true)
        let running = RunStatus(of: folder)
        #expect(running.state == .running && running.process == Int(getpid()) && running.ended == nil)
        let name = URL(fileURLWithPath: folder + "/" + RunFolder.descriptionName)
        let description = try Data(contentsOf: name)
        try Data("{".utf8).write(to: name)
        let broken = RunStatus(of: folder)
        #expect(broken.state == .unreadable && broken.process == Int(getpid()))
        try description.write(to: name)
        try #require(open != nil)
        open = nil
        #expect(RunStatus(of: folder).state == .finished && RunStatus(of: folder).process == nil)
        // The lock of a killed process is only a file.
        try Data("999999\n".utf8).write(to: URL(fileURLWithPath: folder + "/lock"))
        #expect(RunStatus(of: folder).state == .finished && RunStatus(of: folder).process == nil)
    }

    @Test func `a glance at the lock makes no opener fail, a process at work does`() throws {
        let folder = EngineHarness.temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let lock = folder + "/lock"
        _ = FileManager.default.createFile(atPath: lock, contents: nil)
        let glance = Foundation.open(lock, O_RDONLY | O_CLOEXEC)
        #expect(glance >= 0 && flock(glance, LOCK_SH | LOCK_NB) == 0)
        #expect(throws: TrainingError.self) { _ = try RunFolder(folder, resume: false) }
        let began = ContinuousClock.now
        #expect(
            NamedThread.start("glance") {
                usleep(60_000)
                Foundation.close(glance)
            })
        _ = try RunFolder(folder, resume: false)
        #expect(began.duration(to: .now) > .milliseconds(50))
    }

    @Test(arguments: HostileRunFolderTests.replacements) func `a lock that is no file is no process`(
        _ odd: (name: String, put: @Sendable (String) -> Void)
    ) throws {
        let folder = EngineHarness.temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(#"{"options":{}}"#.utf8).write(to: URL(fileURLWithPath: folder + "/" + RunFolder.descriptionName))
        odd.put(folder + "/lock")
        #expect(RunStatus(of: folder).state == .interrupted)
    }

    // MARK: Many

    @Test func `runs are found four levels deep, not behind links and not in each other`() throws {
        let root = EngineHarness.temporaryFolder()
        let manager = FileManager.default
        defer { try? manager.removeItem(atPath: root) }
        for path in ["a", "b/c", "b/c2/d/e", "b/c2/d/e2/f", "a/inner", "z-2", "elsewhere/run"] {
            try manager.createDirectory(atPath: "\(root)/in/\(path)", withIntermediateDirectories: true)
            _ = manager.createFile(atPath: "\(root)/in/\(path)/\(RunFolder.descriptionName)", contents: nil)
        }
        try manager.createDirectory(atPath: root + "/in/empty", withIntermediateDirectories: true)
        try manager.moveItem(atPath: root + "/in/elsewhere", toPath: root + "/elsewhere")
        symlink(root + "/elsewhere", root + "/in/link")
        symlink(root + "/in", root + "/in/loop")
        mkfifo(root + "/in/pipe", 0o600)
        let found = ["a", "b/c", "b/c2/d/e", "z-2"]
        #expect(try RunSearch.runs(below: root + "/in") == found.map { "\(root)/in/\($0)" })
        #expect(try RunSearch.runs(below: root + "/in//") == found.map { "\(root)/in/\($0)" })
        #expect(try RunSearch.runs(below: root + "/in/a") == [root + "/in/a"])
        #expect(try RunSearch.runs(below: root + "/in/empty").isEmpty)
        // One that is named may be a link.
        #expect(try RunSearch.runs(below: root + "/in/link") == [root + "/in/link/run"])
        for (path, reason) in [("nowhere", "no such folder"), ("in/a/run.json", "no folder"), ("in/pipe", "no folder")]
        {
            do {
                _ = try RunSearch.runs(below: "\(root)/\(path)")
                Issue.record("\(path) was read")
            } catch {
                #expect("\(error)".contains("\(root)/\(path): ") && "\(error)".contains(reason))
            }
        }
    }
}
