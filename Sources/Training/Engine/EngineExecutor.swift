import Foundation
import Support

/// The engine's own thread: jobs run there one at a time, in the order in which they were enqueued, so that hours of
/// arithmetic never occupy a thread of the cooperative pool.
final class EngineExecutor: SerialExecutor {
    /// Guarded by `condition`: every access to `jobs` and `ended` holds it.
    private final class Queue: @unchecked Sendable {
        let condition = NSCondition()
        var jobs: [UnownedJob] = []
        var ended = false
    }

    private let queue = Queue()

    init(name: String) {
        let queue = queue
        NamedThread.start(name) { [weak self] in
            while true {
                queue.condition.lock()
                while queue.jobs.isEmpty && !queue.ended { queue.condition.wait() }
                if queue.jobs.isEmpty {
                    queue.condition.unlock()
                    return
                }
                let job = queue.jobs.removeFirst()
                queue.condition.unlock()
                guard let executor = self else { return }
                job.runSynchronously(on: executor.asUnownedSerialExecutor())
            }
        }
    }

    deinit {
        queue.condition.lock()
        queue.ended = true
        queue.condition.signal()
        queue.condition.unlock()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.condition.lock()
        queue.jobs.append(job)
        queue.condition.signal()
        queue.condition.unlock()
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}
