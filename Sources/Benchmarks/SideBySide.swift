/// What a row is to reach.
package struct Target: Sendable, Equatable {
    package enum Measure: Sendable, Equatable {
        /// PyTorch's figure over Frostline's: the more, the better.
        case timesFaster
        /// Frostline's figure over PyTorch's: the less, the better.
        case share
    }

    package let measure: Measure
    package let least: Double
    package let aim: Double

    package init(_ measure: Measure, least: Double, aim: Double) {
        self.measure = measure
        self.least = least
        self.aim = aim
    }

    package func ratio(frostline: Double, pytorch: Double) -> Double {
        measure == .timesFaster ? pytorch / frostline : frostline / pytorch
    }

    package func isMet(_ ratio: Double, by bound: Double) -> Bool {
        measure == .timesFaster ? ratio >= bound : ratio <= bound
    }
}

/// One row of the benchmark: a figure of each side a round.
package struct SideBySide: Sendable {
    /// Both figures were taken one right after the other.
    package typealias Pair = (frostline: Double, pytorch: Double?)

    package let name: String
    /// "ms", "s" or "MiB".
    package let unit: String
    package let target: Target
    package var rounds: [Pair]

    package init(name: String, unit: String, target: Target, rounds: [Pair] = []) {
        self.name = name
        self.unit = unit
        self.target = target
        self.rounds = rounds
    }

    package var frostline: Double? { Self.median(rounds.map(\.frostline)) }
    package var pytorch: Double? { Self.median(rounds.compactMap(\.pytorch)) }

    /// Of each round by itself, so that a machine that slows down in between spoils none of them.
    package var ratios: [Double] {
        rounds.compactMap { pair in pair.pytorch.map { target.ratio(frostline: pair.frostline, pytorch: $0) } }
    }
    package var ratio: Double? { Self.median(ratios) }
    package var spread: ClosedRange<Double>? {
        guard let low = ratios.min(), let high = ratios.max() else { return nil }
        return low...high
    }
    package var meetsLeast: Bool? { ratio.map { target.isMet($0, by: target.least) } }
    package var meetsAim: Bool? { ratio.map { target.isMet($0, by: target.aim) } }

    package static func median(_ values: [Double]) -> Double? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
