import Glibc

/// A plain thread with a name and a stack size (bytes), on which no signal is handled: signals belong to the main thread.
///
/// Only faults stay open (SIGSEGV and its like): they belong to the thread that caused them, and the handler that puts
/// the terminal back must see them.
package enum NamedThread {
    private static let faults = [SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGTRAP, SIGSYS]

    private final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new, detached thread; false where the system gives no more threads. Linux keeps 15 bytes of `name`.
    @discardableResult
    package static func start(
        _ name: String, stackSize: Int = 8 << 20, _ body: @escaping @Sendable () -> Void
    ) -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackSize)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // The thread inherits the mask, so that there is no moment at which it handles anything.
        var blocked = sigset_t()
        sigfillset(&blocked)
        for fault in faults { sigdelset(&blocked, fault) }
        var before = sigset_t()
        pthread_sigmask(SIG_SETMASK, &blocked, &before)
        let named = Start {
            setName(name)
            body()
        }
        let start = Unmanaged.passRetained(named).toOpaque()
        var thread = pthread_t()
        let status = pthread_create(
            &thread, &attributes,
            { argument in
                if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, start)
        pthread_sigmask(SIG_SETMASK, &before, nil)
        pthread_attr_destroy(&attributes)
        if status != 0 { Unmanaged<Start>.fromOpaque(start).release() }
        return status == 0
    }

    /// pthread_setname_np is not in Swift's Glibc module; it writes this file too.
    private static func setName(_ name: String) {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = Array(name.utf8.prefix(15)).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }
}
