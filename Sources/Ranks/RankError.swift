/// Why this process cannot be a rank.
package enum RankError: Error, Sendable, Equatable, CustomStringConvertible {
    case libraryMissing(String)
    case builtWithoutMPI(String)
    case libraryBroken(String)
    case startFailed(String)
    case launcherMissing

    package var description: String {
        switch self {
        case .libraryMissing(let reason):
            "several ranks need \(MPILibrary.fileName) beside the program or in ../lib/frostline (\(reason)); `make build`"
                + " makes it."
        case .builtWithoutMPI(let path):
            "\(path) was built without MPI; install libopenmpi-dev and build again, or train without --ranks."
        case .libraryBroken(let reason): "\(reason); build the program and \(MPILibrary.fileName) anew, together."
        case .startFailed(let reason): "MPI could not be started: \(reason)."
        case .launcherMissing: "--ranks needs mpirun, which is not in PATH; install openmpi-bin."
        }
    }
}
