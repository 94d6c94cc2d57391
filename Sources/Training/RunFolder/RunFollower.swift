import Foundation
import Support
import Synchronization
import TrainingEvents

/// Watches a run folder that another process may still be writing, and posts what is in it as the run's own events.
/// It writes nothing and holds nothing open longer than a read.
package final class RunFollower: Sendable {
    private let path: String
    package let mailbox: EventMailbox
    private let isStopped = Atomic<Bool>(false)

    /// How often the files are looked at, in milliseconds.
    private static let interval = 200

    package init(_ path: String, mailbox: EventMailbox) {
        self.path = path
        self.mailbox = mailbox
    }

    /// Throws `TrainingError.output` where there is no run to show.
    package static func requireRun(_ path: String) throws { _ = try replay(of: path) }

    /// All events of the run in `path` so far, its end included where it has ended.
    ///
    /// Throws `TrainingError.output` where there is no run.
    package static func events(of path: String) throws -> [TrainingEvent] {
        var replay = try replay(of: path)
        var tail = FileTail(path: path + "/" + RunFolder.metricsName)
        var events = replay.opening
        while case let (lines, _) = tail.read(), !lines.isEmpty {
            events += lines.compactMap { JSON.parse($0).flatMap { replay.event(of: $0) } }
        }
        return events + [replay.ending].compactMap { $0 }
    }

    package func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Posts what is there, then what comes, until the run has ended or `stop` was called.
    package func run() async -> RunOutcome {
        do {
            try await follow()
            return RunOutcome()
        } catch {
            mailbox.post(.failed("\(error)"))
            return RunOutcome(failure: "\(error)")
        }
    }

    private func follow() async throws {
        var replay = try Self.replay(of: path)
        replay.opening.forEach(mailbox.post)
        var tail = FileTail(path: path + "/" + RunFolder.metricsName)
        while !isStopped.load(ordering: .relaxed) {
            // Read before the lines: when the end is in run.json, every line is in its file.
            let latest = try Self.replay(of: path)
            let (lines, isNew) = tail.read()
            if isNew {
                // The run was resumed from an earlier step: its record was cut back, so it is posted again.
                replay = latest
                replay.opening.forEach(mailbox.post)
            }
            for (number, line) in lines.enumerated() {
                if let json = JSON.parse(line), let event = replay.event(of: json) { mailbox.post(event) }
                // A record of days must not run ahead of the listener: the mailbox would drop steps.
                if number % 1000 == 999 {
                    if isStopped.load(ordering: .relaxed) { return }
                    try? await Task.sleep(for: .milliseconds(5))
                }
            }
            if let ending = latest.ending, lines.isEmpty {
                mailbox.post(ending)
                return
            }
            if lines.isEmpty { try? await Task.sleep(for: .milliseconds(Self.interval)) }
        }
    }

    private static func replay(of path: String) throws -> RunReplay {
        let record = try RunFolder.record(of: path)
        do { return try RunReplay(record, path: path) } catch {
            throw TrainingError.output(
                path: path + "/" + RunFolder.descriptionName, problem: "nothing of it can be shown: \(error)")
        }
    }
}

/// The whole lines that were added to a file since it was last read.
struct FileTail {
    let path: String
    private var offset: UInt64 = 0
    private var inode: UInt64?
    private var rest = Data()

    private static let longestLine = 64 << 20

    init(path: String) { self.path = path }

    /// `isNew`: the file was replaced or cut, and the lines begin anew.
    mutating func read() -> (lines: [Data], isNew: Bool) {
        guard let (descriptor, _) = try? RegularFile.open(path) else { return ([], false) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        defer { try? handle.close() }
        var status = stat()
        guard fstat(handle.fileDescriptor, &status) == 0 else { return ([], false) }
        let size = UInt64(max(0, status.st_size))
        var isNew = false
        if let inode, inode != UInt64(status.st_ino) || size < offset {
            offset = 0
            rest = Data()
            isNew = true
        }
        inode = UInt64(status.st_ino)
        guard size > offset, (try? handle.seek(toOffset: offset)) != nil,
            let data = try? handle.read(upToCount: Int(min(size - offset, 64 << 20))), !data.isEmpty
        else { return ([], isNew) }
        offset += UInt64(data.count)
        rest += data
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else {
            // No line of a run is that long: nothing of it is worth keeping.
            if rest.count > Self.longestLine { rest = Data() }
            return ([], isNew)
        }
        let lines = rest[..<end].split(separator: UInt8(ascii: "\n")).map { Data($0) }
        rest = Data(rest[rest.index(after: end)...])
        return (lines, isNew)
    }
}
