import Checkpoints
import Kernels
import Model
import Support

/// What a save writes of a run, and what a resumed run reads back.
extension TrainingRun {
    /// All 122 tensors; what did not change since the last call is not copied again.
    func exportWeights() -> [SafetensorsWriter.Entry] {
        let entries = model.specs.map { spec -> SafetensorsWriter.Entry in
            if !touched.contains(spec.name), let entry = exported[spec.name] { return entry }
            let entry =
                spec.kind == .batchesTracked
                ? SafetensorsWriter.Entry(
                    name: spec.name, shape: [], data: .integers([model.batchesTracked(spec.name)]))
                : SafetensorsWriter.Entry(name: spec.name, shape: spec.shape, data: .floats(model.export(spec.name)))
            exported[spec.name] = entry
            return entry
        }
        touched = []
        return entries
    }

    private static let bufferPrefix = "optimizer"

    /// The optimizer's buffers, in the model's own layout, as `optimizer.INDEX.STEPS.NAME`.
    func exportOptimizer() -> [SafetensorsWriter.Entry] {
        optimizer.states.sorted { $0.key < $1.key }.flatMap { name, state in
            state.moments.enumerated().map { index, buffer in
                SafetensorsWriter.Entry(
                    name: "\(Self.bufferPrefix).\(index).\(state.steps).\(name)", shape: [buffer.count],
                    data: .floats(buffer.floats))
            }
        }
    }

    /// Puts back what `exportOptimizer` wrote. Throws what reading throws, or `.weights` where a buffer does not fit.
    func restoreOptimizer(from checkpoint: Checkpoint) throws {
        var states: [String: OptimizerState] = [:]
        for stored in checkpoint.tensors.sorted(by: { $0.name < $1.name }) {
            let parts = stored.name.split(separator: ".", maxSplits: 3).map(String.init)
            guard parts.count == 4, parts[0] == Self.bufferPrefix, let index = Int(parts[1]), let steps = Int(parts[2])
            else { continue }
            guard let parameter = model.parameter(parts[3]), stored.count == parameter.values.count,
                states[parts[3], default: OptimizerState()].moments.count == index
            else {
                throw TrainingError.weights(
                    file: checkpoint.path, problem: "the optimizer buffer \(stored.name) does not fit this model.")
            }
            let buffer = FloatBuffer(count: stored.count)
            try stored.copyFloats(to: UnsafeMutableBufferPointer(start: buffer.pointer, count: buffer.count))
            states[parts[3], default: OptimizerState()].moments.append(buffer)
            states[parts[3]]?.steps = steps
        }
        for (name, state) in states { optimizer.restore(state, for: name) }
    }
}
