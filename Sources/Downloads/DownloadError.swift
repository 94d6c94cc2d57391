/// Why a file could not be fetched. Each message names the file, what was wrong, and what to do.
package enum DownloadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// `destination` is where the file is to lie in the end.
    case unreachable(source: String, destination: String, reason: String)
    case refused(source: String, destination: String, status: Int)
    /// Cut off again and again; what has arrived is kept.
    case interrupted(source: String, destination: String, received: Int, total: Int?, reason: String)
    /// The bytes are not those that the name promises.
    case wrongContent(source: String, expected: String, found: String)
    case cannotWrite(file: String, reason: String)
    case inUse(file: String)

    package var description: String {
        switch self {
        case .unreachable(let source, let destination, let reason):
            "\(source): cannot be reached (\(reason)). Fetch it in another way and put it at \(destination), or name it "
                + "with --weights."
        case .refused(let source, let destination, let status):
            "\(source): the server answers \(status). Fetch the file in another way and put it at \(destination), or "
                + "name it with --weights."
        case .interrupted(let source, let destination, let received, let total, let reason):
            "\(source): cut off after \(received)\(total.map { " of \($0)" } ?? "") bytes (\(reason)). They are kept: run "
                + "this again to fetch the rest, or put the whole file at \(destination)."
        case .wrongContent(let source, let expected, let found):
            "\(source): what arrived has the SHA-256 \(found), its name promises \(expected)…; it was deleted. Run this "
                + "again, and do not use the file where this stays so."
        case .cannotWrite(let file, let reason):
            "\(file): cannot be written: \(reason). Free some space or choose another folder with TORCH_HOME."
        case .inUse(let file): "\(file): another process is fetching this file; wait until it is done."
        }
    }
}
