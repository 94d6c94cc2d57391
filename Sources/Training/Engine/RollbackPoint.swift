import Model

/// The last weights that are known to be good, in memory, to go back to when the loss is not finite any more.
///
/// A copy is only good once a later step has computed a sensible loss with it: the update before a NaN has often
/// spoiled the weights already, and training diverges for some steps before it overflows.
struct RollbackPoint {
    private struct Copy {
        var step: Int
        var tensors: TensorCopy
    }

    private var good: Copy?
    private var candidate: Copy?
    private var meanLoss: Double?
    private var trainable: Set<String> = []

    /// Steps between two copies.
    static let interval = 20

    /// To be called before a step. What has thawed since the copy is as it was then, so it joins it.
    mutating func prepare(_ run: TrainingRun) {
        guard var known = good else {
            good = Self.copy(run)
            trainable = run.progress.trainable
            return
        }
        guard trainable != run.progress.trainable else { return }
        known.tensors.add(run.changingSpecs, of: run.model)
        good = known
        candidate = nil
        trainable = run.progress.trainable
    }

    /// To be called after a step: `loss` is that of the weights before it.
    mutating func record(_ run: TrainingRun, loss: Double) {
        let mean = meanLoss ?? loss
        let isSensible = loss.isFinite && loss <= 3 * mean + 1
        if loss.isFinite { meanLoss = mean + 0.1 * (loss - mean) }
        if let waiting = candidate, waiting.step < run.progress.step {
            if isSensible { good = waiting }
            candidate = nil
        }
        if candidate == nil, isSensible, run.progress.step - (good?.step ?? 0) >= Self.interval {
            candidate = Self.copy(run)
        }
    }

    /// Puts the good weights back where they may change now, and returns the step after which they stood.
    mutating func restore(_ run: TrainingRun) -> Int {
        candidate = nil
        meanLoss = nil
        guard let good else { return run.progress.step }
        good.tensors.restore(run.changingSpecs, to: run.model)
        run.weightsWereReplaced()
        return good.step
    }

    private static func copy(_ run: TrainingRun) -> Copy {
        var copy = Copy(step: run.progress.step, tensors: TensorCopy())
        copy.tensors.add(run.changingSpecs, of: run.model)
        return copy
    }
}
