import Foundation
import Support
import Training

/// Starts a program in a session of its own, with nothing of this process's but its standard streams and what is named here.
struct Spawn {
    let program: String
    /// Its name first.
    let arguments: [[UInt8]]
    var environment = ProcessInfo.processInfo.environment
    /// nil is /dev/null.
    var input: Int32?
    /// Standard output and error; nil leaves this process's.
    var output: Output?
    /// One more descriptor, and the number that the program has it under.
    var extra: (from: Int32, to: Int32)?

    enum Output {
        case file(Int32), nothing
        case files(Int32, Int32)
    }

    init(_ program: String, arguments: [[UInt8]]) {
        self.program = program
        self.arguments = arguments
    }

    static func failure(_ code: Int32) -> TrainingError {
        .refused("the training process could not be started (\(systemMessage(code)))")
    }

    /// The process.
    ///
    /// Throws `TrainingError.refused`.
    func start() throws -> pid_t {
        // What this process was given (a pipe whose end a caller waits for) must not stay open as long as the run.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            if let open = Int32(name), open > STDERR_FILENO { _ = fcntl(open, F_SETFD, FD_CLOEXEC) }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        for stream in [STDOUT_FILENO, STDERR_FILENO] {
            switch output {
            case .file(let file): posix_spawn_file_actions_adddup2(&actions, file, stream)
            case .files(let output, let error):
                posix_spawn_file_actions_adddup2(&actions, stream == STDOUT_FILENO ? output : error, stream)
            case .nothing: posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0)
            case nil: break
            }
        }
        if let extra { posix_spawn_file_actions_adddup2(&actions, extra.from, extra.to) }
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

        var words =
            arguments.map { word in
                (word + [0]).withUnsafeBufferPointer { bytes in
                    bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.flatMap { strdup($0) } }
                }
            } + [nil]
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for entry in words + variables { free(entry) } }
        var process = pid_t()
        let code = posix_spawn(&process, program, &actions, &attributes, &words, &variables)
        guard code == 0 else { throw Self.failure(code) }
        return process
    }
}
