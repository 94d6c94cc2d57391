import Pictures
import TrainingEvents

/// Where a run's pictures come from.
public enum TrainingData: Sendable {
    /// An ImageFolder.
    case folder(String)
    /// Pictures that the program draws itself.
    case drawn(training: DrawnPictures, validation: DrawnPictures)
    /// Opened before, and shared with other runs.
    case prepared(PreparedPictures)

    public var description: String {
        switch self {
        case .folder(let path): path
        case .drawn: "drawn pictures"
        case .prepared(let pictures): pictures.description
        }
    }
}

public enum StartingWeights: Sendable, Equatable {
    case file(String)
    /// torchvision's initialisation, drawn from the seed.
    case random
}

/// One run, as asked for.
public struct RunRequest: Sendable {
    public var data: TrainingData
    public var weights: StartingWeights
    public var options: RunOptions
    /// The run folder; nil keeps nothing.
    public var output: String?
    public var resume: Bool
    public var phase: String?
    /// Where somebody watches who can make room: a save that fails pauses the run instead of being told at the end.
    public var pausesWhereSavingFails = false
    /// Writes TensorBoard's event files into the run folder too.
    public var tensorBoard = false

    public init(
        data: TrainingData, weights: StartingWeights, options: RunOptions, output: String?, resume: Bool = false,
        phase: String? = nil
    ) {
        self.data = data
        self.weights = weights
        self.options = options
        self.output = output
        self.resume = resume
        self.phase = phase
    }
}

/// How a run ended, for exit codes and for what is printed last.
public struct RunOutcome: Sendable {
    public var summary: RunSummary?
    /// Set where the run failed.
    public var failure: String?
    /// Every change of the mask, by the step from which it held.
    public var freezes: [FreezeReport]
    /// Every epoch that was finished.
    public var epochs: [EpochReport]
}
