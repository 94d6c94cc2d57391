import Glibc

/// One operation of MPI on its way from a caller to the MPI thread and back.
final class RankOperation: @unchecked Sendable {
    // Unchecked: `isDone` is touched under the lock of `Handover`, `request` on the MPI thread. The memory that `kind` points
    // to belongs to the operation until it is done or the group has failed; after a failure MPI is not called again.
    enum Kind {
        case sumFloats(UnsafeMutablePointer<Float>, Int32)
        case sumDoubles(UnsafeMutablePointer<Double>, Int32)
        case broadcast(UnsafeMutableRawPointer, Int32)
        case gather(UnsafeMutableRawPointer, Int32, into: UnsafeMutableRawPointer)
        case gatherVarying(
            UnsafeMutableRawPointer?, Int32, into: UnsafeMutableRawPointer, counts: UnsafeMutablePointer<Int32>,
            places: UnsafeMutablePointer<Int32>)
        case barrier
    }

    let kind: Kind
    /// Whether the caller goes on meanwhile.
    let isInBackground: Bool
    var isDone = false
    var request: UnsafeMutableRawPointer?

    init(_ kind: Kind, isInBackground: Bool = false) {
        self.kind = kind
        self.isInBackground = isInBackground
    }
}

/// Where callers and the MPI thread meet. Callers hand over operations, whose order is kept, and wait for them.
final class Handover: @unchecked Sendable {
    // Unchecked: `state` is touched under `mutex` only.
    struct State {
        var queue: [RankOperation] = []
        /// Callers that wait.
        var waiting = 0
        /// Operations in the background that are not done.
        var begun = 0
        var secondsWaited = 0.0
        var failure: RankFailure?
        /// What is called once there is one.
        var listeners: [@Sendable () -> Void] = []
        /// Whether this rank is the one to print the failure.
        var saysFailure = true
        /// What `fail` was called with, until the MPI thread takes it.
        var failMessage: String?
        var wantsEnd = false
        /// When the process was asked to end.
        var inDoubtSince: Double?
        /// MPI_Finalize has returned.
        var hasEnded = false
        /// Whether the end of the process, and what is printed before, has been taken on.
        var lastWordIsTaken = false
    }

    private var state = State()
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    /// The MPI thread waits on the first, callers on the second.
    private let work = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(work, &attributes)
        pthread_cond_init(done, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(work)
        pthread_cond_destroy(done)
        pthread_mutex_destroy(mutex)
        work.deallocate()
        done.deallocate()
        mutex.deallocate()
    }

    /// Seconds of a clock that stands still while the machine is suspended.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func wait(
        _ condition: UnsafeMutablePointer<pthread_cond_t>, _ mutex: UnsafeMutablePointer<pthread_mutex_t>,
        until limit: Double?
    ) {
        guard let limit else {
            pthread_cond_wait(condition, mutex)
            return
        }
        var time = timespec(tv_sec: Int(limit), tv_nsec: Int((limit - limit.rounded(.down)) * 1e9))
        pthread_cond_timedwait(condition, mutex, &time)
    }

    private func locked<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Reads or changes the state from a caller's thread, and wakes the MPI thread.
    func ask<Result>(_ body: (inout State) -> Result) -> Result {
        locked {
            defer { pthread_cond_signal(work) }
            return body(&$0)
        }
    }

    func read<Result>(_ body: (State) -> Result) -> Result { locked { body($0) } }

    /// Reads or changes the state from the MPI thread, and wakes the callers.
    func tell<Result>(_ body: (inout State) -> Result) -> Result {
        locked {
            defer { pthread_cond_broadcast(done) }
            return body(&$0)
        }
    }

    /// Hands over an operation where the caller goes on. After a failure it does nothing.
    func begin(_ operation: RankOperation) {
        ask { state in
            guard state.failure == nil else { return }
            state.queue.append(operation)
            state.begun += 1
        }
    }

    /// Hands over an operation and waits until it is done, or the group has failed.
    func run(_ operation: RankOperation) {
        wait(first: { $0.queue.append(operation) }, until: { _ in operation.isDone })
    }

    /// Waits until the state is as wanted, the group has failed, or `limit` has passed.
    func wait(
        first: (inout State) -> Void = { _ in }, until isMet: (State) -> Bool, limit: Double? = nil
    ) {
        let began = Self.now()
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard state.failure == nil else { return }
        first(&state)
        state.waiting += 1
        pthread_cond_signal(work)
        while !isMet(state), state.failure == nil {
            if let limit, Self.now() >= limit { break }
            Self.wait(done, mutex, until: limit)
        }
        state.waiting -= 1
        state.secondsWaited += Self.now() - began
    }

    /// What the MPI thread has to do.
    struct Work {
        let operations: [RankOperation]
        let isWaitedFor: Bool
        let failMessage: String?
        let wantsEnd: Bool
        let inDoubtSince: Double?
    }

    /// The work, for which the MPI thread waits until `limit`; nil does not wait.
    ///
    /// - Parameter isBusy: whether there are operations in progress, which a caller that begins to wait makes urgent.
    func take(until limit: Double?, isBusy: Bool) -> Work {
        locked { state in
            while let limit, state.queue.isEmpty, state.failMessage == nil, !state.wantsEnd,
                state.waiting == 0 || !isBusy, Self.now() < limit
            {
                Self.wait(work, mutex, until: limit)
            }
            let taken = Work(
                operations: state.queue, isWaitedFor: state.waiting > 0, failMessage: state.failMessage,
                wantsEnd: state.wantsEnd, inDoubtSince: state.inDoubtSince)
            if !state.queue.isEmpty { state.queue = [] }
            return taken
        }
    }

    /// Waits on the MPI thread, for callers' `ask`, until the state is as wanted; false where `limit` passed before.
    func wait(until limit: Double, isMet: (State) -> Bool) -> Bool {
        locked { state in
            while !isMet(state) {
                guard Self.now() < limit else { return false }
                Self.wait(work, mutex, until: limit)
            }
            return true
        }
    }
}
