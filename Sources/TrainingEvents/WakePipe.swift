import Glibc

/// A pipe that wakes a thread out of `poll`: from any thread, and from a signal handler.
package final class WakePipe: Sendable {
    /// Readable after `wake`; -1 where the system gave no pipe.
    package let reading: Int32
    /// One byte wakes the listener.
    package let writing: Int32

    package init() {
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) != 0 { ends = [-1, -1] }
        for end in ends where end >= 0 {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit { for end in [reading, writing] where end >= 0 { close(end) } }

    package func wake() {
        // A full pipe refuses the byte, which is fine: it is readable already.
        var byte: UInt8 = 1
        if writing >= 0 { _ = write(writing, &byte, 1) }
    }

    /// Takes the bytes that are there; what comes afterwards makes it readable again.
    package func clear() {
        var bytes = [UInt8](repeating: 0, count: 256)
        if reading >= 0 { while read(reading, &bytes, bytes.count) == bytes.count {} }
    }
}
