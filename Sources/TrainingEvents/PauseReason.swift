/// What keeps a file from being written, by the kind of the system's error.
package enum WriteFailure: String, Sendable, Equatable, CaseIterable, Codable {
    case diskFull = "disk full"
    case quota = "disk quota used up"
    case readOnly = "run folder is read-only"
    case fileTooLarge = "file size limit"
    case folderMissing = "run folder is gone"
    case other = "saving failed"
}

/// Why a run is paused.
package enum PauseReason: Sendable, Equatable, Codable {
    case requested
    /// One step is run at a time.
    case singleStep
    /// The loss was not finite, and earlier weights are back.
    case lossNotFinite
    /// A file of the run could not be written. `message` names it, and says what to do.
    case saveFailed(WriteFailure, message: String)

    /// Whether the run stopped by itself.
    package var isFailure: Bool {
        switch self {
        case .requested, .singleStep: false
        case .lossNotFinite, .saveFailed: true
        }
    }

    /// What follows "paused" in a line: ": disk full"; nothing where it was simply asked for.
    package var suffix: String {
        switch self {
        case .requested: ""
        case .singleStep: ": single step"
        case .lossNotFinite: ": loss not finite"
        case .saveFailed(let failure, _): ": \(failure.rawValue)"
        }
    }
}
