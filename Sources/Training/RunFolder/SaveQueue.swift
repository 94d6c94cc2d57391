import Checkpoints
import Glibc
import Support
import TrainingEvents

/// Everything that one save writes, copied out of the model so that training can go on at once.
package struct Snapshot: Sendable {
    /// A file's tensors as they were after a step, and its metadata.
    package typealias File = (step: Int, tensors: [SafetensorsWriter.Entry], metadata: [String: String])

    /// All 122 tensors under torchvision's names.
    var weights: File
    /// Optimizer buffers, as `--resume` wants them.
    var optimizer: [SafetensorsWriter.Entry]
    var stateMetadata: [String: String]
    /// The weights at the best validation, where they are new.
    var best: File?

    package init(weights: File, optimizer: [SafetensorsWriter.Entry], stateMetadata: [String: String], best: File?) {
        self.weights = weights
        self.optimizer = optimizer
        self.stateMetadata = stateMetadata
        self.best = best
    }
}

/// Writes snapshots on its own thread, newest first: a save that is overtaken by the next one before its turn is left out.
/// Best weights are never left out: they are written with the next save until they are on disk, or newer ones take their
/// place. Every file is replaced atomically, so the last good one stays whatever happens. At the end of a run, where the
/// process waits for the queue, a save that is overtaken is given up in the middle too.
package final class SaveQueue: Sendable {
    private struct State {
        var pending: Snapshot?
        /// The newest best weights that are not on disk yet.
        var best: Snapshot.File?
        var writing = false
        var ended = false
        /// A caller waits for the newest save.
        var finishing = false
        var failure: SaveFailure?

        /// The save that is being written is of no use any more.
        var isOvertaken: Bool { finishing && pending != nil }

        /// What is to be written; nil while there is nothing, `.some(nil)` at the end.
        mutating func next() -> (snapshot: Snapshot, best: Snapshot.File?)?? {
            guard let snapshot = pending else { return ended ? .some(nil) : nil }
            pending = nil
            writing = true
            return (snapshot, best)
        }
    }

    private let state = Monitor(State())

    /// `report` is called on the writing thread.
    package init(
        folder: String, systemWrite: @escaping AtomicFile.SystemWrite = AtomicFile.systemWrite,
        report: @escaping @Sendable (Result<SaveReport, SaveFailure>) -> Void
    ) {
        let state = state
        let write: WriteFile = { tensors, metadata, name, beforeReplacing in
            try SafetensorsWriter.write(
                tensors, metadata: metadata, to: folder + "/" + name,
                systemWrite: { descriptor, bytes, count in
                    if state.with({ $0.isOvertaken }) {
                        errno = ECANCELED
                        return -1
                    }
                    return systemWrite(descriptor, bytes, count)
                }, beforeReplacing: beforeReplacing)
        }
        NamedThread.start("frostline-save", stackSize: 4 << 20) {
            /// The step of best weights that were written and not reported yet.
            var bestStep: Int?
            while let (snapshot, best) = state.wait({ $0.next() }) {
                var failure: SaveFailure?
                do {
                    if let best {
                        try write(best.tensors, best.metadata, RunFolder.bestName) {}
                        bestStep = best.step
                        state.with { if $0.best?.step == best.step { $0.best = nil } }
                    }
                    try Self.writeLastAndState(snapshot, write)
                    report(.success(SaveReport(step: snapshot.weights.step, path: folder, bestStep: bestStep)))
                    bestStep = nil
                } catch {
                    // The save that overtakes this one has its own success or failure.
                    if !state.with({ $0.isOvertaken }) {
                        let refusal = SaveFailure(error)
                        failure = refusal
                        report(.failure(refusal))
                    }
                }
                state.with {
                    $0.writing = false
                    $0.failure = failure
                }
            }
        }
    }

    private typealias WriteFile =
        @Sendable (
            _ tensors: [SafetensorsWriter.Entry], _ metadata: [String: String], _ name: String,
            _ beforeReplacing: () throws -> Void
        ) throws -> Void

    /// Writes last and state beside each other: copying into the system's memory is most of the work, and a run's end waits
    /// for it. They are replaced in this order. The state repeats the weights: a kill between the two must not leave a
    /// pair that does not belong together.
    private static func writeLastAndState(_ snapshot: Snapshot, _ write: @escaping WriteFile) throws {
        let weights = snapshot.weights
        let last = Monitor<Result<Void, any Error>?>(nil)
        let writeLast: @Sendable () -> Void = {
            let result = Result { try write(weights.tensors, weights.metadata, RunFolder.lastName) {} }
            last.with { $0 = result }
        }
        if !NamedThread.start("frostline-save", stackSize: 4 << 20, writeLast) { writeLast() }
        let state = Result {
            try write(weights.tensors + snapshot.optimizer, snapshot.stateMetadata, RunFolder.stateName) {
                try last.wait { $0 }.get()
            }
        }
        // The other thread must be done, whatever came of the state.
        try last.wait { $0 }.get()
        try state.get()
    }

    deinit { state.with { $0.ended = true } }

    package func submit(_ snapshot: Snapshot) {
        state.with {
            $0.pending = snapshot
            if let best = snapshot.best { $0.best = best }
        }
    }

    /// Waits until everything submitted is written. Throws where the newest save failed.
    package func finish() throws(SaveFailure) {
        state.with { $0.finishing = true }
        defer { state.with { $0.finishing = false } }
        let failure: SaveFailure? = state.wait { $0.pending != nil || $0.writing ? nil : .some($0.failure) }
        if let failure { throw failure }
    }
}
