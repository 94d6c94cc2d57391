import Glibc

/// Why a file could not be read or written: which one, what was expected, what was found. Each message says what to do.
package enum FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file that can be opened and read was expected; `reason` is the system's.
    case cannotOpen(file: String, reason: String)
    /// A regular file was expected; a folder, pipe, socket or device was found.
    case notRegular(file: String, isFolder: Bool)
    /// At most `limit` bytes were expected.
    case tooLong(file: String, limit: Int, found: Int)
    /// A file could not be written; what was there before is untouched. `code` is the system's error number, 0 where it did
    /// not refuse.
    case cannotWrite(file: String, reason: String, code: Int32 = 0)

    /// As the system refused it.
    package static func cannotWrite(file: String, code: Int32) -> FileError {
        .cannotWrite(file: file, reason: systemMessage(code), code: code)
    }

    package var description: String {
        switch self {
        case .cannotOpen(let file, let reason): "\(file): cannot be opened: \(reason)."
        case .notRegular(let file, let isFolder):
            "\(file): cannot be opened: \(isFolder ? "it is a folder; name a file in it" : "it is not a regular file")."
        case .tooLong(let file, let limit, let found):
            "\(file): cannot be opened: \(found) bytes is more than the limit of \(limit)."
        case .cannotWrite(let file, let reason, let code):
            "\(file): cannot be written: \(reason). \(Self.advice(code))"
        }
    }

    /// What helps against the system's refusal to write.
    package static func advice(_ code: Int32) -> String {
        switch code {
        case ENOENT: "Its folder is gone: put it back, or choose another."
        case EACCES, EPERM: "Allow writing there, or choose another folder."
        case EROFS: "Choose a folder on a file system that can be written."
        case EDQUOT: "Your disk quota is used up: delete files of yours there, or choose another disk."
        case EFBIG: "Files of this size are not allowed (ulimit -f, or the file system): raise the limit."
        default: "Free some space or choose another folder."
        }
    }
}
