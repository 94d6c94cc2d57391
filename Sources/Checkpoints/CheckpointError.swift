#if canImport(Glibc)
    import Glibc
#endif

/// Why a file could not be used. Each message names the file, what was found, and what to do.
package enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file is not there, or may not be read.
    case cannotOpen(file: String, reason: String)
    /// The bytes are not those of any checkpoint.
    case notACheckpoint(file: String, found: String)
    /// The format is known, but the bytes contradict it (cut off, overlapping, out of range).
    case damaged(file: String, problem: String)
    /// The file asks for something that loading must not do.
    case unsafe(file: String, asks: String)
    /// Valid, but of a kind that cannot be read here.
    case unsupported(file: String, found: String, advice: String)
    /// A file could not be written; what was there before is untouched. `code` is the system's, 0 where it did not refuse.
    case cannotWrite(file: String, reason: String, code: Int32 = 0)

    package var description: String {
        switch self {
        case .cannotOpen(let file, let reason): "\(file): cannot be opened: \(reason)."
        case .notACheckpoint(let file, let found):
            "\(file): this is no checkpoint: \(found). Expected a file of torch.save (.pth) or safetensors."
        case .damaged(let file, let problem): "\(file): damaged or cut off: \(problem). Fetch or save it again."
        case .unsafe(let file, let asks):
            "\(file): refused as unsafe: it asks to load \(asks), which a state dict never needs. "
                + "Do not trust this file; if it is a whole model of your own, save model.state_dict() instead."
        case .unsupported(let file, let found, let advice): "\(file): \(found); \(advice)."
        case .cannotWrite(let file, let reason, let code):
            "\(file): cannot be written: \(reason). \(Self.advice(code))"
        }
    }

    /// What helps against the system's refusal.
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
