import Foundation
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

    private struct State {
        var process: pid_t = 0
        var run: AttachedRun?
        /// What was sent before the process was there.
        var early: [CommandRequest] = []
        var hasEnded = false
    }

    private let state = Mutex(State())

    /// The number of the descriptor over which a started process finds the one that started it.
    private static let descriptor: Int32 = 3
    private static let variable = "FROSTLINE_ENGINE"

    init(purpose: ClientPurpose, mailbox: EventMailbox = EventMailbox()) {
        self.purpose = purpose
        self.mailbox = mailbox
    }

    /// In a process that was started so: the connection to the one that started it.
    static func owner() -> Int32? {
        guard let text = ProcessInfo.processInfo.environment[variable], Int32(text) == descriptor else { return nil }
        unsetenv(variable)
        // Programs that this one starts have no use for it.
        return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 ? descriptor : nil
    }

    var processIdentifier: Int { state.withLock { Int($0.process) } }
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
        state.withLock { state in if state.process > 0, !state.hasEnded { kill(state.process, SIGKILL) } }
    }

    /// Starts the process and follows it to its end, or until `leave`.
    func run() async -> RunOutcome {
        // For what the process says before its run folder is there.
        let log = unnamedFile()
        defer { if log >= 0 { close(log) } }
        let (process, connection): (pid_t, Int32)
        do { (process, connection) = try Self.spawn(log: log) } catch {
            mailbox.post(.failed("\(error)"))
            return RunOutcome(failure: "\(error)")
        }
        let run = AttachedRun(connection, folder: nil, purpose: purpose, readsHistory: true, mailbox: mailbox)
        let early = state.withLock { state in
            (state.process, state.run) = (process, run)
            defer { state.early = [] }
            return state.early
        }
        early.forEach(run.send)
        var outcome = await run.run()
        if run.hasLeft { return outcome }
        let status = await Self.end(of: process)
        state.withLock { $0.hasEnded = true }
        if outcome.summary == nil, run.endedWithoutWord {
            outcome.failure = Self.problem(status, said: log)
        }
        return outcome
    }

    // MARK: The system's side

    private static func spawn(log: Int32) throws -> (process: pid_t, connection: Int32) {
        func failure(_ code: Int32) -> TrainingError {
            .refused("the training process could not be started (\(systemMessage(code)))")
        }
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw failure(errno)
        }
        defer { close(ends[1]) }
        // Not the descriptor that the child's end is moved to.
        let connection = fcntl(ends[0], F_DUPFD_CLOEXEC, descriptor + 1)
        close(ends[0])
        guard connection >= 0 else { throw failure(errno) }
        // What this process was given (a pipe whose end a caller waits for) must not stay open as long as the run.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            if let open = Int32(name), open > STDERR_FILENO { _ = fcntl(open, F_SETFD, FD_CLOEXEC) }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        for stream in [STDOUT_FILENO, STDERR_FILENO] {
            if log >= 0 {
                posix_spawn_file_actions_adddup2(&actions, log, stream)
            } else {
                posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0)
            }
        }
        posix_spawn_file_actions_adddup2(&actions, ends[1], descriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // As from a shell: nothing blocked, nothing ignored.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // POSIX_SPAWN_SETSID is behind _GNU_SOURCE.
        let ownSession: Int32 = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | ownSession))

        var environment = ProcessInfo.processInfo.environment
        environment[variable] = "\(descriptor)"
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for entry in variables { free(entry) } }
        var process = pid_t()
        let path = realpath("/proc/self/exe", nil)
        defer { free(path) }
        let code = posix_spawn(
            &process, path.map { String(cString: $0) } ?? "/proc/self/exe", &actions, &attributes,
            CommandLine.unsafeArgv, &variables)
        guard code == 0 else {
            close(connection)
            throw failure(code)
        }
        return (process, connection)
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
    private static func problem(_ status: Int32?, said log: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let size = log >= 0 ? lseek(log, 0, SEEK_END) : 0
        let count = log >= 0 ? pread(log, &buffer, buffer.count, max(0, size - off_t(buffer.count))) : 0
        let said = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let status = status ?? 0
        let signal = status & 0x7F
        let how = signal == 0 ? "ended with code \(status >> 8 & 0xFF)" : "was ended by signal \(signal)"
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
}
