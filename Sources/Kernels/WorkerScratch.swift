/// Memory that a worker uses while it does a task, kept from call to call and grown where it is too small.
///
/// Sendable because each worker touches only its own slots, so no two threads meet here.
package final class WorkerScratch: @unchecked Sendable {
    enum Slot: Int { case tile, columns, product, weights }

    private let slots: UnsafeMutablePointer<FloatBuffer?>
    private let count: Int
    private static let slotsPerWorker = Slot.weights.rawValue + 1

    package init(threads: Int) {
        count = threads * Self.slotsPerWorker
        slots = .allocate(capacity: count)
        slots.initialize(repeating: nil, count: count)
    }

    deinit {
        slots.deinitialize(count: count)
        slots.deallocate()
    }

    /// At least `count` floats, 64-byte aligned, with whatever the last task left in them.
    func floats(_ worker: Int, _ slot: Slot, count: Int) -> UnsafeMutablePointer<Float> {
        let index = worker * Self.slotsPerWorker + slot.rawValue
        if let buffer = slots[index], buffer.count >= count { return buffer.pointer }
        let buffer = FloatBuffer(count: count)
        slots[index] = buffer
        return buffer.pointer
    }

    package func release() {
        for index in 0..<count { slots[index] = nil }
    }
}
