import Support
import TrainingEvents

/// A run's saves: when one is due, what goes into it, and the queue that writes it meanwhile.
final class RunSaves {
    private let queue: SaveQueue
    private var last = ContinuousClock.now

    private static let interval = Duration.seconds(300)

    init(folder: RunFolder, mailbox: EventMailbox, trouble: SaveTrouble) {
        queue = SaveQueue(folder: folder.path) { result in
            switch result {
            case .success(let report): mailbox.post(.saved(report))
            case .failure(let failure): trouble.tell(failure.message)
            }
        }
    }

    /// As `--save-every` says, else by time.
    func isDue(_ run: TrainingRun) -> Bool {
        guard let every = run.options.recipe.saveEvery else { return last.duration(to: .now) > Self.interval }
        return every > 0 && run.progress.step % every == 0
    }

    /// Copies what is to be saved; `epoch` is the one whose weights are the best so far.
    func submit(_ run: TrainingRun, best epoch: Int?) {
        last = .now
        let step = run.progress.step
        let weights = run.exportWeights()
        let metadata = [
            "format": "pt", "frostline.model": "resnet18", "frostline.step": "\(step)",
            "frostline.classes": JSON.array(run.sets.classes.map(JSON.string)).line,
            "frostline.imageSize": "\(run.options.imageSize)",
        ]
        queue.submit(
            Snapshot(
                step: step, weights: weights, weightMetadata: metadata, optimizer: run.exportOptimizer(),
                stateMetadata: run.progress.metadata,
                best: epoch.map { (step, weights, metadata.merging(["frostline.epoch": "\($0)"]) { $1 }) }))
    }

    /// Waits until everything is written. Returns why the newest save failed, where it did.
    func finish() -> String? { queue.finish() }
}
