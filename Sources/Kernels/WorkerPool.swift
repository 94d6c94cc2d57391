import Support

#if canImport(Glibc)
    import Glibc
#endif

/// A few plain threads that share out numbered tasks.
///
/// `run` hands the numbers 0..<count to whichever thread is free, the calling one included, and returns when all are
/// done. Which thread takes which task is chance, so a task's result must depend on its number only. Idle threads
/// sleep on a condition variable: nothing spins.
package final class WorkerPool: Sendable {
    package let threads: Int
    private let workers = Workers()

    /// A pool of `threads` threads, of which `threads - 1` are new.
    package init(threads: Int) {
        self.threads = max(1, threads)
        for worker in 1..<max(2, self.threads) where worker < self.threads { workers.spawn(worker) }
    }

    deinit { workers.shutdown() }

    /// Calls `body(task, worker)` once for each task in 0..<count; `worker` is 0..<threads and tells scratch memory
    /// apart. Not reentrant, and to be called from one thread at a time.
    package func run(_ count: Int, _ body: @Sendable (_ task: Int, _ worker: Int) -> Void) {
        guard count > 0 else { return }
        guard threads > 1, count > 1 else {
            for task in 0..<count { body(task, 0) }
            return
        }
        // It keeps the length of the source's path for a message: a name instead of the checkout's path, so that packages are
        // the same bytes wherever they are built.
        #sourceLocation(file:"WorkerPool.run",line:35)
        withoutActuallyEscaping(body) { workers.run(count, $0) }
        #sourceLocation()
    }

    /// What the tasks of one `run` share that is not Sendable: the pointers of a kernel.
    ///
    /// Sendable because `run` returns only after they have ended, and a kernel's tasks write disjoint parts of what they point
    /// to. The compiler cannot see that; the tests under ThreadSanitizer (`make tsan`) can. This is the one place.
    struct Lent<Value>: @unchecked Sendable {
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    /// The same, handing `lent` to each task. A body can reach no other memory that it could share by mistake.
    package func run<each Lending>(
        _ count: Int, lending lent: repeat each Lending,
        body: @Sendable (_ task: Int, _ worker: Int, repeat each Lending) -> Void
    ) {
        let lent = Lent((repeat each lent))
        run(count) { task, worker in body(task, worker, repeat each lent.value) }
    }

    /// Shares out the rows of [rows, channels] in chunks of about 64 KiB. Channels are a multiple of 16.
    func parallelFor<each Lending>(
        rows: Int, channels: Int, lending lent: repeat each Lending,
        body: @Sendable (_ part: Range<Int>, repeat each Lending) -> Void
    ) {
        requireWholeVectors(channels)
        let chunk = max(1, 16384 / channels)
        let lent = Lent((repeat each lent))
        run((rows + chunk - 1) / chunk) { task, _ in
            body((task * chunk)..<min(rows, (task + 1) * chunk), repeat each lent.value)
        }
    }

    /// The state that the threads share, outliving the pool until the last of them has left.
    ///
    /// Sendable because every field below `mutex` is read and written with it held.
    private final class Workers: @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let workArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private let workDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private var body: (@Sendable (Int, Int) -> Void)?
        private var count = 0
        private var next = 0
        private var running = 0
        private var isShutDown = false

        init() {
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(workArrived, nil)
            pthread_cond_init(workDone, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            pthread_cond_destroy(workArrived)
            pthread_cond_destroy(workDone)
            mutex.deallocate()
            workArrived.deallocate()
            workDone.deallocate()
        }

        /// A thread that could not be had is no loss but of speed: the caller does its share.
        func spawn(_ worker: Int) { NamedThread.start("worker-\(worker)") { self.loop(worker) } }

        func shutdown() {
            pthread_mutex_lock(mutex)
            isShutDown = true
            pthread_cond_broadcast(workArrived)
            pthread_mutex_unlock(mutex)
        }

        func run(_ count: Int, _ body: @escaping @Sendable (Int, Int) -> Void) {
            pthread_mutex_lock(mutex)
            self.body = body
            self.count = count
            next = 0
            pthread_cond_broadcast(workArrived)
            takeTasks(0)
            while running > 0 { pthread_cond_wait(workDone, mutex) }
            self.body = nil
            pthread_mutex_unlock(mutex)
        }

        private func loop(_ worker: Int) {
            pthread_mutex_lock(mutex)
            while !isShutDown {
                if body != nil, next < count { takeTasks(worker) } else { pthread_cond_wait(workArrived, mutex) }
            }
            pthread_mutex_unlock(mutex)
        }

        /// Takes tasks until none is left; called and left with the lock held.
        private func takeTasks(_ worker: Int) {
            guard let body else { return }
            running += 1
            while next < count {
                let task = next
                next += 1
                pthread_mutex_unlock(mutex)
                body(task, worker)
                pthread_mutex_lock(mutex)
            }
            running -= 1
            if running == 0 { pthread_cond_signal(workDone) }
        }
    }
}
