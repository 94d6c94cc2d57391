import Foundation
import Support
import Synchronization

/// Whether a launcher (mpirun, srun) has started this process as one rank of several, and the group it then belongs to.
package enum RankLaunch {
    /// What a launcher says in the environment before MPI is started.
    package struct Place: Sendable, Equatable {
        package let rank: Int
        package let count: Int
        /// How many ranks are on this machine, where the launcher says it.
        package let countHere: Int?

        package init(rank: Int, count: Int, countHere: Int?) {
            (self.rank, self.count, self.countHere) = (rank, count, countHere)
        }
    }

    /// nil where this process is not one of several ranks.
    package static let place = place(in: ProcessInfo.processInfo.environment)

    package static func place(in environment: [String: String]) -> Place? {
        func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
        func place(_ rank: Int?, _ count: Int?, here: Int?) -> Place? {
            guard let rank, let count, count > 1, (0..<count).contains(rank) else { return nil }
            return Place(rank: rank, count: count, countHere: here.flatMap { (1...count).contains($0) ? $0 : nil })
        }
        // mpirun's variables count before srun's, which a job script's mpirun hands on.
        if let count = number("OMPI_COMM_WORLD_SIZE") {
            return place(number("OMPI_COMM_WORLD_RANK"), count, here: number("OMPI_COMM_WORLD_LOCAL_SIZE"))
        }
        return place(
            number("PMIX_RANK") ?? number("PMI_RANK"), number("SLURM_NTASKS"),
            here: number("SLURM_NTASKS_PER_NODE") ?? number("SLURM_TASKS_PER_NODE"))
    }

    private static let started = Mutex<MPIRanks?>(nil)

    /// The group of this process; nil where it is not one of several ranks. The first call starts MPI and waits for the
    /// other ranks.
    ///
    /// - Parameters:
    ///   - patience: a rank that has said nothing for so many seconds is lost.
    ///   - lastWord: called where the group has failed and this process has not called `end` soon after: it is still
    ///     computing, and a launcher is about to kill it. It says what happened; then the process ends with code 1.
    ///
    /// Throws `RankError`.
    package static func group(
        patience: Double = MPIRanks.patience, lastWord: (@Sendable (RankFailure) -> Void)? = nil
    ) throws -> (any RankGroup)? {
        guard let place else { return nil }
        return try started.withLock { group in
            if let group { return group }
            let new = try MPIRanks.start(count: place.count, patience: patience, lastWord: lastWord ?? say)
            group = new
            return new
        }
    }

    /// The group, if `group` has made it.
    package static var current: MPIRanks? { started.withLock { $0 } }

    /// The words before an error of this process: its rank and host. Empty on rank 0 and where there are no ranks.
    package static var prefix: String {
        guard let place, place.rank > 0 else { return "" }
        return "rank \(place.rank) on \(current?.hosts[place.rank] ?? ProcessInfo.processInfo.hostName): "
    }

    /// Says on standard error what has happened to the group, unless it is another rank's part.
    @Sendable private static func say(_ failure: RankFailure) {
        guard current?.saysFailure ?? true else { return }
        let text = Array("\(prefix)frostline: \(failure)\n".utf8)
        _ = text.withUnsafeBytes { writeAll($0, to: STDERR_FILENO) }
    }

    /// Before the process ends with `_exit`: takes leave of the other ranks, or tells them why this one ends.
    ///
    /// - Returns: what is to be said and makes the exit code 1; nil where all is well, or where what happened is said by
    ///   the rank that it happened to.
    package static func end(_ problem: String?) -> (code: Int32, words: String?) {
        guard let group = current else { return (problem == nil ? 0 : 1, problem) }
        guard group.claimsLastWord() else {
            // The MPI thread is saying it and ends the process.
            sleep(2)
            return (1, nil)
        }
        // Its own failure the engine has told the others already.
        if let problem, group.failure.map({ $0.rank == group.rank }) ?? true {
            group.fail(problem)
            // Rank 0 says it with this one's name.
            return (1, group.rank > 0 && group.waitForFirstRank() ? nil : problem)
        }
        if problem == nil { group.close() }
        guard let failure = group.failure else { return (0, nil) }
        let words = group.saysFailure ? problem ?? "\(failure)" : nil
        // A launcher ends all ranks soon after the first has ended with an error: the one that has something to say first.
        if !group.saysFailure { group.waitForFirstRank() }
        return (1, words)
    }
}
