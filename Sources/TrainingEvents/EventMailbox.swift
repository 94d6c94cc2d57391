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
    package var isLine: Bool { end > begin }

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
    private let pipe = WakePipe()
    /// Readable while events wait; -1 where the system gave no pipe (then `drain` still works).
    package var descriptor: Int32 { pipe.reading }
    /// One byte wakes the listener, also from a signal handler.
    package var wakeDescriptor: Int32 { pipe.writing }

    package init(limit: Int = 8192, listener: (any EventListener)? = nil) {
        self.limit = max(2, limit)
        self.listener = listener
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
    package func wake() { pipe.wake() }

    /// Takes everything that was posted since the last call, oldest first.
    package func drain() -> [TrainingEvent] {
        pipe.clear()
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
