import CNcurses
import Glibc

/// Keeps what is written to standard error off the screen and prints it afterwards, also in a crash.
package final class StandardErrorLog {
    private var log: Int32 = -1
    private var original: Int32 = -1

    /// Where no temporary file can be had, standard error stays as it is.
    package init() {
        // Redirected, it does not disturb the screen.
        guard isatty(STDERR_FILENO) == 1 else { return }
        log = unnamedFile()
        guard log >= 0 else { return }
        original = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
        guard original >= 0, dup2(log, STDERR_FILENO) >= 0 else {
            Glibc.close(log)
            log = -1
            return
        }
        frostline_crash_log(log, original)
    }

    /// Standard error is what it was again, and what was held back is printed.
    package func close() {
        guard log >= 0 else { return }
        frostline_crash_log(-1, -1)
        dup2(original, STDERR_FILENO)
        var offset: off_t = 0
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = pread(log, &buffer, buffer.count, offset)
            guard count > 0, write(STDERR_FILENO, buffer, count) == count else { break }
            offset += off_t(count)
        }
        Glibc.close(log)
        Glibc.close(original)
        log = -1
    }

    deinit { close() }
}

/// A file in the temporary folder for appending, without a name: it is gone when what has it open is, however that ends.
/// -1 where there can be none.
package func unnamedFile() -> Int32 {
    let folder = getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    // mkstemp puts its own letters in place of the X.
    var path = Array((folder + "/frostline-XXXXXX").utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else { return -1 }
    unlink(path)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_APPEND)
    return descriptor
}
