import Foundation
import Ranks
import RunSocket
import Support
import Terminal
import Training
import TrainingEvents

/// This program as several ranks, which mpirun starts: the command line for it, and how rank 0 and the process that has
/// started mpirun find each other. mpirun closes the descriptors that it was given, so it is by a socket with a name.
enum RankProcesses {
    /// The variables that tell rank 0 of a socket: of a process that follows the run, or of one that only passes signals.
    static let ownerVariable = "FROSTLINE_ENGINE"
    static let launcherVariable = "FROSTLINE_LAUNCHER"
    /// Where rank 0 reads what is typed, though its standard input is no terminal.
    static let inputVariable = "FROSTLINE_INPUT"
    /// Where the standard streams of all ranks go.
    static let logVariable = "FROSTLINE_LOG"

    /// mpirun with this program and the same arguments, without --ranks, to be started.
    ///
    /// Throws `RankError.launcherMissing`.
    static func spawn(_ ranks: Int) throws -> Spawn {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        // Debian's name for Open MPI's, where another MPI is installed too.
        let candidates = ["mpirun.openmpi", "mpirun"].flatMap { name in
            path.split(separator: ":").map { "\($0)/\(name)" }
        }
        guard let launcher = candidates.first(where: { access($0, X_OK) == 0 }) else {
            throw RankError.launcherMissing
        }
        var command = [launcher, "-n", "\(ranks)", "--oversubscribe", "--bind-to", "none", "-q"]
        // Where the superuser trains, it is in a container as a rule; mpirun wants to be told.
        if geteuid() == 0 { command.append("--allow-run-as-root") }
        command.append(ownPath)
        return Spawn(
            launcher,
            arguments: command.map { Array($0.utf8) } + withoutRanks(Array(ArgumentBytes.all.dropFirst())))
    }

    static func withoutRanks(_ arguments: [[UInt8]]) -> [[UInt8]] {
        let (option, end) = (Array("--ranks".utf8), Array("--".utf8))
        var result: [[UInt8]] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == end { return result + [end] + rest }
            if argument == option {
                rest = rest.dropFirst()
            } else if !argument.starts(with: option + Array("=".utf8)) {
                result.append(argument)
            }
        }
        return result
    }

    static var ownPath: String {
        let path = realpath("/proc/self/exe", nil)
        defer { free(path) }
        return path.map { String(cString: $0) } ?? "/proc/self/exe"
    }

    // MARK: In a rank

    /// To be called before anything else in a process that is one of several ranks.
    static func prepare(_ place: RankLaunch.Place) {
        if let log = take(logVariable) {
            let descriptor = open(log, O_RDWR | O_APPEND | O_CLOEXEC)
            if descriptor >= 0 {
                for stream in [STDOUT_FILENO, STDERR_FILENO] { dup2(descriptor, stream) }
                close(descriptor)
            }
        }
        let launcher = take(launcherVariable)
        if place.rank > 0 { return ProcessSignals.ignoreStops() }
        guard let launcher, case .success(let descriptor) = UnixSocket.connect(to: launcher) else { return }
        // Nothing is said; where the launcher is killed, the run stops as if its terminal had gone.
        NamedThread.start("frostline-mpirun", stackSize: 256 << 10) {
            var byte: UInt8 = 0
            while true {
                let count = read(descriptor, &byte, 1)
                if count == 0 || (count < 0 && errno != EINTR) { break }
            }
            kill(getpid(), SIGTERM)
        }
    }

    /// A variable's value, which programs that this one starts do not get.
    static func take(_ variable: String) -> String? {
        guard let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty else { return nil }
        unsetenv(variable)
        return value
    }
}

/// Where rank 0 connects to the process that has started mpirun: a socket in a folder of its own.
final class RankMeeting {
    private let folder: String
    private let descriptor: Int32
    let path: String

    /// Throws `TrainingError.refused`.
    init() throws {
        let wanted = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
        // A socket's path has room for some hundred bytes.
        let parent = wanted.hasPrefix("/") && wanted.utf8.count <= 60 ? wanted : "/tmp"
        var name = Array("\(parent)/frostline-XXXXXX".utf8CString)
        // mkdtemp lets only this user in.
        guard mkdtemp(&name) != nil else {
            throw TrainingError.refused("no folder can be made in \(parent) (\(systemMessage(errno)))")
        }
        folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        path = folder + "/socket"
        switch UnixSocket.listen(at: path) {
        case .success(let listening): descriptor = listening
        case .failure(let error):
            rmdir(folder)
            throw TrainingError.refused("\(path): no socket can be made (\(error))")
        }
    }

    deinit {
        close(descriptor)
        unlink(path)
        rmdir(folder)
    }

    /// The connection, where rank 0 comes within the time (milliseconds).
    func connection(within time: Int32) -> (descriptor: Int32, process: pid_t)? {
        var source = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&source, 1, time) > 0 else { return nil }
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return nil }
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        guard let process = UnixSocket.trustedProcess(of: connection) else {
            close(connection)
            return nil
        }
        return (connection, process)
    }
}

/// Copies what mpirun prints to a stream of this process: mpirun itself would end the run where the reader of its output has
/// gone away (`| head`).
private final class ForwardedStream: Sendable {
    let writing: Int32
    private let reading: Int32
    private let target: Int32
    private let isAtEnd = Monitor(false)

    /// Throws `TrainingError.refused`.
    init(to target: Int32) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Spawn.failure(errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
        self.target = target
    }

    /// Once mpirun has the other end.
    func begin() {
        close(writing)
        let started = NamedThread.start("frostline-output", stackSize: 256 << 10) { [self] in
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = read(reading, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                _ = buffer[..<count].withUnsafeBytes { writeAll($0, to: target) }
            }
            close(reading)
            isAtEnd.with { $0 = true }
        }
        if !started { isAtEnd.with { $0 = true } }
    }

    /// Waits for the end of what comes; mpirun has ended.
    func finish() { isAtEnd.wait { $0 ? () : nil } }
}

/// Several ranks in front of the user: their output is this process's, and its signals are rank 0's.
///
/// mpirun would answer a signal by killing the ranks two seconds later, too soon for a save. So it gets a session of its own,
/// where no terminal sends it any.
struct RankLauncher {
    let ranks: Int
    /// Whether rank 0 reads commands where standard input is a terminal.
    var readsInput = false

    /// How long mpirun may outlive rank 0 before it is told to end, and then before it is killed: it waits for ever for a
    /// daemon on a machine that has vanished.
    private static let patience = (first: Duration.seconds(10), last: Duration.seconds(5))

    /// Runs to the end; the exit code.
    ///
    /// Throws `RankError` or `TrainingError.refused`.
    func run() throws -> Int32 {
        var spawn = try RankProcesses.spawn(ranks)
        var meeting: RankMeeting? = try RankMeeting()
        ProcessSignals.prepareForRun()
        let wake = WakePipe()
        ProcessSignals.install(wake: wake.writing, onScreen: false)
        let input = readsInput ? Self.forwardedInput() : nil
        let streams = try [STDOUT_FILENO, STDERR_FILENO].map { try ForwardedStream(to: $0) }
        spawn.input = input
        if input != nil { spawn.environment[RankProcesses.inputVariable] = "1" }
        spawn.environment[RankProcesses.launcherVariable] = meeting?.path
        spawn.output = .files(streams[0].writing, streams[1].writing)
        let process = try spawn.start()
        if let input { close(input) }
        streams.forEach { $0.begin() }
        // What was said last is printed before this process says anything.
        defer { streams.forEach { $0.finish() } }
        var first: (descriptor: Int32, process: pid_t)?
        var signals = 0
        var ended: ContinuousClock.Instant?
        var isLate = false
        while true {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process {
                return try Self.code(status, signals: signals, late: isLate)
            }
            if first == nil, let connection = meeting?.connection(within: 0) { (first, meeting) = (connection, nil) }
            for kind in [ProcessSignals.Kind.interrupt, .terminate, .hangUp] where ProcessSignals.take(kind) > 0 {
                signals += 1
                if let first, signals == 1 { kill(first.process, kind.number) } else { kill(process, SIGTERM) }
            }
            if let first, !PeerWatch.isThere(first.process) {
                let since = ended ?? .now
                ended = since
                let late = since.duration(to: .now) - Self.patience.first
                isLate = late > .zero
                if isLate { kill(process, late > Self.patience.last ? SIGKILL : SIGTERM) }
            }
            var source = pollfd(fd: wake.reading, events: Int16(POLLIN), revents: 0)
            _ = poll(&source, 1, first == nil ? 10 : 50)
            wake.clear()
        }
    }

    private static func code(_ status: Int32, signals: Int, late: Bool) throws -> Int32 {
        if late {
            throw TrainingError.refused(
                "mpirun had not ended \(patience.first.components.seconds) s after rank 0 and was ended; "
                    + "what rank 0 said last tells how the run ended")
        }
        guard status & 0x7F == 0 else {
            throw TrainingError.refused(
                "mpirun was ended by signal \(status & 0x7F); --resume goes on from the last save")
        }
        let code = status >> 8 & 0xFF
        return code == 0 ? 0 : code == 130 || signals > 1 ? 130 : 1
    }

    /// mpirun reads no terminal of which it is not in the foreground, so lines that are typed go through a pipe; nil where
    /// standard input is none.
    private static func forwardedInput() -> Int32? {
        var ends: [Int32] = [-1, -1]
        guard isatty(STDIN_FILENO) == 1, pipe(&ends) == 0 else { return nil }
        let (reading, writing) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        NamedThread.start("frostline-input", stackSize: 256 << 10) {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(STDIN_FILENO, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0, buffer[..<count].withUnsafeBytes({ writeAll($0, to: writing) }).error == 0 else {
                    break
                }
            }
            close(writing)
        }
        return reading
    }
}
