/// A quantity over the steps of a run, in bounded memory however long the run is.
///
/// Samples fall into slots of `stride` steps. When there are more slots than `capacity`, neighbours are merged and the
/// stride doubles. A slot keeps its least and its greatest value, so a spike of one step is still there after a million;
/// what is not a finite number is a gap.
package struct Series: Sendable {
    package struct Slot: Sendable, Equatable {
        package var index: Int
        /// Least and greatest finite value; least > greatest where the slot holds none.
        package var least: Double
        package var greatest: Double
        package var sum: Double
        /// Sums of the smoothed values, light and strong.
        package var light: Double
        package var strong: Double
        package var count: Int
        /// Whether the line breaks after this slot's values.
        package var endsInGap: Bool
        /// Whether the line breaks before this slot's first value.
        package var startsInGap: Bool

        package var mean: Double { sum / Double(count) }
        package func mean(_ smoothing: Smoothing) -> Double { sum(smoothing) / Double(count) }

        package func sum(_ smoothing: Smoothing) -> Double {
            switch smoothing {
            case .off: sum
            case .light: light
            case .strong: strong
            }
        }
    }

    package private(set) var slots: [Slot] = []
    package private(set) var stride = 1
    package private(set) var base = 0
    package private(set) var last: Double?
    package private(set) var lastStep = 0
    /// Bounds of everything finite that was ever appended.
    package private(set) var least = Double.infinity
    package private(set) var greatest = -Double.infinity
    /// Least positive value, for logarithmic axes.
    package private(set) var leastPositive = Double.infinity
    private let capacity: Int
    /// Smoothing follows every sample, so a line looks the same however many of its points were merged since.
    private var light = DebiasedAverage(.light)
    private var strong = DebiasedAverage(.strong)

    package init(capacity: Int = 2048) { self.capacity = max(2, capacity) }

    package var isEmpty: Bool { least > greatest }

    /// The first step of a slot.
    package func step(of slot: Slot) -> Double { Double(base) + Double(slot.index) * Double(stride) }

    package mutating func append(_ value: Double, at step: Int) {
        // Beyond any run that ends, and far from where sums of steps could overflow.
        let step = max(0, min(1 << 40, step))
        if slots.isEmpty { base = step }
        let index = max((step - base) / stride, slots.last?.index ?? 0)
        lastStep = max(lastStep, step)
        let finite = value.isFinite
        var (soft, softest) = (0.0, 0.0)
        if finite {
            soft = light.add(value)
            softest = strong.add(value)
            least = min(least, value)
            greatest = max(greatest, value)
            if value > 0 { leastPositive = min(leastPositive, value) }
            last = value
        }
        if let current = slots.indices.last, slots[current].index == index {
            if finite {
                slots[current].least = min(slots[current].least, value)
                slots[current].greatest = max(slots[current].greatest, value)
                slots[current].sum += value
                slots[current].light += soft
                slots[current].strong += softest
                slots[current].count += 1
            } else if slots[current].count == 0 {
                slots[current].startsInGap = true
            }
            slots[current].endsInGap = !finite
            return
        }
        slots.append(
            Slot(
                index: index, least: finite ? value : .infinity, greatest: finite ? value : -.infinity,
                sum: finite ? value : 0, light: soft, strong: softest, count: finite ? 1 : 0, endsInGap: !finite,
                startsInGap: !finite))
        while slots.count > capacity { halve() }
    }

    private mutating func halve() {
        var merged: [Slot] = []
        merged.reserveCapacity(capacity + 1)
        for slot in slots {
            var slot = slot
            slot.index >>= 1
            if let current = merged.indices.last, merged[current].index == slot.index {
                merged[current].least = min(merged[current].least, slot.least)
                merged[current].greatest = max(merged[current].greatest, slot.greatest)
                merged[current].sum += slot.sum
                merged[current].light += slot.light
                merged[current].strong += slot.strong
                if merged[current].count == 0 { merged[current].startsInGap = true }
                merged[current].count += slot.count
                merged[current].endsInGap = slot.endsInGap
            } else {
                merged.append(slot)
            }
        }
        slots = merged
        stride *= 2
    }

    /// The slot with values that is nearest to a step.
    package func slot(near step: Double) -> Slot? {
        var low = 0
        var high = slots.count
        while low < high {
            let middle = (low + high) / 2
            if self.step(of: slots[middle]) <= step { low = middle + 1 } else { high = middle }
        }
        let before = slots[..<low].last { $0.count > 0 }
        let after = slots[low...].first { $0.count > 0 }
        guard let before, let after else { return before ?? after }
        return step - self.step(of: before) <= self.step(of: after) - step ? before : after
    }

    /// Least and greatest value between two steps, and the least positive one; nil where there is none.
    package func bounds(_ from: Double, _ to: Double) -> (least: Double, greatest: Double, leastPositive: Double)? {
        var result = (least: Double.infinity, greatest: -Double.infinity, leastPositive: Double.infinity)
        for slot in slots where slot.count > 0 {
            let start = step(of: slot)
            guard start <= to, start + Double(stride - 1) >= from else { continue }
            result.least = min(result.least, slot.least)
            result.greatest = max(result.greatest, slot.greatest)
            if slot.least > 0 {
                result.leastPositive = min(result.leastPositive, slot.least)
            } else if slot.greatest > 0 {
                // Which of the slot's values is the least positive one is not kept; no other of the run is less.
                result.leastPositive = min(result.leastPositive, leastPositive)
            }
        }
        return result.least <= result.greatest ? result : nil
    }
}
