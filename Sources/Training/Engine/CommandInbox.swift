import Synchronization
import TrainingEvents

/// Commands on their way to the engine, in the order in which they were sent. Sending never waits; the engine takes one
/// at a time between two steps.
package final class CommandInbox: Sendable {
    private struct State {
        var requests: [CommandRequest] = []
        var stopRequested = false
        var waiter: CheckedContinuation<Void, Never>?
        var isWoken = false
    }

    private let state = Mutex(State())

    package init() {}

    package func send(_ request: CommandRequest) {
        let waiter = state.withLock { state in
            state.requests.append(request)
            if request.command == .stop { state.stopRequested = true }
            let waiter = state.waiter
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    package func send(_ command: TrainingCommand) { send(CommandRequest(command)) }

    /// True from the moment a stop was sent, so that long work can end early.
    var stopRequested: Bool { state.withLock { $0.stopRequested } }

    package var count: Int { state.withLock { $0.requests.count } }

    /// Takes the oldest, or the oldest that `condition` holds for; the others stay where they are.
    package func next(where condition: (TrainingCommand) -> Bool = { _ in true }) -> CommandRequest? {
        state.withLock { state in
            state.requests.firstIndex { condition($0.command) }.map { state.requests.remove(at: $0) }
        }
    }

    /// Lets `wait` return although no command has come: there is something else to look at.
    func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isWoken = true }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Suspends until a command is there (one caller at a time: the engine, while paused).
    func wait() async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                if state.requests.isEmpty, !state.isWoken {
                    state.waiter = continuation
                    return false
                }
                state.isWoken = false
                return true
            }
            if ready { continuation.resume() }
        }
    }
}
