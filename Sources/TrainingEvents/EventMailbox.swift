import Glibc
import Synchronization

/// An event as it leaves the engine.
package struct PostedEvent: Sendable, Equatable {
    package var event: TrainingEvent
    /// nil where the event has nothing to do with the run's record, or before there is one.
    package var place: MetricsPlace?

    package init(_ event: TrainingEvent, at place: MetricsPlace? = nil) {
        self.event = event
        self.place = place
    }
}

/// Where an event belongs in metrics.jsonl, in bytes: its own line, or, where it has none, the place between two lines at
/// which it happened (then both ends are the same).
package struct MetricsPlace: Sendable, Equatable, Codable {
    package var begin: Int
    package var end: Int

    package init(begin: Int, end: Int) {
        self.begin = begin
        self.end = end
    }
}

/// What gets a copy of every event, on whatever thread posts it; it must not wait.
package protocol EventListener: AnyObject, Sendable {
    func take(_ posted: PostedEvent)
}

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
    private let listener: (any EventListener)?
    /// The reading end of a pipe, readable while events wait; -1 where the system gave none (then `drain` still works).
    package let descriptor: Int32
    /// The writing end: one byte wakes the listener, also from a signal handler.
    package let wakeDescriptor: Int32

    package init(limit: Int = 8192, listener: (any EventListener)? = nil) {
        self.limit = max(2, limit)
        self.listener = listener
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

    package func post(_ event: TrainingEvent) { post(event, at: nil) }

    package func post(_ event: TrainingEvent, at place: MetricsPlace?) {
        listener?.take(PostedEvent(event, at: place))
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

    /// How many events wait to be drained.
    package var count: Int { state.withLock { $0.events.count } }

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
