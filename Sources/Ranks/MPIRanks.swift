import Glibc
import Support

/// The ranks of an MPI job: this process is one of them.
package final class MPIRanks: RankGroup {
    package let rank: Int
    package let hosts: [String]
    private let handover: Handover
    private let watch: PeerWatch

    package var count: Int { hosts.count }

    /// A rank that has said nothing for so many seconds is lost.
    package static let patience = 20.0
    /// MPI_Finalize waits for all ranks, in ways of its own.
    private static let endLimit = 10.0
    /// Up to so many ranks, numbers are sent to all rather than summed on the way.
    private static let fewRanks = 8
    /// MPI counts with 32 bits.
    private static let mostAtOnce = 1 << 28

    private init(_ meeting: MPIThread.Meeting, _ handover: Handover) {
        rank = meeting.rank
        hosts = meeting.watch.hosts
        watch = meeting.watch
        self.handover = handover
    }

    /// Starts MPI on a thread of its own and waits for the other ranks.
    ///
    /// - Parameters:
    ///   - count: how many ranks the launcher says there are.
    ///   - lastWord: see `RankLaunch.group`.
    ///
    /// Throws `RankError`.
    static func start(
        count: Int, patience: Double, lastWord: @escaping @Sendable (RankFailure) -> Void
    ) throws(RankError) -> MPIRanks {
        let library = try MPILibrary.open()
        let handover = Handover()
        let answer = Monitor<Result<MPIThread.Meeting, RankError>?>(nil)
        let started = NamedThread.start("frostline-mpi") {
            let thread = MPIThread(library, handover, patience: patience, lastWord: lastWord)
            do throws(RankError) {
                let meeting = try thread.meet(expected: count)
                answer.with { $0 = .success(meeting) }
            } catch {
                answer.with { $0 = .failure(error) }
                return
            }
            thread.run()
        }
        guard started else { throw .startFailed("the system gives no more threads") }
        return MPIRanks(try answer.wait { $0 }.get(), handover)
    }

    // MARK: Operations

    package func sum(_ values: UnsafeMutablePointer<Double>, count: Int) {
        if self.count <= Self.fewRanks { return sumAtOnce(values, count) }
        pieces(of: count) { handover.run(RankOperation(.sumDoubles(values + $0, $1))) }
    }

    /// Each rank sends its numbers to every other one, and adds them up itself: one message after which nothing waits for
    /// another, where a sum by MPI takes two or more.
    private func sumAtOnce(_ values: UnsafeMutablePointer<Double>, _ count: Int) {
        let bytes = count * MemoryLayout<Double>.stride
        let all = UnsafeMutablePointer<Double>.allocate(capacity: count * self.count)
        defer { all.deallocate() }
        handover.run(RankOperation(.gather(values, Int32(bytes), into: all)))
        guard failure == nil else { return }
        for place in 0..<count {
            var sum = all[place]
            for rank in 1..<self.count { sum += all[rank * count + place] }
            values[place] = sum
        }
    }

    package func beginSum(_ values: UnsafeMutablePointer<Float>, count: Int) {
        pieces(of: count) { handover.begin(RankOperation(.sumFloats(values + $0, $1), isInBackground: true)) }
    }

    package func finishSums() { handover.wait(until: { $0.begun == 0 }) }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        pieces(of: bytes.count) { handover.run(RankOperation(.broadcast(start + $0, $1))) }
    }

    package func gather(_ bytes: [UInt8]) -> [[UInt8]] {
        let nothing = [[UInt8]](repeating: [], count: count)
        var length = Int64(bytes.count)
        var lengths = [Int64](repeating: 0, count: count)
        withUnsafeMutableBytes(of: &length) { length in
            lengths.withUnsafeMutableBytes { lengths in
                guard let from = length.baseAddress, let into = lengths.baseAddress else { return }
                handover.run(RankOperation(.gather(from, Int32(length.count), into: into)))
            }
        }
        guard failure == nil else { return nothing }
        let total = lengths.reduce(0, +)
        guard total <= Int64(Int32.max) else {
            fail("\(total) bytes of all ranks are more than can be gathered at once")
            return nothing
        }
        guard total > 0 else { return nothing }
        var counts = lengths.map { Int32($0) }
        var places = counts.indices.map { counts[..<$0].reduce(0, +) }
        var (own, all) = (bytes, [UInt8](repeating: 0, count: Int(total)))
        own.withUnsafeMutableBytes { own in
            all.withUnsafeMutableBytes { all in
                counts.withUnsafeMutableBufferPointer { counts in
                    places.withUnsafeMutableBufferPointer { places in
                        guard let into = all.baseAddress, let counts = counts.baseAddress,
                            let places = places.baseAddress
                        else { return }
                        handover.run(
                            RankOperation(
                                .gatherVarying(
                                    own.baseAddress, Int32(own.count), into: into, counts: counts, places: places)))
                    }
                }
            }
        }
        guard failure == nil else { return nothing }
        return zip(places, counts).map { Array(all[Int($0)..<Int($0 + $1)]) }
    }

    private func pieces(of count: Int, _ body: (_ place: Int, _ count: Int32) -> Void) {
        for place in stride(from: 0, to: count, by: Self.mostAtOnce) {
            body(place, Int32(min(Self.mostAtOnce, count - place)))
        }
    }

    package var secondsWaited: Double { handover.read { $0.secondsWaited } }

    // MARK: Failures and the end

    package var failure: RankFailure? { handover.read { $0.failure } }

    package func whenFailed(_ body: @escaping @Sendable () -> Void) {
        let isFailed = handover.ask { state in
            if state.failure == nil { state.listeners.append(body) }
            return state.failure != nil
        }
        if isFailed { body() }
    }

    package func fail(_ message: String) {
        let isNew = handover.ask { state in
            guard state.failure == nil, !state.hasEnded else { return false }
            if state.failMessage == nil { state.failMessage = message }
            return true
        }
        // The MPI thread sends it at once, and waits for no other rank.
        if isNew { handover.wait(until: { _ in false }, limit: Handover.now() + 1) }
        let own = RankFailure(rank: rank, "rank \(rank) on \(hosts[rank]): \(message)")
        handover.tell { state in
            if state.failure == nil, !state.hasEnded { state.failure = own }
        }
    }

    /// The process was asked to end by SIGTERM: a launcher does that one second after a rank has ended, and kills all one
    /// second later. For a moment silence counts as a loss much sooner.
    package func doubt() { handover.ask { $0.inDoubtSince = Handover.now() } }

    /// Whether this rank is to print the failure: other ranks do it for what has happened to them.
    package var saysFailure: Bool { handover.read { $0.saysFailure } }

    /// Takes it on to print the failure and end the process; false where the MPI thread has.
    func claimsLastWord() -> Bool {
        handover.ask { state in
            defer { state.lastWordIsTaken = true }
            return !state.lastWordIsTaken
        }
    }

    /// Waits until rank 0 has ended, for as long as it may take it to print a failure; false where it has not, or is on
    /// another machine.
    @discardableResult
    func waitForFirstRank() -> Bool {
        for _ in 0..<300 {
            if !watch.firstRankIsHere { return watch.identities[0].machine == watch.identities[rank].machine }
            usleep(10_000)
        }
        return false
    }

    /// Takes leave: waits until every rank has called this, and ends MPI. After a failure it does nothing.
    package func close() {
        handover.run(RankOperation(.barrier))
        handover.wait(
            first: { $0.wantsEnd = true }, until: { $0.hasEnded }, limit: Handover.now() + Self.endLimit)
    }
}
