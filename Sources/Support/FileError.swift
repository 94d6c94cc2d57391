#if canImport(Glibc)
    import Glibc
#endif

/// Why a file could not be read or written: which one, what was expected, what was found. Each message says what to do.
package enum FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file that can be opened and read was expected; `reason` is the system's.
    case cannotOpen(file: String, reason: String)
    /// A regular file was expected; a folder, pipe, socket or device was found.
    case notRegular(file: String, isFolder: Bool)
    /// At most `limit` bytes were expected.
    case tooLong(file: String, limit: Int, found: Int)
    /// A file could not be written; what was there before is untouched.
    case cannotWrite(file: String, reason: String)

    package var description: String {
        switch self {
        case .cannotOpen(let file, let reason): "\(file): cannot be opened: \(reason)."
        case .notRegular(let file, let isFolder):
            "\(file): cannot be opened: \(isFolder ? "it is a folder; name a file in it" : "it is not a regular file")."
        case .tooLong(let file, let limit, let found):
            "\(file): cannot be opened: \(found) bytes is more than the limit of \(limit)."
        case .cannotWrite(let file, let reason): "\(file): cannot be written: \(reason). \(Self.advice(reason))"
        }
    }

    /// What helps against what the system says.
    private static func advice(_ reason: String) -> String {
        switch reason {
        case systemMessage(ENOENT): "Its folder is gone: put it back, or choose another."
        case systemMessage(EACCES), systemMessage(EPERM): "Allow writing there, or choose another folder."
        case systemMessage(EROFS): "Choose a folder on a file system that can be written."
        default: "Free some space or choose another folder."
        }
    }
}
