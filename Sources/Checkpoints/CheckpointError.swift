import Support

/// Why a file could not be used. Each message names the file, what was found, and what to do.
package enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file cannot be read or written.
    case file(FileError)
    /// The bytes are not those of any checkpoint.
    case notACheckpoint(file: String, found: String)
    /// The format is known, but the bytes contradict it (cut off, overlapping, out of range).
    case damaged(file: String, problem: String)
    /// The file asks for something that loading must not do.
    case unsafe(file: String, asks: String)
    /// Valid, but of a kind that cannot be read here.
    case unsupported(file: String, found: String, advice: String)
    /// What --checkpoint-key names is not there.
    case missingKey(file: String, key: String, others: [String])

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .notACheckpoint(let file, let found):
            "\(file): this is no checkpoint: \(found). Expected a file of torch.save (.pth) or safetensors."
        case .damaged(let file, let problem): "\(file): damaged or cut off: \(problem). Fetch or save it again."
        case .unsafe(let file, let asks):
            "\(file): refused as unsafe: it asks to load \(asks), which a state dict never needs. "
                + "Do not trust this file; if it is a whole model of your own, save model.state_dict() instead."
        case .unsupported(let file, let found, let advice): "\(file): \(found); \(advice)."
        case .missingKey(let file, let key, let others):
            "\(file): it holds no weights under '\(key)' (--checkpoint-key); "
                + (others.isEmpty
                    ? "its tensors are under no key, so leave that option out."
                    : "it has " + others.prefix(20).map { "'\($0)'" }.joined(separator: ", ") + ".")
        }
    }
}
