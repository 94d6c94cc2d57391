import Kernels
import Model

/// The mean gradient of the batches that make up one step (`--accumulate`): PyTorch's `(loss / n).backward()`, n times.
package final class GradientAccumulator {
    private var sums: [String: FloatBuffer] = [:]
    private var passes = 0

    package init() {}

    /// Forgets what was added: the next pass is a step's first.
    package func begin() { passes = 0 }

    /// Adds the gradients that a backward pass left.
    package func add(_ parameters: [Parameter]) {
        passes += 1
        for parameter in parameters {
            guard let gradient = parameter.gradient else { continue }
            if passes == 1 || sums[parameter.name] == nil {
                let sum = sums[parameter.name] ?? FloatBuffer(count: gradient.count)
                sum.pointer.update(from: gradient.pointer, count: gradient.count)
                sums[parameter.name] = sum
            } else if let sum = sums[parameter.name]?.pointer {
                for i in 0..<gradient.count { sum[i] += gradient.pointer[i] }
            }
        }
    }

    /// Puts the mean in the place of the last pass's gradients.
    package func finish(_ parameters: [Parameter]) {
        let share = 1 / Float(max(1, passes))
        for parameter in parameters {
            guard let gradient = parameter.gradient, let sum = sums[parameter.name]?.pointer else { continue }
            for i in 0..<gradient.count { gradient.pointer[i] = sum[i] * share }
        }
        // A parameter that froze gives its memory back.
        sums = sums.filter { name, _ in parameters.contains { $0.name == name && $0.gradient != nil } }
    }
}

/// `torch.nn.utils.clip_grad_norm_`: every gradient times min(1, maximum / (norm + 1e-6)), norm the L2 norm of all of them.
package enum GradientClip {
    /// Returns each parameter's norm before clipping.
    package static func apply(_ parameters: [Parameter], maximum: Double) -> [String: Double] {
        var norms: [String: Double] = [:]
        var total = 0.0
        for parameter in parameters {
            guard let gradient = parameter.gradient else { continue }
            let square = gradient.squareSum
            norms[parameter.name] = square.squareRoot()
            total += square
        }
        let factor = Float(min(1, maximum / (total.squareRoot() + 1e-6)))
        guard factor < 1 else { return norms }
        for parameter in parameters {
            guard let gradient = parameter.gradient else { continue }
            for i in 0..<gradient.count { gradient.pointer[i] *= factor }
        }
        return norms
    }
}

extension FloatBuffer {
    /// Σ x² in float64, always in the same order.
    var squareSum: Double { ParameterUpdate.squareSum(pointer, count: count) }
}
