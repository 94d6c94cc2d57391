import Support
import TrainingEvents

/// A run's saves: when one is due, what goes into it, and the queue that writes it meanwhile.
final class RunSaves {
    private let queue: SaveQueue
    private var last = ContinuousClock.now
    private var held: Snapshot?

    private static let interval = Duration.seconds(300)

    init(folder: RunFolder, mailbox: EventMailbox, failures: SaveFailureMonitor) {
        queue = SaveQueue(folder: folder.path, systemWrite: folder.systemWrite) { result in
            switch result {
            case .success(let report): mailbox.post(.saved(report))
            case .failure(let failure): failures.record(failure)
            }
        }
    }

    /// As `--save-every` says, else by time.
    func isDue(_ run: TrainingRun) -> Bool {
        guard let every = run.options.saveEvery else { return last.duration(to: .now) > Self.interval }
        return every > 0 && run.progress.step % every == 0
    }

    /// Saves what the run is now.
    func submit(_ run: TrainingRun) {
        hold(run, best: nil)
        submitHeld()
    }

    /// Saves what was held.
    func submitHeld() {
        guard let snapshot = held else { return }
        last = .now
        held = nil
        queue.submit(snapshot)
    }

    /// Copies what is to be saved, until it is to be written or the next copy takes its place. `epoch` is the one whose
    /// weights are the best so far; those of an epoch before it stay, where they were not written yet.
    func hold(_ run: TrainingRun, best epoch: Int?) {
        let step = run.progress.step
        let weights: Snapshot.File = (
            step: step, tensors: run.exportWeights(),
            metadata: [
                "format": "pt", "frostline.model": "resnet18", "frostline.step": "\(step)",
                "frostline.classes": JSON.array(run.sets.classes.map(JSON.string)).line,
                "frostline.imageSize": "\(run.options.imageSize)",
            ]
        )
        var best = held?.best
        if let epoch {
            best = weights
            best?.metadata["frostline.epoch"] = "\(epoch)"
        }
        held = Snapshot(
            weights: weights, optimizer: run.exportOptimizer() + run.exportAuto(), stateMetadata: run.progress.metadata,
            best: best)
    }

    /// Waits until everything is written. Throws where the newest save failed.
    func finish() throws(SaveFailure) { try queue.finish() }
}
