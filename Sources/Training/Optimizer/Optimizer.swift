import Foundation
import Kernels
import LoopTypes
import Model

/// `--optimizer`.
package enum OptimizerKind: String, Sendable, CaseIterable, Codable { case sgd, adamw }

/// The optimizer's memory of one parameter: none, momentum (sgd), or first and second moment (adamw).
package struct OptimizerState {
    package var steps = 0
    /// In the parameter's own layout.
    package var moments: [FloatBuffer] = []
}

/// What one update did, for the gradient norms and update-to-weight ratios of docs/freezing.md, rule 8.
package struct UpdateNorms: Equatable {
    /// L2 norms: of the gradient, of the change, of the weights before it.
    package var gradient = 0.0
    package var update = 0.0
    package var weight = 0.0
}

/// `torch.optim.SGD` (dampening 0, no Nesterov) and `torch.optim.AdamW` (betas (0.9, 0.999), eps 1e-8), one parameter at a
/// time, so that a frozen parameter has no state at all and a thawed one starts afresh (docs/freezing.md, rules 1 and 4).
///
///     sgd:    d = g + λ·w;  b = d at first, then μ·b + d;  w ← w − η·b
///     adamw:  w ← w − η·λ·w;  m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  w ← w − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
package final class Optimizer {
    package let kind: OptimizerKind
    package let weightDecay: Double
    private let pool: WorkerPool
    package private(set) var states: [String: OptimizerState] = [:]

    /// Fixed, so that sums are added in the same order whatever the number of threads.
    private static let chunk = 1 << 15

    package init(_ kind: OptimizerKind, weightDecay: Double, pool: WorkerPool) {
        self.kind = kind
        self.weightDecay = weightDecay
        self.pool = pool
    }

    /// Forgets everything about the parameters that are not trainable now.
    package func keepOnly(_ trainable: Set<String>) { states = states.filter { trainable.contains($0.key) } }

    package func restore(_ state: OptimizerState, for name: String) { states[name] = state }

    /// Applies one step to every parameter that has a gradient and returns the norms by name. `factors` multiply the
    /// learning rate of the parameters that they name.
    package func step(
        _ parameters: [Parameter], learningRate: Double, momentum: Double, factors: [String: Double] = [:]
    ) -> [String: UpdateNorms] {
        // One task list over all parameters, so that many small ones keep the workers as busy as a few large ones.
        struct Task {
            var parameter: Int
            var part: Range<Int>
        }
        let trained = parameters.filter { $0.gradient != nil }
        var tasks: [Task] = []
        var updates: [Update] = []
        for (index, parameter) in trained.enumerated() {
            guard let gradient = parameter.gradient else { continue }
            var state = states[parameter.name] ?? OptimizerState()
            let isFirst = state.steps == 0
            let wanted = kind == .adamw ? 2 : (momentum != 0 ? 1 : 0)
            while state.moments.count < wanted { state.moments.append(FloatBuffer(count: parameter.values.count)) }
            state.steps += 1
            states[parameter.name] = state
            updates.append(
                Update(
                    rate: learningRate * (factors[parameter.name] ?? 1), weights: parameter.values.pointer,
                    gradient: gradient.pointer, first: state.moments.first?.pointer,
                    second: state.moments.count > 1 ? state.moments[1].pointer : nil, isFirst: isFirst,
                    steps: state.steps))
            let count = parameter.values.count
            for start in stride(from: 0, to: count, by: Self.chunk) {
                tasks.append(Task(parameter: index, part: start..<min(start + Self.chunk, count)))
            }
        }
        var partial = [SIMD4<Double>](repeating: .zero, count: tasks.count)
        partial.withUnsafeMutableBufferPointer { partial in
            // Each task writes its own element of `partial` and its own range of the parameter.
            let (kind, decay) = (kind, weightDecay)
            pool.run(tasks.count, lending: partial, updates, tasks) { task, _, partial, updates, tasks in
                let t = tasks[task]
                let update = updates[t.parameter]
                partial[task] =
                    kind == .sgd
                    ? update.sgd(t.part, momentum: Float(momentum), decay: Float(decay))
                    : update.adamw(t.part, beta1: momentum, decay: decay)
            }
        }
        var norms: [String: UpdateNorms] = [:]
        var sums = [SIMD4<Double>](repeating: .zero, count: trained.count)
        for (task, sum) in zip(tasks, partial) { sums[task.parameter] += sum }
        for (parameter, sum) in zip(trained, sums) {
            norms[parameter.name] = UpdateNorms(
                gradient: sum[0].squareRoot(), update: sum[1].squareRoot(), weight: sum[2].squareRoot())
        }
        return norms
    }
}

/// Of `torch.optim.AdamW`, its defaults.
enum AdamW {
    static let beta2 = 0.999
    static let epsilon = Float(1e-8)
}

/// The pointers of one parameter's update; the loops return the sums of squares of gradient, change and old weights.
private struct Update {
    let rate: Double
    let weights: UnsafeMutablePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    let first: UnsafeMutablePointer<Float>?
    let second: UnsafeMutablePointer<Float>?
    let isFirst: Bool
    let steps: Int

    func sgd(_ part: Range<Int>, momentum: Float, decay: Float) -> SIMD4<Double> {
        let at = part.lowerBound
        return ParameterUpdate.sgd(
            weights + at, gradient: gradient + at, momenta: first.map { $0 + at }, isFirst: isFirst, count: part.count,
            rate: Float(rate), momentum: momentum, decay: decay)
    }

    func adamw(_ part: Range<Int>, beta1: Double, decay: Double) -> SIMD4<Double> {
        guard let first, let second else { return .zero }
        let (beta2, at) = (AdamW.beta2, part.lowerBound)
        let terms = AdamTerms(
            keep: Float(1 - rate * decay), stepSize: Float(rate / (1 - pow(beta1, Double(steps)))),
            root: Float((1 - pow(beta2, Double(steps))).squareRoot()), betas: (Float(beta1), Float(beta2)),
            complements: (Float(1 - beta1), Float(1 - beta2)), epsilon: AdamW.epsilon)
        return ParameterUpdate.adamw(
            weights + at, gradient: gradient + at, first: first + at, second: second + at, count: part.count,
            terms: terms)
    }
}
