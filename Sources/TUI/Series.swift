/// A quantity over the steps of a run, in bounded memory however long the run is.
///
/// Samples fall into slots of `stride` steps. When there are more slots than `capacity`, neighbours are merged and the
/// stride doubles. A slot keeps its least and its greatest value, so a spike of one step is still there after a million;
/// what is not a finite number is a gap.
package struct Series: Sendable {
    package struct Slot: Sendable, Equatable {
        package var index: Int
        /// Least and greatest finite value; least > greatest where the slot holds none.
        package var least = Double.infinity
        package var greatest = -Double.infinity
        package var sum = 0.0
        /// Sums of the smoothed values, light and strong.
        package var light = 0.0
        package var strong = 0.0
        package var count = 0
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
        var slot = Slot(index: index, endsInGap: !value.isFinite, startsInGap: !value.isFinite)
        if value.isFinite {
            (slot.least, slot.greatest, slot.sum, slot.count) = (value, value, value, 1)
            (slot.light, slot.strong) = (light.add(value), strong.add(value))
            least = min(least, value)
            greatest = max(greatest, value)
            if value > 0 { leastPositive = min(leastPositive, value) }
            last = value
        }
        Self.add(slot, to: &slots)
        while slots.count > capacity { halve() }
    }

    /// Merges the slot into the last one, where they are at the same place.
    private static func add(_ slot: Slot, to slots: inout [Slot]) {
        guard let last = slots.indices.last, slots[last].index == slot.index else { return slots.append(slot) }
        slots[last].least = min(slots[last].least, slot.least)
        slots[last].greatest = max(slots[last].greatest, slot.greatest)
        slots[last].sum += slot.sum
        slots[last].light += slot.light
        slots[last].strong += slot.strong
        if slots[last].count == 0 { slots[last].startsInGap = true }
        slots[last].count += slot.count
        slots[last].endsInGap = slot.endsInGap
    }

    private mutating func halve() {
        var merged: [Slot] = []
        merged.reserveCapacity(capacity + 1)
        for var slot in slots {
            slot.index >>= 1
            Self.add(slot, to: &merged)
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
