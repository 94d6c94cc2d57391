import Synchronization
import TrainingEvents

/// Commands on their way to the engine. Sending never waits; the engine looks in between two steps.
final class CommandInbox: Sendable {
    private struct State {
        var commands: [TrainingCommand] = []
        var stopRequested = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func send(_ command: TrainingCommand) {
        let waiter = state.withLock { state in
            state.commands.append(command)
            if command == .stop { state.stopRequested = true }
            let waiter = state.waiter
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// True from the moment a stop was sent, so that long work can end early.
    var stopRequested: Bool { state.withLock { $0.stopRequested } }

    func drain() -> [TrainingCommand] {
        state.withLock { state in
            let commands = state.commands
            state.commands = []
            return commands
        }
    }

    /// Suspends until a command is there (one caller at a time: the engine, while paused).
    func wait() async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                if state.commands.isEmpty {
                    state.waiter = continuation
                    return false
                }
                return true
            }
            if ready { continuation.resume() }
        }
    }
}
