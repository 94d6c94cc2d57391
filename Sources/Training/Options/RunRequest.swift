import Foundation
import Network
import Ranks
import Support
import Images
import TrainingEvents

/// Where a run's pictures come from.
package enum TrainingData: Sendable {
    /// An ImageFolder.
    case folder(String)
    /// Pictures that the program draws itself.
    case drawn(training: DrawnImages, validation: DrawnImages)
    /// Opened before, and shared with other runs.
    case prepared(PreparedImages)

    package var description: String {
        switch self {
        case .folder(let path): path
        case .drawn: "drawn pictures"
        case .prepared(let pictures): pictures.description
        }
    }
}

/// What a run starts from.
package enum StartingWeights: Sendable, Equatable {
    /// `key`: where the weights lie in it, as `Checkpoint.open` has it.
    case file(String, key: String? = nil)
    /// torchvision's initialisation, drawn from the seed.
    case random
}

/// One run, as asked for.
package struct RunRequest: Sendable {
    package var data: TrainingData
    package var weights: StartingWeights
    package var options: RunOptions
    /// The run folder; nil keeps nothing.
    package var output: String?
    package var resume: Bool
    package var phase: String?
    /// In the dashboard: a save that fails pauses the run until there is room, instead of failing it at the end.
    package var pausesWhereSavingFails = false
    /// Writes the run's files; tests put a full disk in its place.
    package var systemWrite = AtomicFile.systemWrite
    /// Writes TensorBoard's event files into the run folder too.
    package var tensorBoard = false
    /// Called once the run folder is there and locked, with its path.
    package var folderOpened: (@Sendable (String) -> Void)?
    /// The processes that train this run together; nil for this one alone. On ranks other than 0 `output` is nil, and
    /// weights and resuming are rank 0's business.
    package var group: (any RankGroup)?

    package init(
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

extension RunDescription {
    /// What is known of a run before any file is read.
    init(_ request: RunRequest) {
        var weights: String?
        if case .file(let path, _) = request.weights { weights = (path as NSString).lastPathComponent }
        self.init(request.options, classes: 2, phase: request.phase, weights: weights, output: request.output)
    }

    init(_ options: RunOptions, classes: Int, phase: String? = nil, weights: String?, output: String?) {
        let trainable = options.initialTrainable()
        let parameters = ResNet.resnet18.parameters(classes: classes)
        self.init(
            model: "resnet18", phase: phase, parameters: parameters,
            trainable: parameters.map(\.name).filter(trainable.contains), optimizer: options.optimizer.rawValue,
            schedule: options.schedule.rawValue, learningRate: options.learningRate, batchSize: options.batchSize,
            epochs: options.epochs, imageSize: options.imageSize, augmentation: options.augmentation.rawValue,
            threads: options.threads, weights: weights, output: output)
    }
}

/// How a run ended, for exit codes and for what is printed last.
package struct RunOutcome: Sendable {
    package var summary: RunSummary?
    /// Set where the run failed.
    package var failure: String?
    /// Every change of the mask, by the step from which it held.
    package var freezes: [FreezeReport] = []
    /// Every epoch that was finished.
    package var epochs: [EpochReport] = []

    package init(
        summary: RunSummary? = nil, failure: String? = nil, freezes: [FreezeReport] = [], epochs: [EpochReport] = []
    ) {
        (self.summary, self.failure, self.freezes, self.epochs) = (summary, failure, freezes, epochs)
    }

    /// Of no run at all.
    package static let none = RunOutcome()
}
