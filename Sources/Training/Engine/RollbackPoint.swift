import Model

/// The last weights that are known to be good, in memory, to go back to when the loss is not finite any more.
///
/// A copy is only good once a later step has computed a sensible loss with it: the update before a NaN has often
/// spoiled the weights already, and training diverges for some steps before it overflows.
struct RollbackPoint {
    private struct Copy {
        var step: Int
        /// In the model's own layout.
        var values: [String: [Float]]
        var batchesTracked: [String: Int64]
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
        let now = Self.copy(run)
        known.values.merge(now.values) { old, _ in old }
        known.batchesTracked.merge(now.batchesTracked) { old, _ in old }
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
        for spec in run.changingSpecs {
            if spec.kind == .batchesTracked {
                // A name of the model's own list is never unknown to it.
                if let count = good.batchesTracked[spec.name] { try? run.model.loadBatchesTracked(spec.name, count) }
                continue
            }
            guard let values = good.values[spec.name] else { continue }
            if let parameter = run.model.parameter(spec.name) {
                guard parameter.count == values.count else { continue }
                parameter.values.pointer.update(from: values, count: values.count)
            } else {
                try? run.model.load(spec.name, floats: values)
            }
        }
        run.weightsWereReplaced()
        return good.step
    }

    private static func copy(_ run: TrainingRun) -> Copy {
        var copy = Copy(step: run.progress.step, values: [:], batchesTracked: [:])
        for spec in run.changingSpecs {
            if spec.kind == .batchesTracked {
                copy.batchesTracked[spec.name] = run.model.batchesTracked(spec.name)
            } else if let parameter = run.model.parameter(spec.name) {
                copy.values[spec.name] = parameter.values.floats
            } else {
                copy.values[spec.name] = run.model.export(spec.name)
            }
        }
        return copy
    }
}
