import Glibc
import Support

/// The one thread of a rank that calls MPI: it begins what callers hand over, asks whether it is complete, and exchanges
/// heartbeats all the while. It never waits inside MPI, so that it notices losses whatever the others do.
///
/// Not Sendable: made and used on that thread.
final class MPIThread {
    /// What is known once the ranks have met.
    struct Meeting: Sendable {
        let rank: Int
        let watch: PeerWatch
    }

    private enum Tag: Int32 { case heartbeat = 1, failure = 2 }

    private let library: MPILibrary
    private let handover: Handover
    private let patience: Double
    private let lastWord: @Sendable (RankFailure) -> Void
    private var watch: PeerWatch
    private var active: [RankOperation] = []
    /// A message of this rank that is under way to each other one; another follows when it has gone.
    private var sends: [UnsafeMutableRawPointer?] = []
    private var receive: UnsafeMutableRawPointer?
    private let incoming = UnsafeMutableRawPointer.allocate(byteCount: MPIThread.longestMessage, alignment: 8)
    private let outgoing = UnsafeMutableRawPointer.allocate(byteCount: MPIThread.longestMessage, alignment: 8)
    /// An error that MPI has returned.
    private var problem: String?

    private static let longestMessage = 1024
    private static let beat = 0.25
    /// How often messages are looked for while operations are in progress.
    private static let look = 0.005
    /// How long a waited-for operation is asked for without a sleep: as long as small ones take.
    private static let eager = 0.001
    private static let urgentSleep = 30e-6
    private static let longestSleep = 5e-3
    /// Between two looks at sums in the background the processor belongs to the threads that compute.
    private static let backgroundSleep = 100e-6
    /// How long after a signal the launcher's end of the run is near.
    private static let doubt = 3.0
    private static let meetingLimit = 60.0

    init(
        _ library: MPILibrary, _ handover: Handover, patience: Double,
        lastWord: @escaping @Sendable (RankFailure) -> Void
    ) {
        self.library = library
        self.handover = handover
        self.patience = patience
        self.lastWord = lastWord
        watch = PeerWatch(rank: 0, identities: [], patience: patience, now: 0)
    }

    deinit {
        incoming.deallocate()
        outgoing.deallocate()
    }

    // MARK: Meeting

    /// Starts MPI and learns of the others.
    ///
    /// - Parameter expected: how many ranks the launcher says there are.
    func meet(expected: Int) throws(RankError) -> Meeting {
        var (rank, count): (Int32, Int32) = (0, 0)
        try require(library.start(&rank, &count))
        guard count > 0, (0..<count).contains(rank) else {
            throw .startFailed("it numbers this process \(rank) of \(count)")
        }
        // srun without a word about MPI starts processes that know nothing of each other.
        guard count == expected else {
            throw .startFailed(
                "it finds \(count) where the launcher has started \(expected) ranks (with srun, try --mpi=pmix)")
        }
        var text = [CChar](repeating: 0, count: 256)
        try require(library.host(&text, Int32(text.count)))
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try complete { library.separateMessages($0) }
        let size = PeerIdentity.size
        let own = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        let all = UnsafeMutableRawBufferPointer.allocate(byteCount: size * Int(count), alignment: 8)
        defer {
            own.deallocate()
            all.deallocate()
        }
        own.copyBytes(from: PeerIdentity.own(host: host).bytes)
        try complete { library.gather(own.baseAddress, Int32(size), all.baseAddress, $0) }
        let identities = (0..<Int(count)).map { PeerIdentity(bytes: Array(all[$0 * size..<($0 + 1) * size])) }
        watch = PeerWatch(rank: Int(rank), identities: identities, patience: patience, now: Handover.now())
        sends = identities.map { _ in nil }
        return Meeting(rank: Int(rank), watch: watch)
    }

    private func require(_ code: Int32) throws(RankError) {
        if code != 0 { throw .startFailed(library.text(of: code)) }
    }

    private func complete(_ begin: (MPILibrary.Request) -> Int32) throws(RankError) {
        var request: UnsafeMutableRawPointer?
        try require(begin(&request))
        guard let request else { return }
        let limit = Handover.now() + Self.meetingLimit
        while true {
            var (done, source, tag, count): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
            try require(library.test(request, &done, &source, &tag, &count))
            if done != 0 { return }
            guard Handover.now() < limit else {
                throw .startFailed("the ranks have not met within \(Int(Self.meetingLimit)) s")
            }
            pause(50e-6)
        }
    }

    // MARK: The loop

    /// Until the group ends or has failed; in that case, until the process has ended.
    func run() {
        var (nextBeat, nextLook) = (0.0, 0.0)
        var urgentSince = Handover.now()
        var isUrgent = false
        while true {
            let now = Handover.now()
            let limit: Double? =
                isUrgent ? nil : active.isEmpty ? nextBeat : min(nextBeat, now + Self.backgroundSleep)
            let work = handover.take(until: limit, isBusy: !active.isEmpty)
            work.operations.forEach(begin)
            if test() || !isUrgent { urgentSince = Handover.now() }
            isUrgent = work.isWaitedFor && !active.isEmpty
            if let message = work.failMessage {
                return conclude(RankFailure(rank: watch.rank, "\(watch.name(watch.rank)): \(message)"), isOwn: true)
            }
            if work.wantsEnd, active.isEmpty { return end() }
            let later = Handover.now()
            if later >= nextLook {
                nextLook = later + Self.look
                if let failure = listen(later) { return conclude(failure, isOwn: false, wasTold: true) }
            }
            if later >= nextBeat {
                nextBeat = later + Self.beat
                watch.heard.forEach { send(.heartbeat, [], to: $0) }
                let inDoubt = work.inDoubtSince.map { later - $0 < Self.doubt } ?? false
                if let failure = watch.loss(at: later, inDoubt: inDoubt) {
                    return conclude(failure, isOwn: false, isLate: inDoubt)
                }
            }
            if let problem { return conclude(cause(of: problem), isOwn: true) }
            if isUrgent {
                let waited = later - urgentSince
                if waited < Self.eager { sched_yield() } else { pause(Self.rest(after: waited)) }
            }
        }
    }

    /// Sums last milliseconds; what lasts longer is another rank's pause, in which nothing is urgent.
    private static func rest(after waited: Double) -> Double { min(max(urgentSleep, waited / 200), longestSleep) }

    private func pause(_ seconds: Double) {
        var time = timespec(tv_sec: 0, tv_nsec: Int(seconds * 1e9))
        nanosleep(&time, nil)
    }

    private func begin(_ operation: RankOperation) {
        guard problem == nil else { return }
        let code =
            switch operation.kind {
            case .sumFloats(let values, let count): library.sumFloats(values, count, &operation.request)
            case .sumDoubles(let values, let count): library.sumDoubles(values, count, &operation.request)
            case .broadcast(let bytes, let count): library.broadcast(bytes, count, &operation.request)
            case .gather(let bytes, let count, let all): library.gather(bytes, count, all, &operation.request)
            case .gatherVarying(let bytes, let count, let all, let counts, let places):
                library.gatherVarying(bytes, count, all, counts, places, &operation.request)
            case .barrier: library.barrier(&operation.request)
            }
        note(code)
        active.append(operation)
    }

    private func note(_ code: Int32) {
        if code != 0, problem == nil { problem = library.text(of: code) }
    }

    /// Whether the request is complete; it is gone then.
    private func isComplete(_ request: inout UnsafeMutableRawPointer?) -> Bool {
        guard let handle = request else { return true }
        var (done, source, tag, count): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        let code = library.test(handle, &done, &source, &tag, &count)
        note(code)
        if code != 0 || done != 0 { request = nil }
        return code == 0 && done != 0
    }

    /// Lets MPI work, and reports what is complete. Each look at one request is one at all, so of those in the background
    /// the oldest is enough.
    private func test() -> Bool {
        guard !active.isEmpty, problem == nil else { return false }
        var finished: [RankOperation] = []
        var isOldest = true
        active.removeAll { operation in
            guard isOldest || !operation.isInBackground, problem == nil else { return false }
            guard isComplete(&operation.request), problem == nil else {
                isOldest = false
                return false
            }
            finished.append(operation)
            return true
        }
        guard !finished.isEmpty else { return false }
        handover.tell { state in
            for operation in finished {
                operation.isDone = true
                if operation.isInBackground { state.begun -= 1 }
            }
        }
        return true
    }

    // MARK: Messages

    /// Sends a message, unless the one before has not gone: a rank that takes none must not make them pile up.
    private func send(_ tag: Tag, _ bytes: [UInt8], to rank: Int) {
        guard isComplete(&sends[rank]) else { return }
        // All messages that are under way at one time are the same: heartbeats have no bytes.
        UnsafeMutableRawBufferPointer(start: outgoing, count: Self.longestMessage).copyBytes(from: bytes)
        note(library.send(outgoing, Int32(bytes.count), Int32(rank), tag.rawValue, &sends[rank]))
    }

    /// Takes what the others have said; the failure of which they tell.
    private func listen(_ now: Double) -> RankFailure? {
        for _ in 0..<1000 where problem == nil {
            if receive == nil { note(library.receive(incoming, Int32(Self.longestMessage), &receive)) }
            guard let handle = receive else { return nil }
            var (done, source, tag, count): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
            let code = library.test(handle, &done, &source, &tag, &count)
            note(code)
            if code != 0 || done != 0 { receive = nil }
            guard code == 0, done != 0 else { return nil }
            watch.hear(Int(source), at: now)
            if Tag(rawValue: tag) == .failure {
                let bytes = UnsafeRawBufferPointer(start: incoming, count: Int(max(0, count)))
                return Self.failure(in: Array(bytes), from: Int(source))
            }
        }
        return nil
    }

    private static func bytes(of failure: RankFailure) -> [UInt8] {
        [UInt8(truncatingIfNeeded: failure.rank), UInt8(truncatingIfNeeded: failure.rank >> 8)]
            + failure.description.utf8.prefix(longestMessage - 2)
    }

    private static func failure(in bytes: [UInt8], from rank: Int) -> RankFailure {
        guard bytes.count > 2 else { return RankFailure(rank: rank, "rank \(rank) has failed") }
        return RankFailure(rank: Int(bytes[0]) | Int(bytes[1]) << 8, String(decoding: bytes[2...], as: UTF8.self))
    }

    // MARK: Ends

    /// MPI's error is most often what is seen of a rank's end.
    private func cause(of problem: String) -> RankFailure {
        for _ in 0..<4 {
            if let loss = watch.loss(at: Handover.now()) { return loss }
            pause(0.1)
        }
        return RankFailure(rank: watch.rank, "\(watch.name(watch.rank)): MPI: \(problem)")
    }

    /// Tells the others, then the callers. MPI is not called afterwards: what callers have lent it may be gone.
    private func conclude(_ failure: RankFailure, isOwn: Bool, wasTold: Bool = false, isLate: Bool = false) {
        problem = nil
        let bytes = Self.bytes(of: failure)
        let limit = Handover.now() + 0.1
        let others = watch.heard.filter { $0 != failure.rank }
        if isOwn || watch.rank == 0 {
            for rank in others {
                // Behind a heartbeat that has not gone there is no room.
                while !isComplete(&sends[rank]), Handover.now() < limit { pause(Self.urgentSleep) }
            }
            others.forEach { send(.failure, bytes, to: $0) }
            for rank in others {
                while !isComplete(&sends[rank]), Handover.now() < limit { pause(Self.urgentSleep) }
            }
        }
        let saysIt = watch.rank == 0 || isOwn || (failure.rank == 0 && !wasTold)
        let listeners = handover.tell { state in
            (state.failure, state.saysFailure, state.failMessage) = (failure, saysIt, nil)
            state.queue = []
            return state.listeners
        }
        listeners.forEach { $0() }
        // A launcher that has seen a rank end kills the others two seconds later. This one's own failure it has not seen.
        let isOver = handover.wait(until: Handover.now() + (isOwn ? 10 : isLate ? 0.2 : 0.5)) { $0.lastWordIsTaken }
        if !isOver, handover.tell(Self.takeLastWord) { lastWord(failure) } else { sleep(10) }
        _exit(1)
    }

    private static func takeLastWord(_ state: inout Handover.State) -> Bool {
        defer { state.lastWordIsTaken = true }
        return !state.lastWordIsTaken
    }

    private func end() {
        for handle in sends.compactMap({ $0 }) { library.cancel(handle) }
        if let receive { library.cancel(receive) }
        _ = library.finalize()
        handover.tell { $0.hasEnded = true }
    }
}
