import ArgumentParser
import Foundation
import Ranks
import Training

/// Over how many processes a command's work is shared.
struct RankArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Train data-parallel in this many processes of this machine, started by mpirun. (default: 1)",
            valueName: "number"))
    var ranks: Int?

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
