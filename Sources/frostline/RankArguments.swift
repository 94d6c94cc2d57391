import ArgumentParser
import Foundation
import Ranks
import Training

/// Over how many processes a command's work is shared.
struct RankArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Share the work out to this many processes of this machine, started by mpirun. (default: 1)",
            valueName: "number"))
    var ranks: Int?

    /// Has `body` called in each process that shares the work, with their group; nil where this one does it all. Where the
    /// processes are to be started, this one waits for them instead.
    func share(_ body: ((any RankGroup)?) throws -> Void) throws {
        if let ranks = try toStart() {
            let code = try RankLauncher(ranks: ranks).run()
            if code != 0 { throw ExitCode(code) }
            return
        }
        if let place = RankLaunch.place { RankProcesses.prepare(place) }
        try body(RankLaunch.group())
    }

    /// How many processes are to be started; nil where this one does the work: alone, or as a rank of a launcher.
    func toStart() throws -> Int? {
        guard let ranks else { return nil }
        try TrainingError.require((1...64).contains(ranks), "--ranks", ranks, "a whole number from 1 to 64")
        if let place = RankLaunch.place {
            try TrainingError.require(
                false, "--ranks", ranks, "nothing: this is one of \(place.count) ranks of a launcher already")
        }
        return ranks > 1 ? ranks : nil
    }
}
