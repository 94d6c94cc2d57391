import Support

/// The engine's own thread: jobs run there one at a time, in the order in which they were enqueued, so that hours of
/// arithmetic never occupy a thread of the cooperative pool.
final class EngineExecutor: SerialExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        var ended = false

        /// nil while there is nothing to do, `.some(nil)` at the end.
        mutating func next() -> UnownedJob?? {
            if jobs.isEmpty { return ended ? .some(nil) : nil }
            return jobs.removeFirst()
        }
    }

    private let queue = Monitor(Queue())

    init(name: String) {
        let queue = queue
        NamedThread.start(name) { [weak self] in
            while let job = queue.wait({ $0.next() }), let executor = self {
                job.runSynchronously(on: executor.asUnownedSerialExecutor())
            }
        }
    }

    deinit { queue.with { $0.ended = true } }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.with { $0.jobs.append(job) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}
