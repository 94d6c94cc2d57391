import Checkpoints
import Foundation
import Support
import TrainingEvents

/// Everything that one save writes, copied out of the model so that training can go on at once.
struct Snapshot: Sendable {
    var step: Int
    /// All 122 tensors under torchvision's names.
    var weights: [SafetensorsWriter.Entry]
    var weightMetadata: [String: String]
    /// Optimizer buffers, as `--resume` wants them.
    var optimizer: [SafetensorsWriter.Entry]
    var stateMetadata: [String: String]
    /// The weights at the best validation, where they are new.
    var best: (step: Int, weights: [SafetensorsWriter.Entry], metadata: [String: String])?
}

/// Writes snapshots on its own thread, newest first: a save that is overtaken by the next one before its turn is left out
/// (its best weights are not). Every file is replaced atomically, so the last good one stays whatever happens.
final class SaveQueue: Sendable {
    /// Guarded by `condition`: every access to the other fields holds it.
    private final class State: @unchecked Sendable {
        let condition = NSCondition()
        var pending: Snapshot?
        var writing = false
        var ended = false
        var failure: String?
        /// The best weights of a save that failed, for the next one.
        var lostBest: (step: Int, weights: [SafetensorsWriter.Entry], metadata: [String: String])?
    }

    private let state = State()

    /// `report` is called on the writing thread: with what was saved, or with a sentence that says why not.
    init(folder: String, report: @escaping @Sendable (Result<SaveReport, SaveFailure>) -> Void) {
        let state = state
        NamedThread.start("frostline-save") {
            while true {
                state.condition.lock()
                while state.pending == nil && !state.ended { state.condition.wait() }
                guard let snapshot = state.pending else {
                    state.condition.unlock()
                    return
                }
                state.pending = nil
                state.writing = true
                state.condition.unlock()
                var failure: String?
                do {
                    try Self.write(snapshot, to: folder)
                    report(.success(SaveReport(step: snapshot.step, path: folder, isBest: snapshot.best != nil)))
                } catch {
                    failure = "\(error)"
                    report(.failure(SaveFailure(message: "\(error)")))
                }
                state.condition.lock()
                state.writing = false
                state.failure = failure
                state.lostBest = failure == nil ? nil : snapshot.best
                state.condition.broadcast()
                state.condition.unlock()
            }
        }
    }

    deinit {
        state.condition.lock()
        state.ended = true
        state.condition.broadcast()
        state.condition.unlock()
    }

    func submit(_ snapshot: Snapshot) {
        var snapshot = snapshot
        state.condition.lock()
        if snapshot.best == nil { snapshot.best = state.pending?.best ?? state.lostBest }
        state.pending = snapshot
        state.condition.broadcast()
        state.condition.unlock()
    }

    /// Waits until everything submitted is written. Returns why the newest save failed, where it did.
    func finish() -> String? {
        state.condition.lock()
        while state.pending != nil || state.writing { state.condition.wait() }
        let failure = state.failure
        state.condition.unlock()
        return failure
    }

    private static func write(_ snapshot: Snapshot, to folder: String) throws {
        if let best = snapshot.best {
            try SafetensorsWriter.write(
                best.weights, metadata: best.metadata, to: folder + "/" + RunFolder.bestName)
        }
        try SafetensorsWriter.write(
            snapshot.weights, metadata: snapshot.weightMetadata, to: folder + "/" + RunFolder.lastName)
        // The state repeats the weights: a kill between the two files must not leave a pair that does not belong together.
        try SafetensorsWriter.write(
            snapshot.weights + snapshot.optimizer, metadata: snapshot.stateMetadata,
            to: folder + "/" + RunFolder.stateName)
    }
}

struct SaveFailure: Error, Sendable {
    let message: String
}
