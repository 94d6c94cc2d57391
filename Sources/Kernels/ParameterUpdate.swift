import LoopTypes

/// An optimizer's step over some of a parameter's floats. The sums of squares of gradient, change and old weights come back.
package enum ParameterUpdate {
    /// d = g + λ·w;  b = d at first, then μ·b + d;  w ← w − η·b,  with b in `momenta` and without it w ← w − η·d.
    package static func sgd(
        _ weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, momenta: UnsafeMutablePointer<Float>?,
        isFirst: Bool, count: Int, rate: Float, momentum: Float, decay: Float
    ) -> SIMD4<Double> {
        loops.sgd(
            weights, gradient: gradient, momenta: momenta, isFirst: isFirst, count: count, rate: rate,
            momentum: momentum, decay: decay)
    }

    /// m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  w ← keep·w − stepSize · m / (√v/root + ε).
    package static func adamw(
        _ weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, first: UnsafeMutablePointer<Float>,
        second: UnsafeMutablePointer<Float>, count: Int, terms: AdamTerms
    ) -> SIMD4<Double> {
        loops.adamw(weights, gradient: gradient, first: first, second: second, count: count, terms: terms)
    }

    /// Σ x² in float64, always in the same order.
    package static func squareSum(_ x: UnsafePointer<Float>, count: Int) -> Double {
        loops.squareSum(x, count: count)
    }
}
