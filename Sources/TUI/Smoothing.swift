/// How much of the past a smoothed line keeps.
package enum Smoothing: String, CaseIterable, Sendable {
    case off, light, strong

    /// The share of the average so far that stays in the next one: about 1, 2.5 and 20 samples are in it.
    package var weight: Double {
        switch self {
        case .off: 0
        case .light: 0.6
        case .strong: 0.95
        }
    }
}

extension CaseIterable where Self: Equatable {
    /// The next case; after the last comes the first.
    package var next: Self {
        let all = Array(Self.allCases)
        return all[((all.firstIndex(of: self) ?? -1) + 1) % all.count]
    }
}

/// An exponential average that does not start at zero: each value is divided by the weight that was really given out,
/// as TensorBoard's line charts do. What is not finite passes through and leaves no trace; a line that has been constant
/// so far stays exactly that.
package struct DebiasedAverage: Sendable {
    private let weight: Double
    private var sum = 0.0
    /// The weight that is still on the zero before the first sample.
    private var missing = 1.0
    private var constant: Double?
    private var isConstant = true

    package init(_ smoothing: Smoothing) { weight = smoothing.weight }

    package mutating func add(_ value: Double) -> Double {
        guard value.isFinite else { return value }
        sum = weight * sum + (1 - weight) * value
        missing *= weight
        if let constant { isConstant = isConstant && value == constant } else { constant = value }
        return isConstant ? value : sum / (1 - missing)
    }
}
