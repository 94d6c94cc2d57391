import Kernels
import Model
import Ranks
import TrainingEvents

/// Steps without a run folder, an engine or events, at learning rates that the caller chooses; a range test runs on it.
package struct UnrecordedRun {
    private let run: TrainingRun
    private let name: String
    private var feed: BatchFeed

    /// Weights, images and model as a run has them before its first step. `learningRate` gets the step, counted from 1.
    package init(_ request: RunRequest, warn: (String) -> Void, learningRate: @escaping (Int) -> Double) throws {
        let options = request.options
        try RunOpening.requireSoundKernels()
        try options.validate()
        let group = request.group
        let checkpoint = group.leads ? try request.weights.open() : nil
        let sets = try ImageSets.open(
            request.data, options: options, warn: warn, progress: { _, _ in }, isCancelled: { false }, group: group)
        try RankStart.requireSame(options, sets, data: request.data, group)
        let pool = WorkerPool(threads: options.threads)
        let model = ResNet18(classes: sets.classes.count, pool: pool)
        _ = try WeightFiles.fill(model, from: checkpoint, head: options.head, seed: options.seed)
        if let group { try model.shareTensors(group) }
        name = request.data.description
        run = TrainingRun(
            options: options, sets: sets, model: model, pool: pool, progress: RunProgress(beginning: options),
            group: group)
        run.rateOfStep = learningRate
        feed = run.trainingFeed()
    }

    /// The next step, of the next epoch where one is over. Throws `TrainingError.notFinite`, or `.data` where no image can
    /// be read.
    package mutating func step() throws -> StepReport {
        while true {
            if let report = try run.step(feed) { return report }
            guard run.progress.seen > 0 else { throw TrainingError.data("\(name): no training picture can be read.") }
            run.progress.beginNextEpoch()
            feed = run.trainingFeed()
        }
    }
}
