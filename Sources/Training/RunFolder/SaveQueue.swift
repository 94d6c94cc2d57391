import Checkpoints
import Foundation
import Support
import TrainingEvents

/// Everything that one save writes, copied out of the model so that training can go on at once.
package struct Snapshot: Sendable {
    /// All 122 tensors under torchvision's names, as they were after a step.
    package struct Weights: Sendable {
        var step: Int
        var tensors: [SafetensorsWriter.Entry]
        var metadata: [String: String]

        package init(step: Int, tensors: [SafetensorsWriter.Entry], metadata: [String: String]) {
            self.step = step
            self.tensors = tensors
            self.metadata = metadata
        }
    }

    var weights: Weights
    /// Optimizer buffers, as `--resume` wants them.
    var optimizer: [SafetensorsWriter.Entry]
    var stateMetadata: [String: String]
    /// The weights at the best validation, where they are new.
    var best: Weights?

    package init(
        weights: Weights, optimizer: [SafetensorsWriter.Entry], stateMetadata: [String: String], best: Weights?
    ) {
        self.weights = weights
        self.optimizer = optimizer
        self.stateMetadata = stateMetadata
        self.best = best
    }
}

/// Writes snapshots on its own thread, newest first: a save that is overtaken by the next one before its turn is left out.
/// Best weights are never left out: they are written with the next save until they are on disk, or newer ones take their
/// place. Every file is replaced atomically, so the last good one stays whatever happens.
package final class SaveQueue: Sendable {
    /// Guarded by `condition`: every access to the other fields holds it.
    private final class State: @unchecked Sendable {
        let condition = NSCondition()
        var pending: Snapshot?
        /// The newest best weights that are not on disk yet.
        var best: Snapshot.Weights?
        var writing = false
        var ended = false
        var failure: SaveFailure?
    }

    private let state = State()

    /// `report` is called on the writing thread.
    package init(
        folder: String, systemWrite: @escaping AtomicFile.SystemWrite = AtomicFile.systemWrite,
        report: @escaping @Sendable (Result<SaveReport, SaveFailure>) -> Void
    ) {
        let state = state
        let write = { @Sendable (tensors: [SafetensorsWriter.Entry], metadata: [String: String], name: String) in
            try SafetensorsWriter.write(
                tensors, metadata: metadata, to: folder + "/" + name, systemWrite: systemWrite)
        }
        NamedThread.start("frostline-save", stackSize: 4 << 20) {
            /// The step of best weights that were written and not reported yet.
            var bestStep: Int?
            while true {
                state.condition.lock()
                while state.pending == nil && !state.ended { state.condition.wait() }
                guard let snapshot = state.pending else {
                    state.condition.unlock()
                    return
                }
                state.pending = nil
                state.writing = true
                let best = state.best
                state.condition.unlock()
                var failure: SaveFailure?
                do {
                    if let best {
                        try write(best.tensors, best.metadata, RunFolder.bestName)
                        bestStep = best.step
                        state.condition.withLock { if state.best?.step == best.step { state.best = nil } }
                    }
                    let weights = snapshot.weights
                    try write(weights.tensors, weights.metadata, RunFolder.lastName)
                    // The state repeats the weights: a kill between the two files must not leave a pair that does not
                    // belong together.
                    try write(weights.tensors + snapshot.optimizer, snapshot.stateMetadata, RunFolder.stateName)
                    report(.success(SaveReport(step: weights.step, path: folder, bestStep: bestStep)))
                    bestStep = nil
                } catch {
                    let refusal = SaveFailure(error)
                    failure = refusal
                    report(.failure(refusal))
                }
                state.condition.withLock {
                    state.writing = false
                    state.failure = failure
                    state.condition.broadcast()
                }
            }
        }
    }

    deinit {
        state.condition.withLock {
            state.ended = true
            state.condition.broadcast()
        }
    }

    package func submit(_ snapshot: Snapshot) {
        state.condition.withLock {
            state.pending = snapshot
            if let best = snapshot.best { state.best = best }
            state.condition.broadcast()
        }
    }

    /// Waits until everything submitted is written. Throws where the newest save failed.
    package func finish() throws(SaveFailure) {
        state.condition.lock()
        while state.pending != nil || state.writing { state.condition.wait() }
        let failure = state.failure
        state.condition.unlock()
        if let failure { throw failure }
    }
}
