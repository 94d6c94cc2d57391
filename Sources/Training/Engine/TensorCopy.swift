import Model
import Network

/// Values of some tensors, in memory, to be put back to the bit.
struct TensorCopy {
    /// By name; parameters in the model's own layout, statistics in PyTorch's.
    var values: [String: [Float]] = [:]
    var batchesTracked: [String: Int64] = [:]

    /// Takes those of these tensors that are not in it.
    mutating func add(_ specs: [TensorSpec], of model: ResNet18) {
        for spec in specs {
            if spec.kind == .batchesTracked {
                if batchesTracked[spec.name] == nil { batchesTracked[spec.name] = model.batchesTracked(spec.name) }
            } else if values[spec.name] == nil {
                values[spec.name] = model.parameter(spec.name)?.values.floats ?? model.export(spec.name)
            }
        }
    }

    /// Puts those of these tensors back that are in it.
    func restore(_ specs: [TensorSpec], to model: ResNet18) {
        for spec in specs {
            if spec.kind == .batchesTracked {
                // A name of the model's own list is never unknown to it.
                if let count = batchesTracked[spec.name] { try? model.loadBatchesTracked(spec.name, count) }
                continue
            }
            guard let values = values[spec.name] else { continue }
            if let parameter = model.parameter(spec.name) {
                guard parameter.count == values.count else { continue }
                parameter.values.pointer.update(from: values, count: values.count)
            } else {
                try? model.load(spec.name, floats: values)
            }
        }
    }
}
