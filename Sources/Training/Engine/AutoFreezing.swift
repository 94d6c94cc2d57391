import Checkpoints
import Kernels
import Model
import Network
import Support
import TrainingEvents

/// Where `--strategy auto` stands: what decides, besides the tensors of `AutoTensors`, is in this and saved with the run.
package struct AutoProgress: Equatable, Sendable, JSONObject {
    /// A mask was asked for, and auto waits to be given the run back.
    var isResting = false
    /// Nothing pays any more.
    var isOver = false
    /// Epochs without a significant fall since the best state of this mask.
    var stale = 0
    /// The group on trial, and epochs that it still has.
    var trial: String?
    var trialEpochs = 0
    /// Groups that did not pay.
    var rejected: [String] = []
    /// Nothing is left to try.
    var isExhausted = false
    /// Epochs left once nothing is left to try and the rate is lowered for the rest; 0 before.
    var lastEpochs = 0
    var isLowered: Bool { lastEpochs > 0 }
    /// What the learning rate is multiplied by.
    var rate = 1.0
    /// The epoch whose beginning was decided last.
    var decidedEpoch = 1
    /// The mask of the best state, and its `rate`.
    var bestMask: Set<String> = []
    var bestRate = 1.0
    var bestStep = 0

    package static let blank = AutoProgress()
    package static let fields: [JSONField<AutoProgress>] = [
        JSONField("resting", \.isResting), JSONField("over", \.isOver), JSONField("stale", \.stale),
        .ifPresent("trial", \.trial), JSONField("trialEpochs", \.trialEpochs), JSONField("rejected", \.rejected),
        JSONField("exhausted", \.isExhausted),
        JSONField("lastEpochs", \.lastEpochs), JSONField("rate", \.rate), JSONField("bestRate", \.bestRate),
        JSONField("decidedEpoch", \.decidedEpoch), JSONField("bestMask", \.bestMask), JSONField("bestStep", \.bestStep),
    ]

    package init() {}
}

/// What auto compares and goes back to, beside the mask.
package struct AutoTensors {
    /// The validation loss of each picture after the last epoch, and in the best state; NaN where it could not be read.
    var latest: [Float]?
    var best: [Float]?
    /// The best state's tensors that may have changed since.
    var tensors = TensorCopy()
    var optimizer: [String: OptimizerState] = [:]

    /// The mean of best − now over the pictures of both, and its standard error: paired, since pictures differ among each other
    /// far more than one picture's loss does between two epochs. nil for fewer than two pictures.
    package static func fall(from best: [Float], to now: [Float]) -> (mean: Double, error: Double)? {
        let pairs = zip(best, now).map { Double($0) - Double($1) }.filter(\.isFinite)
        guard pairs.count > 1 else { return nil }
        let count = Double(pairs.count)
        let mean = pairs.reduce(0, +) / count
        let squares = pairs.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, (squares / (count - 1) / count).squareRoot())
    }
}

extension TrainingRun {
    /// Makes the present state the best one.
    func keepAsBest() {
        let (mask, step, rate) = (progress.trainable, progress.step, progress.auto?.rate ?? 1)
        progress.auto?.bestMask = mask
        progress.auto?.bestRate = rate
        progress.auto?.bestStep = step
        progress.auto?.stale = 0
        autoTensors = AutoTensors(latest: autoTensors.latest, best: autoTensors.latest)
        copyChanging()
        autoTensors.optimizer = optimizer.states.mapValues(\.copied)
    }

    /// Adds to the best state what may change from now on and has not changed since.
    func copyChanging() { autoTensors.tensors.add(changingSpecs, of: model) }

    /// Puts weights, statistics, optimizer and mask of the best state back, to the bit.
    func returnToBest() {
        guard let auto = progress.auto, autoTensors.best != nil else { return }
        autoTensors.tensors.restore(model.specs, to: model)
        touched.formUnion(autoTensors.tensors.values.keys)
        touched.formUnion(autoTensors.tensors.batchesTracked.keys)
        weightsWereReplaced()
        caches.weightsChanged(from: plan.lowestTrainableUnit)
        progress.auto?.rate = auto.bestRate
        applyMask(auto.bestMask)
        for (name, state) in autoTensors.optimizer { optimizer.restore(state.copied, for: name) }
    }

    // MARK: In the state file

    private static let prefix = "auto"

    func exportAuto() -> [SafetensorsWriter.Entry] {
        guard progress.auto != nil else { return [] }
        func entry(_ name: String, _ floats: [Float]) -> SafetensorsWriter.Entry {
            SafetensorsWriter.Entry(name: "\(Self.prefix).\(name)", shape: [floats.count], data: .floats(floats))
        }
        var entries = [("latest", autoTensors.latest), ("best", autoTensors.best)].compactMap { name, losses in
            losses.map { entry(name, $0) }
        }
        entries += autoTensors.tensors.values.sorted { $0.key < $1.key }.map { entry("value.\($0.key)", $0.value) }
        entries += autoTensors.tensors.batchesTracked.sorted { $0.key < $1.key }.map { name, count in
            SafetensorsWriter.Entry(name: "\(Self.prefix).count.\(name)", shape: [], data: .integers([count]))
        }
        for (name, state) in autoTensors.optimizer.sorted(by: { $0.key < $1.key }) {
            for (index, buffer) in state.moments.enumerated() {
                entries.append(entry("optimizer.\(index).\(state.steps).\(name)", buffer.floats))
            }
        }
        return entries
    }

    /// Puts back what `exportAuto` wrote. Throws what reading throws, or `.weights` where something does not fit.
    func restoreAuto(from checkpoint: Checkpoint) throws {
        guard progress.auto != nil else { return }
        var tensors = AutoTensors()
        let specs = Dictionary(uniqueKeysWithValues: model.specs.map { ($0.name, $0) })
        func floats(_ stored: StoredTensor, _ count: Int) throws -> [Float] {
            guard stored.count == count else {
                throw TrainingError.weights(
                    file: checkpoint.path,
                    problem: "\(stored.name) does not fit this run; start anew from last.safetensors.")
            }
            return try stored.floats()
        }
        for stored in checkpoint.tensors.sorted(by: { $0.name < $1.name }) {
            let parts = stored.name.split(separator: ".", maxSplits: 2).map(String.init)
            guard parts.count > 1, parts[0] == Self.prefix else { continue }
            switch (parts[1], parts.dropFirst(2).first) {
            case ("latest", _): tensors.latest = try floats(stored, sets.validation.count)
            case ("best", _): tensors.best = try floats(stored, sets.validation.count)
            case ("value", let name?):
                guard let spec = specs[name], spec.kind != .batchesTracked else { continue }
                tensors.tensors.values[name] = try floats(stored, spec.count)
            case ("count", let name?):
                guard specs[name]?.kind == .batchesTracked else { continue }
                tensors.tensors.batchesTracked[name] = try stored.integers().first ?? 0
            case ("optimizer", let rest?):
                let words = rest.split(separator: ".", maxSplits: 2).map(String.init)
                guard words.count == 3, let index = Int(words[0]), let steps = Int(words[1]),
                    let parameter = model.parameter(words[2]),
                    tensors.optimizer[words[2], default: OptimizerState()].moments.count == index
                else { continue }
                tensors.optimizer[words[2], default: OptimizerState()].moments.append(
                    FloatBuffer(try floats(stored, parameter.count)))
                tensors.optimizer[words[2]]?.steps = steps
            default: continue
            }
        }
        autoTensors = tensors
    }
}

extension OptimizerState {
    /// With buffers of its own.
    fileprivate var copied: OptimizerState {
        OptimizerState(steps: steps, moments: moments.map { FloatBuffer($0.floats) })
    }
}
