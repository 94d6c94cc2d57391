import TrainingTestSupport
import Support
import Network
import Checkpoints
import Foundation
import Synchronization
import Testing
import TrainingEvents

import Training

/// A disk that refuses what is written to it, as often and with what code a test wants.
final class FailingDisk: Sendable {
    private let code = Mutex<Int32>(0)

    init(_ code: Int32 = 0) { set(code) }

    /// 0 has room again.
    func set(_ code: Int32) { self.code.withLock { $0 = code } }

    var write: AtomicFile.SystemWrite {
        { [self] descriptor, bytes, count in
            let code = code.withLock { $0 }
            if code == 0 { return AtomicFile.systemWrite(descriptor, bytes, count) }
            errno = code
            return -1
        }
    }
}

extension EngineHarness {
    fileprivate static func madeFolder() throws -> String {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // As the system names it, without doubled slashes.
        return URL(fileURLWithPath: folder).standardizedFileURL.path
    }
}

@Suite struct SaveQueueTests {
    private static func weights(_ step: Int) -> Snapshot.File {
        (step: step, tensors: [.init(name: "w", shape: [1], data: .floats([Float(step)]))], metadata: [:])
    }

    private static func snapshot(_ step: Int, isBest: Bool) -> Snapshot {
        Snapshot(
            weights: weights(step), optimizer: [], stateMetadata: [:], best: isBest ? weights(step) : nil)
    }

    private static func value(_ folder: String, _ name: String) throws -> [Float]? {
        let path = folder + "/" + name
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try Checkpoint.open(path)["w"]?.floats()
    }

    /// The save of step 1 begins to write a file, and fails there after those of `others` were submitted.
    private static func fail(in name: String, others: [Snapshot], folder: String) throws -> [SaveReport] {
        let (began, submitted) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let hasFailed = Mutex(false)
        let reports = Mutex<[SaveReport]>([])
        let queue = SaveQueue(
            folder: folder,
            systemWrite: { descriptor, bytes, count in
                let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
                let fails = hasFailed.withLock { hasFailed in
                    guard !hasFailed, path?.contains(name) == true else { return false }
                    hasFailed = true
                    return true
                }
                guard fails else { return AtomicFile.systemWrite(descriptor, bytes, count) }
                began.signal()
                submitted.wait()
                errno = ENOSPC
                return -1
            }, report: { if case .success(let report) = $0 { reports.withLock { $0.append(report) } } })
        queue.submit(snapshot(1, isBest: true))
        began.wait()
        others.forEach(queue.submit)
        submitted.signal()
        try queue.finish()
        return reports.withLock { $0 }
    }

    @Test func `best weights whose save fails while the next one waits reach the disk with that, under their own step`()
        throws
    {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reports = try Self.fail(
            in: RunFolder.bestName, others: [Self.snapshot(2, isBest: false)], folder: folder)
        #expect(try Self.value(folder, RunFolder.bestName) == [1])
        #expect(try Self.value(folder, RunFolder.lastName) == [2])
        #expect(reports == [SaveReport(step: 2, path: folder, bestStep: 1)])
    }

    @Test func `best weights of a save that fails after them are on disk, and reported with the next`() throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reports = try Self.fail(
            in: RunFolder.stateName, others: [Self.snapshot(2, isBest: false)], folder: folder)
        #expect(try Self.value(folder, RunFolder.bestName) == [1])
        #expect(reports == [SaveReport(step: 2, path: folder, bestStep: 1)])
    }

    @Test func `at the end a save that is overtaken is given up, but not its best weights`() throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (began, ends) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let writes = Mutex(0)
        let results = Mutex<[Result<SaveReport, SaveFailure>]>([])
        let queue = SaveQueue(
            folder: folder,
            systemWrite: { descriptor, bytes, count in
                let number = writes.withLock { writes in
                    writes += 1
                    return writes
                }
                if number == 1 {
                    began.signal()
                    ends.wait()
                    // By then the queue's end is waited for.
                    usleep(200_000)
                }
                return AtomicFile.systemWrite(descriptor, bytes, count)
            }, report: { result in results.withLock { $0.append(result) } })
        queue.submit(Self.snapshot(1, isBest: true))
        began.wait()
        queue.submit(Self.snapshot(2, isBest: false))
        ends.signal()
        try queue.finish()
        #expect(
            try results.withLock { try $0.map { try $0.get() } } == [SaveReport(step: 2, path: folder, bestStep: 1)])
        #expect(try Self.value(folder, RunFolder.bestName) == [1])
        #expect(try Self.value(folder, RunFolder.lastName) == [2])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 3)
    }

    @Test func `newer best weights take the place of those that were never written`() throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reports = try Self.fail(
            in: RunFolder.bestName, others: [Self.snapshot(2, isBest: true), Self.snapshot(3, isBest: false)],
            folder: folder)
        #expect(try Self.value(folder, RunFolder.bestName) == [2])
        #expect(reports == [SaveReport(step: 3, path: folder, bestStep: 2)])
    }

    @Test func `where the weights cannot be written the state is not replaced either`() throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let refuses = Mutex(false)
        let queue = SaveQueue(
            folder: folder,
            systemWrite: { descriptor, bytes, count in
                let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
                guard refuses.withLock({ $0 }), path?.contains(RunFolder.lastName) == true else {
                    return AtomicFile.systemWrite(descriptor, bytes, count)
                }
                errno = ENOSPC
                return -1
            }, report: { _ in })
        queue.submit(Self.snapshot(1, isBest: false))
        try queue.finish()
        refuses.withLock { $0 = true }
        queue.submit(Self.snapshot(2, isBest: false))
        #expect(throws: SaveFailure.self) { try queue.finish() }
        for name in [RunFolder.lastName, RunFolder.stateName] { #expect(try Self.value(folder, name) == [1]) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 2)
    }

    @Test func `a save after a whole one reports no best weights again`() throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let reports = Mutex<[SaveReport]>([])
        let queue = SaveQueue(folder: folder) {
            if case .success(let report) = $0 { reports.withLock { $0.append(report) } }
        }
        for step in 1...2 {
            queue.submit(Self.snapshot(step, isBest: step == 1))
            try queue.finish()
        }
        #expect(reports.withLock { $0.map(\.bestStep) } == [1, nil])
    }
}

@Suite struct SaveFailureTests {
    /// Runs with a disk that refuses from the first save on, mends it at the first pause, and goes on.
    private func run(refusal: Int32) async throws -> [TrainingEvent] {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let disk = FailingDisk()
        var harness = EngineHarness()
        harness.options.epochs = 1
        harness.output = folder
        var request = harness.request
        request.pausesWhereSavingFails = true
        request.systemWrite = disk.write
        let mailbox = EventMailbox()
        let engine = TrainingEngine(request, mailbox: mailbox)
        disk.set(refusal)
        let running = Task.detached { await engine.run() }
        var events: [TrainingEvent] = []
        var isOver = false
        while !isOver {
            for event in mailbox.drain() {
                events.append(event)
                switch event {
                case .paused:
                    disk.set(0)
                    engine.send(.resume)
                case .finished, .failed: isOver = true
                default: break
                }
            }
            await Task.yield()
        }
        #expect(await running.value.failure == nil)
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + RunFolder.metricsName))
        let lines = try data.split(separator: UInt8(ascii: "\n")).map { try #require(JSON.parse(Data($0))) }
        #expect(lines.filter { $0["kind"]?.text == "step" }.compactMap { $0["step"]?.int } == Array(1...3))
        for name in [RunFolder.lastName, RunFolder.bestName, RunFolder.stateName] {
            #expect(FileManager.default.fileExists(atPath: folder + "/" + name))
        }
        return events
    }

    @Test(arguments: [
        (ENOSPC, WriteFailure.diskFull, "Free some space"), (EDQUOT, .quota, "quota"),
        (EROFS, .readOnly, "can be written"), (EFBIG, .fileTooLarge, "ulimit -f"),
    ]) func `a disk that refuses pauses the run with its reason, and nothing is lost when it is mended`(
        _ code: Int32, _ cause: WriteFailure, _ advice: String
    ) async throws {
        let events = try await run(refusal: code)
        let reasons = events.compactMap { if case .paused(_, let reason) = $0 { reason } else { nil } }
        guard case .saveFailed(let found, let message)? = reasons.first else {
            Issue.record("\(reasons)")
            return
        }
        #expect(found == cause)
        #expect(message.contains(String(cString: strerror(code))))
        #expect(message.contains(advice))
        #expect(!events.contains { if case .failed = $0 { true } else { false } })
    }

    @Test func `a pause that is asked for and a single step say so`() async {
        var harness = EngineHarness()
        harness.options.epochs = 1
        let asked = await harness.run(commands: [.pause, .resume])
        #expect(asked.events.contains(.paused(step: 0, reason: .requested)))
        let stepped = await harness.run(commands: [.stepOnce, .resume])
        #expect(stepped.events.contains(.paused(step: 0, reason: .singleStep)))
    }
}

@Suite struct MetricsLinesTests {
    private func lines(_ folder: String) throws -> [Int?] {
        try String(contentsOfFile: folder + "/" + RunFolder.metricsName, encoding: .utf8).split(separator: "\n")
            .map { JSON.parse(Data($0.utf8))?["step"]?.int }
    }

    @Test func `lines that find no room wait for it, and those beyond the limit are counted`() throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let disk = FailingDisk()
        // {"step":1} and its end are 11 bytes.
        let run = try RunFolder(folder, resume: false, mostUnwritten: 30, systemWrite: disk.write)
        func failure(_ step: Int) -> SaveFailure? {
            do throws(SaveFailure) { try run.append(.object([("step", .integer(step))])) } catch { return error }
            return nil
        }
        #expect(failure(1) == nil)
        disk.set(ENOSPC)
        #expect(failure(2)?.cause == .diskFull)
        #expect(failure(3)?.description.contains("are kept") == true)
        #expect(failure(4)?.description.contains("later ones are lost") == true)
        #expect(failure(5) != nil)
        #expect(failure(6) != nil)
        disk.set(0)
        #expect(failure(7) == nil)
        #expect(try lines(folder) == [1, 2, 3, 4, 7])
        #expect(run.takeLostLines() == 2)
        #expect(run.takeLostLines() == 0)
    }

    @Test func `metrics that were cut back are appended to without waiting, in the new file`() throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let name = folder + "/" + RunFolder.metricsName
        let run = try RunFolder(folder, resume: false)
        for step in 1...3 { try run.append(.object([("kind", .string("step")), ("step", .integer(step))])) }
        _ = try run.rewindMetrics(to: 1, epoch: 1)
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
            .filter { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == name }
        #expect(descriptors.count == 1)
        for descriptor in descriptors { #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0) }
        try run.append(.object([("step", .integer(2))]))
        #expect(try lines(folder) == [1, 2])
    }
}

@Suite struct DiskNeedTests {
    private func need(
        _ strategy: Strategy = .full, epochs: Int = 10, validates: Bool = true, features: Int = 0, existing: Int = 0
    ) -> DiskNeed {
        var options = RunOptions()
        options.strategy = strategy
        options.epochs = epochs
        return DiskNeed(
            options: options, classes: 2, trainingCount: 240, validates: validates, tensorBoard: false,
            featureBytes: features, existing: existing)
    }

    @Test func `what a run's files take is foreseen within a tenth`() async throws {
        let folder = try EngineHarness.madeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.options.strategy = .partial
        let result = await harness.run()
        #expect(result.outcome.failure == nil)
        func size(_ name: String) throws -> Int {
            try #require(
                try FileManager.default.attributesOfItem(atPath: folder + "/" + name)[.size] as? Int)
        }
        let state = try size(RunFolder.stateName)
        let files = try size(RunFolder.lastName) * 2 + size(RunFolder.bestName) + state * 2
        let need = DiskNeed(
            options: harness.options, classes: 2, trainingCount: harness.count, validates: true, tensorBoard: false,
            featureBytes: 0, existing: 0)
        #expect(abs(need.weights - files) < files / 10)
        #expect(need.lines >= (try size(RunFolder.metricsName)))
    }

    @Test func `a disk without room for the weights is refused, with the folder, what is needed and what is free`()
        throws
    {
        let need = need()
        try need.require(in: "runs/a", free: need.weights)
        do {
            try need.require(in: "runs/a", free: 60 << 20)
            Issue.record("it was taken")
        } catch {
            let message = "\(error)"
            #expect(message.contains("runs/a") && message.contains("\(need.weights >> 20) MiB"))
            #expect(message.contains("60 MiB") && message.contains("free some space"))
        }
        // Files that are replaced make room for themselves.
        try self.need(existing: need.weights).require(in: "runs/a", free: 0)
        #expect(self.need(.head).weights < need.weights && self.need(validates: false).weights < need.weights)
    }

    @Test func `lines of all epochs and cached features that may not fit are warned of`() {
        let long = need(epochs: 1_000_000)
        #expect(long.warning(in: "runs/a", free: long.weights + 1 << 20)?.contains("all epochs") == true)
        #expect(long.warning(in: "runs/a", free: long.weights + long.lines) == nil)
        let cached = need(features: 300 << 20)
        let warning = cached.warning(in: "runs/a", free: 400 << 20) ?? ""
        #expect(warning.contains("300 MiB") && warning.contains("--cache-dir"))
        #expect(need().warning(in: "runs/a", free: 400 << 20) == nil)
    }

    @Test func `what is free is read from the system`() throws {
        let disk = try #require(AvailableDisk.of(NSTemporaryDirectory()))
        #expect(disk.bytes >= 0 && disk.bytes <= disk.total)
        #expect(AvailableDisk.of("/nowhere") == nil)
    }
}
