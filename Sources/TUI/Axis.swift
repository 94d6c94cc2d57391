import Support
/// A value axis: its bounds, and the values that are worth writing beside it.
package struct Axis {
    package var low: Double
    package var high: Double
    package var isLogarithmic: Bool
    package var ticks: [Double]
    package var labels: [String]

    /// Where a value lies, 0 at the low end and 1 at the high end.
    package func place(_ value: Double) -> Double {
        let value = isLogarithmic ? logarithm10(max(value, 1e-300)) : value
        return min(1, max(0, (value - low) / (high - low)))
    }

    /// An axis of round bounds around the data, with about `count` ticks at 1, 2 or 5 times a power of ten.
    package static func linear(
        _ least: Double, _ greatest: Double, count: Int, within: ClosedRange<Double>? = nil, percent: Bool
    ) -> Axis {
        var least = least
        var greatest = greatest
        if !(least <= greatest) { (least, greatest) = (0, 1) }
        // The bound keeps the arithmetic finite.
        least = max(-1e150, min(1e150, least))
        greatest = max(-1e150, min(1e150, greatest))
        if greatest - least < 1e-9 * max(1, abs(greatest)) {
            let room = max(abs(greatest) * 0.1, percent ? 0.05 : 1e-3)
            least -= room
            greatest += room
        }
        // Near zero the axis starts at zero, so that distances mean something.
        if least > 0, least < 0.35 * greatest { least = 0 }
        if let within {
            least = max(within.lowerBound, least)
            greatest = min(within.upperBound, greatest)
            if greatest <= least { (least, greatest) = (within.lowerBound, within.upperBound) }
        }
        var step = roundStep((greatest - least) / Double(max(1, count)))
        func rounded() -> (low: Double, high: Double) {
            ((least / step + 1e-9).rounded(.down) * step, (greatest / step - 1e-9).rounded(.up) * step)
        }
        var (low, high) = rounded()
        while (high - low) / step > Double(max(1, count)) + 0.5 {
            step = roundStep(step * 1.5)
            (low, high) = rounded()
        }
        if let within {
            low = max(low, within.lowerBound)
            high = min(high, within.upperBound)
        }
        var ticks: [Double] = []
        var index = (low / step - 1e-9).rounded(.up)
        while index * step <= high + step * 1e-6, ticks.count < 64 {
            ticks.append(index * step)
            index += 1
        }
        let shown = percent ? step * 100 : step
        let places = shown >= 1 ? 0 : min(6, -Int(Numbers.log10Floor(shown)))
        let labels = ticks.map { tick in
            if percent { return Numbers.fixed(tick * 100, places) + "%" }
            if high >= 1e5 || (places >= 5 && high < 1e-3) { return Numbers.scientific(tick, places: 0) }
            return Numbers.fixed(tick, places)
        }
        return Axis(low: low, high: high, isLogarithmic: false, ticks: ticks, labels: labels)
    }

    /// A logarithmic axis; `least` and `greatest` are positive.
    package static func logarithmic(_ least: Double, _ greatest: Double, count: Int) -> Axis {
        var least = max(1e-250, least)
        var greatest = min(1e250, greatest)
        if !(least <= greatest) { (least, greatest) = (1e-3, 1) }
        let low = roundLog(least, up: false)
        var high = roundLog(greatest, up: true)
        if high / low < 4 { high = roundLog(low * 4, up: true) }
        let first = Int(Numbers.log10Floor(low))
        let last = Int(Numbers.log10Floor(high)) + 1
        var ticks: [Double] = []
        if last - first <= 4 {
            for exponent in first...last {
                for factor in [1.0, 2, 5] { ticks.append(factor * Numbers.power10(exponent)) }
            }
            ticks = ticks.filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
        }
        if ticks.isEmpty || ticks.count > count + 1 {
            let every = max(1, (last - first + max(1, count) - 1) / max(1, count))
            let decades = stride(from: first, through: last, by: every).map { Numbers.power10($0) }
                .filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
            ticks = decades.count >= 2 ? decades : [low, high]
        }
        return Axis(
            low: logarithm10(low), high: logarithm10(high), isLogarithmic: true, ticks: ticks,
            labels: ticks.map(label))
    }

    /// `0.05`, `2`, `100`; powers of ten only where zeros would have to be counted.
    private static func label(_ tick: Double) -> String {
        guard tick >= 0.00099, tick < 9999 else { return Numbers.scientific(tick, places: 0) }
        return Numbers.fixed(tick, tick >= 0.99 ? 0 : tick >= 0.099 ? 1 : tick >= 0.0099 ? 2 : 3)
    }

    /// 1, 2 or 5 times a power of ten, at least `step`.
    package static func roundStep(_ step: Double) -> Double {
        guard step > 0, step.isFinite else { return 1 }
        let unit = Numbers.power10(Int(Numbers.log10Floor(step)))
        for factor in [1.0, 2, 5] where factor * unit >= step * (1 - 1e-9) { return factor * unit }
        return 10 * unit
    }

    private static func roundLog(_ value: Double, up: Bool) -> Double {
        let unit = Numbers.power10(Int(Numbers.log10Floor(value)))
        let candidates = [1.0, 2, 5, 10].map { $0 * unit }
        return up
            ? candidates.first { $0 >= value * 0.999 } ?? 10 * unit : candidates.last { $0 <= value * 1.001 } ?? unit
    }
}
