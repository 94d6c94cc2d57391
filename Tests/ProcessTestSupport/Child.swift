import CProcessTestSupport
import Foundation
import Synchronization

/// A program that a test starts. It inherits its standard streams alone, and its end is read with waitid(2).
///
/// Foundation's Process instead takes a program to have ended when a socket that it inherited is closed. A program that
/// another thread starts at that moment can inherit the socket too, and then the end is not seen before both have ended.
package final class Child: Sendable {
    package let processIdentifier: pid_t
    /// What waitpid(2) gave; nil while it was not asked, or the program runs.
    private let status = Mutex<Int32?>(nil)

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Starts a program in a process group of its own; a stream that is not given is /dev/null.
    ///
    /// Throws `Failure` where it cannot be started.
    package init(
        _ program: String, _ arguments: [String], folder: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment, input: FileHandle? = nil,
        output: FileHandle? = nil, error: FileHandle? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (stream, file) in [(STDIN_FILENO, input), (STDOUT_FILENO, output), (STDERR_FILENO, error)] {
            if let file {
                posix_spawn_file_actions_adddup2(&actions, file.fileDescriptor, stream)
            } else {
                posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0)
            }
        }
        _ = spawn_close_from(&actions, STDERR_FILENO + 1)
        if let folder { _ = spawn_change_folder(&actions, folder) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for entry in words + variables { free(entry) } }
        var process = pid_t()
        let code = posix_spawn(&process, program, &actions, &attributes, &words, &variables)
        guard code == 0 else {
            throw Failure(description: "\(program) could not be started (\(String(cString: strerror(code))))")
        }
        processIdentifier = process
    }

    package var isRunning: Bool {
        status.withLock { status in
            var ended: Int32 = 0
            if status == nil, waitpid(processIdentifier, &ended, WNOHANG) == processIdentifier { status = ended }
            return status == nil
        }
    }

    package func terminate() { kill(processIdentifier, SIGTERM) }

    package func waitUntilExit() {
        // Left as it is for `isRunning`, which another thread may be asking.
        var information = siginfo_t()
        while isRunning { _ = waitid(P_PID, id_t(processIdentifier), &information, WEXITED | WNOWAIT) }
    }

    /// The exit code or minus the signal that ended it; waits until it has ended.
    package var code: Int32 {
        waitUntilExit()
        let status = status.withLock { $0 ?? 0 }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
    }
}
