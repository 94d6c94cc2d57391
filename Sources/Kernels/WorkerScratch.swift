/// Memory that a worker uses while it does a task, kept from call to call and grown where it is too small.
///
/// Each worker touches only its own slots, so no two threads meet here.
package final class WorkerScratch {
    enum Slot: Int, CaseIterable { case tile, columns, product, offsets, panel }

    private let slots: UnsafeMutablePointer<FloatBuffer?>
    private let count: Int

    package init(threads: Int) {
        count = threads * Slot.allCases.count
        slots = .allocate(capacity: count)
        slots.initialize(repeating: nil, count: count)
    }

    deinit {
        slots.deinitialize(count: count)
        slots.deallocate()
    }

    /// At least `count` floats, 64-byte aligned, with whatever the last task left in them.
    func floats(_ worker: Int, _ slot: Slot, count: Int) -> UnsafeMutablePointer<Float> {
        let index = worker * Slot.allCases.count + slot.rawValue
        if let buffer = slots[index], buffer.count >= count { return buffer.pointer }
        let buffer = FloatBuffer(count: count)
        slots[index] = buffer
        return buffer.pointer
    }

    func integers(_ worker: Int, _ slot: Slot, count: Int) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(floats(worker, slot, count: count)).assumingMemoryBound(to: Int32.self)
    }

    package func release() {
        for index in 0..<count { slots[index] = nil }
    }
}
