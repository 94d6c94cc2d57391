import Foundation
import Ranks
import RunSocket
import Support
import Synchronization
import Terminal
import Training
import TrainingEvents

/// A run in a process of its own, which this process has started and is attached to: this program once more, with the same
/// arguments, in a session without a terminal. A dashboard can leave it, and it goes on.
///
/// The two are joined by a pair of sockets; the starting side is the first client of the other's `RunServer`.
final class EngineProcess: Sendable {
    let mailbox: EventMailbox
    private let purpose: ClientPurpose
    private let ranks: Int

    private struct State {
        var process: pid_t = 0
        /// The process that trains: `process`, or where that is mpirun, rank 0.
        var trainer: pid_t = 0
        var run: AttachedRun?
        /// What was sent before the process was there.
        var early: [CommandRequest] = []
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// The number of the descriptor over which a started process finds the one that started it.
    private static let descriptor: Int32 = 3
    private static let variable = RankProcesses.ownerVariable

    /// - Parameter ranks: how many processes train; several are started by mpirun.
    init(purpose: ClientPurpose, ranks: Int = 1, mailbox: EventMailbox = EventMailbox()) {
        self.purpose = purpose
        self.ranks = ranks
        self.mailbox = mailbox
    }

    /// In a process that was started so: the connection to the one that started it.
    static func owner() -> Int32? {
        guard let text = RankProcesses.take(variable) else { return nil }
        if let place = RankLaunch.place {
            guard place.rank == 0, case .success(let connection) = UnixSocket.connect(to: text) else { return nil }
            return connection
        }
        guard Int32(text) == descriptor else { return nil }
        // Programs that this one starts have no use for it.
        return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 ? descriptor : nil
    }

    var processIdentifier: Int { state.withLock { Int($0.trainer) } }
    /// The run folder, once the run has named it.
    var output: String? { state.withLock { $0.run }?.output }
    var hasLeft: Bool { state.withLock { $0.run }?.hasLeft ?? false }

    func send(_ request: CommandRequest) {
        let run = state.withLock { state in
            if state.run == nil { state.early.append(request) }
            return state.run
        }
        run?.send(request)
    }

    func leave() { state.withLock { $0.run }?.leave() }

    func abort() {
        state.withLock { state in
            guard state.process > 0, !state.hasEnded else { return }
            // mpirun ends the other ranks when one has ended, and all when it is told to.
            if state.trainer > 0 { kill(state.trainer, SIGKILL) } else { kill(state.process, SIGTERM) }
        }
    }

    /// Starts the process and follows it to its end, or until `leave`.
    func run() async -> RunOutcome {
        // For what the process says before its run folder is there.
        let log = unnamedFile()
        defer { if log >= 0 { close(log) } }
        let connection: Int32
        do { connection = try ranks > 1 ? await startRanks(log: log) : startAlone(log: log) } catch {
            mailbox.post(.failed("\(error)"))
            return RunOutcome(failure: "\(error)")
        }
        let run = AttachedRun(connection, folder: nil, purpose: purpose, readsHistory: true, mailbox: mailbox)
        let early = state.withLock { state in
            state.run = run
            defer { state.early = [] }
            return state.early
        }
        early.forEach(run.send)
        var outcome = await run.run()
        if run.hasLeft { return outcome }
        let status = await Self.end(of: state.withLock { $0.process })
        state.withLock { $0.hasEnded = true }
        if outcome.summary == nil, run.endedWithoutWord {
            outcome.failure = Self.problem(status, said: log, output: ranks > 1 ? output : nil)
        }
        return outcome
    }

    // MARK: The system's side

    /// The connection to this program as one process.
    private func startAlone(log: Int32) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw Spawn.failure(errno)
        }
        defer { close(ends[1]) }
        // Not the descriptor that the child's end is moved to.
        let connection = fcntl(ends[0], F_DUPFD_CLOEXEC, Self.descriptor + 1)
        close(ends[0])
        guard connection >= 0 else { throw Spawn.failure(errno) }
        var spawn = Spawn(RankProcesses.ownPath, arguments: ArgumentBytes.all)
        spawn.output = log >= 0 ? .file(log) : .nothing
        spawn.extra = (ends[1], Self.descriptor)
        spawn.environment[Self.variable] = "\(Self.descriptor)"
        do {
            let process = try spawn.start()
            state.withLock { ($0.process, $0.trainer) = (process, process) }
        } catch {
            close(connection)
            throw error
        }
        return connection
    }

    /// The connection to rank 0 of several.
    private func startRanks(log: Int32) async throws -> Int32 {
        let meeting = try RankMeeting()
        var spawn = try RankProcesses.spawn(ranks)
        spawn.output = log >= 0 ? .file(log) : .nothing
        spawn.environment[Self.variable] = meeting.path
        // mpirun would have a pipe between the ranks and the log, which rank 0 moves into the run folder.
        if log >= 0 { spawn.environment[RankProcesses.logVariable] = "/proc/\(getpid())/fd/\(log)" }
        let process = try spawn.start()
        state.withLock { $0.process = process }
        while true {
            if let (connection, trainer) = meeting.connection(within: 0) {
                state.withLock { $0.trainer = trainer }
                return connection
            }
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process {
                state.withLock { $0.hasEnded = true }
                throw TrainingError.refused(Self.problem(status, said: log))
            }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Waits for the process, which gives its run folder back before it ends.
    private static func end(of process: pid_t) async -> Int32? {
        for _ in 0..<10_000 {
            var status: Int32 = 0
            let found = waitpid(process, &status, WNOHANG)
            if found == process { return status }
            if found < 0, errno != EINTR { return nil }
            try? await Task.sleep(for: .milliseconds(1))
        }
        return nil
    }

    /// How a process ended that has not said it itself.
    ///
    /// - Parameter output: the run folder, where the ranks of one have said something in its log.
    private static func problem(_ status: Int32?, said log: Int32, output: String? = nil) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let size = log >= 0 ? lseek(log, 0, SEEK_END) : 0
        let count = log >= 0 ? pread(log, &buffer, buffer.count, max(0, size - off_t(buffer.count))) : 0
        var said = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        if let line = output.flatMap(RunLog.lastLine) { said = line }
        let status = status ?? 0
        // A shell, and mpirun, name a signal so.
        let code = status >> 8 & 0xFF
        let signal = status & 0x7F == 0 && code > 128 ? code - 128 : status & 0x7F
        let how = signal == 0 ? "ended with code \(code)" : "was ended by signal \(signal)"
        return "the training process \(how); --resume goes on from the last save."
            + (said.isEmpty ? "" : " It said last:\n\(said)")
    }
}

/// The standard streams of a process that was started by `EngineProcess`: once the run folder is there, what was written
/// so far and all that follows goes into log.txt there.
enum RunLog {
    static let name = "log.txt"

    static func move(into folder: String) {
        let path = folder + "/" + name
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
        guard file >= 0 else { return }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var offset: off_t = 0
        while true {
            let count = pread(STDOUT_FILENO, &buffer, buffer.count, offset)
            guard count > 0 else { break }
            _ = buffer[..<count].withUnsafeBytes { writeAll($0, to: file) }
            offset += off_t(count)
        }
        for stream in [STDOUT_FILENO, STDERR_FILENO] { dup2(file, stream) }
    }

    /// The last line of the run's log.
    static func lastLine(of folder: String) -> String? {
        guard let data = FileManager.default.contents(atPath: folder + "/" + name)?.suffix(4096) else { return nil }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").last.map(String.init)
    }
}
