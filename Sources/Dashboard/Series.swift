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
        package var count: Int
        /// Whether the line breaks after this slot's values.
        package var endsInGap: Bool
        /// Whether the line breaks before this slot's first value.
        package var startsInGap: Bool

        package var mean: Double { sum / Double(count) }
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
        if finite {
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
                sum: finite ? value : 0, count: finite ? 1 : 0, endsInGap: !finite, startsInGap: !finite))
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
}
