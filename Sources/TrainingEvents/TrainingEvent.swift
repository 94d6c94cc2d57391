import Network

/// Everything that leaves the engine, in the order in which it happened.
package enum TrainingEvent: Sendable, Equatable, Codable {
    /// A run begins (once per run; the demonstration has several). Sent before any file is read.
    case opened(RunDescription)
    /// Work before the first step, or between steps: reading weights, reading pictures, filling the cache, validating.
    case progress(WorkProgress)
    /// The pictures are known.
    case dataset(DatasetDescription)
    case step(StepReport)
    case epoch(EpochReport)
    /// The freeze mask that holds from `step` on. Sent before the first step, and as the answer to every freeze command,
    /// also to one that changed nothing.
    case freeze(FreezeReport)
    /// A command could not be carried out; nothing changed. `reason` is one sentence, without a capital and a full stop;
    /// `answers` is nil where the command had no id.
    case refused(reason: String, answers: CommandID?)
    case cache(CacheStatus)
    /// The hashes of the frozen tensors were compared with those taken when they froze.
    case proof(FreezeProof)
    case paused(step: Int, reason: PauseReason = .requested)
    case resumed(step: Int)
    case saved(SaveReport)
    /// The learning rate is the schedule's times a factor, from a step on.
    case learningRate(LearningRateReport)
    /// A validation that was asked for, in the middle of an epoch.
    case validation(ValidationReport)
    /// The answer to `probe`, and what `--probe-every` finds.
    case probe(ProbeReport)
    /// What auto decided about the mask; the `freeze` comes before it.
    case decision(AutoDecision)
    /// What a validation got wrong; sent while the run is watched, after short validations not every time.
    case mistakes(MistakesReport)
    /// The loss was not finite: earlier weights are back, and the run is paused.
    case notFinite(NotFiniteReport)
    /// What each layer takes on this machine.
    case costs(StepCosts)
    /// The answer to `inspect`.
    case inspection(ParameterInspection)
    /// A command has come in, from a dashboard or a script; its answer is still to come.
    case asked(CommandRequest, by: Requester)
    /// The processes that train the run together, where there are several.
    case ranks(RanksReport)
    /// The dashboards that are attached to the run.
    case dashboards([Requester])
    /// The demonstration goes on; no other run sends it.
    case story(StoryReport)
    /// What may need attention, in one sentence; the run goes on.
    case warning(String)
    /// What was decided (what was found in a checkpoint, which head is used).
    case notice(String)
    case finished(RunSummary)
    /// The run could not go on; the message names the file or option, what was wrong and what to do.
    case failed(String)

    /// The event with other numbers for the clients that it names: for another process, whose clients have other numbers.
    package func numberingClients(_ number: (Int) -> Int) -> TrainingEvent {
        func renumbered(_ id: CommandID?) -> CommandID? {
            id.map { CommandID(client: number($0.client), number: $0.number) }
        }
        func renumbered(_ requester: Requester) -> Requester {
            Requester(client: number(requester.client), user: requester.user, terminal: requester.terminal)
        }
        switch self {
        case .freeze(var report):
            report.answers = renumbered(report.answers)
            return .freeze(report)
        case .probe(var report):
            report.answers = renumbered(report.answers)
            return .probe(report)
        case .refused(let reason, let answers): return .refused(reason: reason, answers: renumbered(answers))
        case .asked(let request, let requester):
            return .asked(CommandRequest(request.command, id: renumbered(request.id)), by: renumbered(requester))
        case .dashboards(let all): return .dashboards(all.map { renumbered($0) })
        // All of them, so that a new event is not forgotten here: a command without its answer waits for ever.
        case .opened, .progress, .dataset, .step, .epoch, .cache, .proof, .paused, .resumed, .saved, .learningRate,
            .validation, .decision, .mistakes, .notFinite, .costs, .inspection, .ranks, .story, .warning, .notice,
            .finished, .failed:
            return self
        }
    }

    /// Kinds of events of which a slow listener needs the latest alone: it replaces the ones before, or those are in
    /// metrics.jsonl too.
    package enum Merging: Sendable { case step, epoch, progress, cache, proof, costs, mistakes, ranks, dashboards }

    /// nil for what must never be left out.
    package var merging: Merging? {
        switch self {
        case .step: .step
        case .epoch: .epoch
        case .progress: .progress
        case .cache: .cache
        case .proof: .proof
        case .costs: .costs
        case .mistakes: .mistakes
        case .ranks: .ranks
        case .dashboards: .dashboards
        default: nil
        }
    }

    /// One of many that each move a number or a line a little.
    package var isFigure: Bool {
        switch self {
        case .step, .progress: true
        default: false
        }
    }
}

/// One parameter of the network: torchvision's name, `layer1.0.conv1.weight`, and PyTorch's shape.
package typealias ParameterDescription = TensorSpec

/// The options and names that a run starts with.
package struct RunDescription: Sendable, Equatable, Codable {
    /// `resnet18`.
    package var model: String
    /// Which part of a longer story this run is ("task A: shapes"), where it is one.
    package var phase: String?
    /// All 62 parameters in torchvision's order. The shape of fc is a guess until `dataset` arrives.
    package var parameters: [ParameterDescription]
    /// The names that will train from the first step.
    package var trainable: [String]
    package var optimizer: String
    package var schedule: String
    package var learningRate: Double
    package var batchSize: Int
    package var epochs: Int
    package var imageSize: Int
    package var augmentation: String
    package var threads: Int
    /// The weights' file name, or nil where training starts from random weights.
    package var weights: String?
    /// The run folder.
    package var output: String?

    package init(
        model: String, phase: String? = nil, parameters: [ParameterDescription], trainable: [String], optimizer: String,
        schedule: String, learningRate: Double, batchSize: Int, epochs: Int, imageSize: Int, augmentation: String,
        threads: Int, weights: String?, output: String?
    ) {
        self.model = model
        self.phase = phase
        self.parameters = parameters
        self.trainable = trainable
        self.optimizer = optimizer
        self.schedule = schedule
        self.learningRate = learningRate
        self.batchSize = batchSize
        self.epochs = epochs
        self.imageSize = imageSize
        self.augmentation = augmentation
        self.threads = threads
        self.weights = weights
        self.output = output
    }
}

/// How far a piece of work is that is not a step; counted in its own units (images, files).
package struct WorkProgress: Sendable, Equatable, Codable {
    /// The kind of work.
    package enum Work: String, Sendable, Codable {
        case weights, pictures, measuring, caching, validation, saving, probing
    }
    package var work: Work
    package var done: Int
    /// 0 where it is not known yet.
    package var total: Int

    package init(_ work: Work, done: Int, total: Int) {
        self.work = work
        self.done = done
        self.total = total
    }
}

/// The classes, and how many images a run has.
package struct DatasetDescription: Sendable, Equatable, Codable {
    package var classes: [String]
    package var trainingCount: Int
    package var validationCount: Int
    package var skippedCount: Int
    package var stepsPerEpoch: Int

    package init(classes: [String], trainingCount: Int, validationCount: Int, skippedCount: Int, stepsPerEpoch: Int) {
        self.classes = classes
        self.trainingCount = trainingCount
        self.validationCount = validationCount
        self.skippedCount = skippedCount
        self.stepsPerEpoch = stepsPerEpoch
    }
}

/// What one optimizer step did.
package struct StepReport: Sendable, Equatable, Codable {
    /// Counted from 1 over the whole run.
    package var step: Int
    /// Counted from 1.
    package var epoch: Int
    package var stepInEpoch: Int
    package var stepsPerEpoch: Int
    /// Mean cross-entropy of the batch, in nats.
    package var loss: Double
    /// Share of the batch classified correctly, 0 to 1.
    package var accuracy: Double
    package var learningRate: Double
    /// Of all the step's batches together.
    package var images: Int
    package var milliseconds: Double
    package var imagesPerSecond: Double { milliseconds > 0 ? Double(images) * 1000 / milliseconds : .nan }
    /// L2 norm of the loss's gradient per trainable parameter; frozen parameters are absent.
    package var gradientNorms: [String: Double]
    /// Norm of the optimizer's update over norm of the weights, per trainable parameter.
    package var updateRatios: [String: Double]

    package init(
        step: Int, epoch: Int, stepInEpoch: Int, stepsPerEpoch: Int, loss: Double, accuracy: Double,
        learningRate: Double, images: Int, milliseconds: Double, gradientNorms: [String: Double],
        updateRatios: [String: Double]
    ) {
        self.step = step
        self.epoch = epoch
        self.stepInEpoch = stepInEpoch
        self.stepsPerEpoch = stepsPerEpoch
        self.loss = loss
        self.accuracy = accuracy
        self.learningRate = learningRate
        self.images = images
        self.milliseconds = milliseconds
        self.gradientNorms = gradientNorms
        self.updateRatios = updateRatios
    }
}

/// Loss and accuracy over a set of images.
package struct Score: Sendable, Equatable, Codable {
    /// Mean cross-entropy, in nats.
    package var loss: Double
    /// 0 to 1.
    package var accuracy: Double

    package init(loss: Double, accuracy: Double) {
        self.loss = loss
        self.accuracy = accuracy
    }
}

/// What one epoch reached; `seconds` is from the end of the epoch before to its own.
package struct EpochReport: Sendable, Equatable, Codable {
    package var epoch: Int
    /// The last step of the epoch.
    package var step: Int
    package var training: Score
    /// nil with `--validation-split 0`.
    package var validation: Score?
    package var seconds: Double
    /// Whether this is the best validation so far.
    package var isBest: Bool

    package init(epoch: Int, step: Int, training: Score, validation: Score?, seconds: Double, isBest: Bool) {
        self.epoch = epoch
        self.step = step
        self.training = training
        self.validation = validation
        self.seconds = seconds
        self.isBest = isBest
    }
}

/// The freeze mask in force from a step on.
package struct FreezeReport: Sendable, Equatable, Codable {
    /// The first step that runs with this mask.
    package var step: Int
    /// In torchvision's order.
    package var trainable: [String]
    /// Name of the first unit that is not wholly frozen (`layer3.0`), "" where everything is frozen.
    package var frostLine: String
    /// The command that asked for it; nil where none did: the first mask, `--thaw`, a replay.
    package var answers: CommandID?

    package init(step: Int, trainable: [String], frostLine: String, answers: CommandID? = nil) {
        self.step = step
        self.trainable = trainable
        self.frostLine = frostLine
        self.answers = answers
    }
}

/// Whether the frozen prefix's features are cached; sizes in bytes.
package enum CacheStatus: Sendable, Equatable, Codable {
    /// Nothing is cached, with the reason in a few words ("augmentation is random", "nothing is frozen").
    case off(reason: String)
    /// `cached` of `total` pictures have their features in memory or in a file; with `--augment flip` a picture and its
    /// mirror image count as two.
    case on(frostLine: String, bytesPerImage: Int, cached: Int, total: Int)
}

/// The verification of all frozen tensors after a step (docs/freezing.md, rule 7).
package struct FreezeProof: Sendable, Equatable, Codable {
    package var step: Int
    package var tensorCount: Int
    /// Names whose bits changed although frozen; empty where the proof holds.
    package var broken: [String]

    package init(step: Int, tensorCount: Int, broken: [String]) {
        self.step = step
        self.tensorCount = tensorCount
        self.broken = broken
    }
}

/// A save that is on disk.
package struct SaveReport: Sendable, Equatable, Codable {
    /// The step of the weights and the state that were written.
    package var step: Int
    /// The run folder.
    package var path: String
    /// The step of the best weights that were written too: an earlier one where a save before this one failed.
    package var bestStep: Int?

    package init(step: Int, path: String, bestStep: Int? = nil) {
        self.step = step
        self.path = path
        self.bestStep = bestStep
    }
}

/// What a run reached; `seconds` is its wall-clock time.
package struct RunSummary: Sendable, Equatable, Codable {
    package var steps: Int
    package var epochs: Int
    /// Whether the run was stopped before its last epoch.
    package var stopped: Bool
    package var seconds: Double
    package var bestEpoch: Int?
    package var best: Score?
    package var last: Score?
    package var output: String?

    package init(
        steps: Int, epochs: Int, stopped: Bool, seconds: Double, bestEpoch: Int?, best: Score?, last: Score?,
        output: String?
    ) {
        self.steps = steps
        self.epochs = epochs
        self.stopped = stopped
        self.seconds = seconds
        self.bestEpoch = bestEpoch
        self.best = best
        self.last = last
        self.output = output
    }
}
