import Glibc
import Synchronization

/// The one stream out of the engine: posting never waits, however slow the listener.
///
/// The listener polls `descriptor` (it becomes readable when something was posted) and calls `drain`. When a listener
/// falls more than `limit` events behind, the oldest step and progress events are dropped and counted; all
/// others (freezes, epochs, warnings, the end) are always kept.
package final class EventMailbox: Sendable {
    private struct State {
        var events: [TrainingEvent] = []
        var dropped = 0
    }

    private let state = Mutex(State())
    private let limit: Int
    /// The reading end of a pipe, readable while events wait; -1 where the system gave none (then `drain` still works).
    package let descriptor: Int32
    /// The writing end: one byte wakes the listener, also from a signal handler.
    package let wakeDescriptor: Int32

    package init(limit: Int = 8192) {
        self.limit = max(2, limit)
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) != 0 { ends = [-1, -1] }
        for end in ends where end >= 0 {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        descriptor = ends[0]
        wakeDescriptor = ends[1]
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
    }

    package func post(_ event: TrainingEvent) {
        state.withLock { state in
            state.events.append(event)
            if state.events.count > limit { Self.thin(&state) }
        }
        wake()
    }

    /// Makes `descriptor` readable without an event, so that the listener looks at something else.
    package func wake() {
        // A full pipe refuses the byte, which is fine: it is readable already.
        var byte: UInt8 = 1
        if wakeDescriptor >= 0 { _ = write(wakeDescriptor, &byte, 1) }
    }

    /// Takes everything that was posted since the last call, oldest first.
    package func drain() -> [TrainingEvent] {
        var bytes = [UInt8](repeating: 0, count: 256)
        if descriptor >= 0 { while read(descriptor, &bytes, bytes.count) == bytes.count {} }
        return state.withLock { state in
            let events = state.events
            state.events = []
            return events
        }
    }

    /// How many step and progress events a slow listener has lost.
    package var droppedCount: Int { state.withLock { $0.dropped } }

    /// Drops the older half of the events that may be dropped.
    private static func thin(_ state: inout State) {
        let droppable = state.events.indices.filter { state.events[$0].isFigure }
        let gone = Set(droppable.prefix((droppable.count + 1) / 2))
        guard !gone.isEmpty else { return }
        state.dropped += gone.count
        state.events = state.events.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
    }
}
