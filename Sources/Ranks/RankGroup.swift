/// The processes that train one run together, data-parallel: each is a rank, counted from 0, and all call the same
/// operations in the same order (MPI's collective operations, MPI 3.1, chapter 5).
///
/// Where a rank is lost no operation waits for it: from then on all return at once, with values that mean nothing, and
/// `failure` says why. What follows from such values must not be kept: call `requireSound` before.
package protocol RankGroup: AnyObject, Sendable {
    /// This process's number.
    var rank: Int { get }
    /// How many there are.
    var count: Int { get }
    /// Of each rank, the name of the machine that it runs on.
    var hosts: [String] { get }

    /// Σ over the ranks, in place, in the same bits on each.
    func sum(_ values: UnsafeMutablePointer<Double>, count: Int)

    /// Begins Σ over the ranks in place, in the same bits on each. The values belong to the group until `finishSums`.
    func beginSum(_ values: UnsafeMutablePointer<Float>, count: Int)

    /// Waits for all sums that were begun.
    func finishSums()

    /// The bytes of rank 0, on every rank.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer)

    /// The bytes of every rank, which may be of different lengths, on every rank.
    func gather(_ bytes: [UInt8]) -> [[UInt8]]

    /// Why the group is of no use any more.
    var failure: RankFailure? { get }

    /// Has `body` called, on another thread, once `failure` is there; at once where it is.
    func whenFailed(_ body: @escaping @Sendable () -> Void)

    /// Tells every other rank that this one has failed. Does not wait for them.
    func fail(_ message: String)

    /// Seconds that this rank has spent waiting in operations.
    var secondsWaited: Double { get }
}

/// Why ranks cannot go on together. The text names the rank and its machine.
package struct RankFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    /// The rank that failed or was lost.
    package let rank: Int

    package init(rank: Int, _ description: String) {
        self.rank = rank
        self.description = description
    }
}

extension RankGroup {
    package var isFirst: Bool { rank == 0 }

    /// The machines, each once, in the order of their ranks.
    package var machines: [String] {
        hosts.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// How many ranks share this one's machine, itself included.
    package var ranksHere: Int { hosts.count { $0 == hosts[rank] } }

    package func requireSound() throws(RankFailure) {
        if let failure { throw failure }
    }

    package func sum(_ values: inout [Double]) {
        values.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { sum(start, count: buffer.count) }
        }
    }

    /// Text or other bytes of rank 0, of a length that only rank 0 knows; what the others pass counts for nothing.
    package func broadcast(_ bytes: [UInt8]) throws(RankFailure) -> [UInt8] {
        var length = Int64(bytes.count)
        withUnsafeMutableBytes(of: &length) { broadcast($0) }
        try requireSound()
        var result = isFirst ? bytes : [UInt8](repeating: 0, count: Int(length))
        if length > 0 { result.withUnsafeMutableBytes { broadcast($0) } }
        try requireSound()
        return result
    }

    /// Rank 0's answer to a question, on every rank.
    package func decide(_ answer: Bool) -> Bool {
        var byte: UInt8 = answer ? 1 : 0
        withUnsafeMutableBytes(of: &byte) { broadcast($0) }
        return byte != 0
    }

    /// Which of `total` things, in their order, are this rank's where each gets an equal share: the first ranks get one
    /// more where they do not come out even.
    package func share(of total: Int) -> Int { RankShares.count(total, rank: rank, of: count) }
}

extension Optional where Wrapped == any RankGroup {
    /// Whether this process says and keeps what the run does: it is alone, or rank 0.
    package var leads: Bool { self?.isFirst ?? true }

    /// The answer of the process that leads.
    package func decide(_ answer: Bool) -> Bool { self?.decide(answer) ?? answer }
}

/// How many of a number of things each rank gets.
package enum RankShares {
    package static func count(_ total: Int, rank: Int, of ranks: Int) -> Int {
        total / ranks + (rank < total % ranks ? 1 : 0)
    }
}
