import Foundation
import Support
import Synchronization
import Testing

@Suite struct NamedThreadTests {
    /// What a thread found out about itself.
    private final class Finding: Sendable {
        let name = Mutex("")
        let blocked = Mutex<UInt64>(0)
        let isMine = Mutex(false)
        let done = DispatchSemaphore(value: 0)
    }

    private static func blocked() -> UInt64 {
        let status = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
        return line.flatMap { UInt64($0.dropFirst(7).trimmingPrefix("\t"), radix: 16) } ?? 0
    }

    private static func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

    @Test func `a thread has its name, and blocks every signal but faults; the thread that starts it keeps its mask`() {
        let finding = Finding()
        let before = Self.blocked()
        let started = NamedThread.start("a-name-that-is-too-long", stackSize: 1 << 20) {
            let name = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
            finding.name.withLock { $0 = name.trimmingCharacters(in: .newlines) }
            finding.blocked.withLock { $0 = Self.blocked() }
            finding.done.signal()
        }
        #expect(started)
        finding.done.wait()
        #expect(Self.blocked() == before)
        #expect(finding.name.withLock { $0 } == "a-name-that-is-")
        let blocked = finding.blocked.withLock { $0 }
        for signal in [
            SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGTSTP, SIGCONT, SIGWINCH, SIGPIPE, SIGXFSZ, SIGUSR1,
        ] {
            #expect(blocked & Self.bit(signal) != 0, "\(signal)")
        }
        for signal in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP] {
            #expect(blocked & Self.bit(signal) == 0, "\(signal)")
        }
    }

    @Test func `a stack that no system can give is refused, not waited for`() {
        #expect(!NamedThread.start("vast", stackSize: 1 << 56) {})
    }
}
