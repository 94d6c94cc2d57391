import Foundation
import Support
import Synchronization
import TrainingEvents

/// Lets dashboards and scripts attach to the run of this process: hands them its events, and their commands to the engine.
///
/// The engine's side is `take`, which never waits: a thread of its own speaks to the clients, and no client, however slow,
/// makes more wait in memory than `ClientConnection` allows. Without clients a step costs a lock and no more.
package final class RunServer: EventListener {
    /// What the server needs of the run.
    package struct Run: Sendable {
        package var mailbox: EventMailbox
        package var send: @Sendable (CommandRequest) -> Void
        /// How many commands the engine has not looked at yet.
        package var waitingCommands: @Sendable () -> Int

        package init(
            mailbox: EventMailbox, send: @escaping @Sendable (CommandRequest) -> Void,
            waitingCommands: @escaping @Sendable () -> Int
        ) {
            self.mailbox = mailbox
            self.send = send
            self.waitingCommands = waitingCommands
        }

        /// Hands a command to the engine, and tells the clients of it. `requester` is this process where nil.
        package func pass(_ request: CommandRequest, by requester: Requester? = nil) {
            mailbox.post(.asked(request, by: requester ?? .here))
            send(request)
        }
    }

    struct State {
        var events: [PostedEvent] = []
        /// Whether the next event that can be merged is waited for.
        var wakesOnMerged = false
        /// The run folder, once it is there, until the socket is made.
        var folder: String?
        /// When everything must have been said, once the run is over.
        var end: UInt64?
        var isOver = false
    }

    let state = Mutex(State())
    /// Wakes the thread.
    let pipe = WakePipe()

    package init() {}

    /// Begins to serve.
    /// - Parameters:
    ///   - owner: a connection to the dashboard that started this process.
    ///   - survivesOwner: whether the run goes on where that dashboard vanishes without a word; else it stops.
    package func start(_ run: Run, owner: Int32? = nil, survivesOwner: Bool = false) {
        let started = NamedThread.start("frostline-serve") { [self] in
            ServerLoop(self, run, owner: owner, survivesOwner: survivesOwner).serve()
            state.withLock { $0.isOver = true }
        }
        if !started { state.withLock { $0.isOver = true } }
    }

    /// The run folder is there and locked: from now on it has a socket.
    package func listen(in folder: String) {
        state.withLock { $0.folder = folder }
        pipe.wake()
    }

    /// Keeps the event for the clients; where it can be merged with one that waits already, it takes that one's place.
    package func take(_ posted: PostedEvent) {
        let wakes = state.withLock { state in
            if state.isOver { return false }
            guard let merging = posted.event.merging else {
                state.events.append(posted)
                return true
            }
            if let old = state.events.lastIndex(where: { $0.event.merging == merging }) { state.events.remove(at: old) }
            state.events.append(posted)
            defer { state.wakesOnMerged = false }
            return state.wakesOnMerged
        }
        if wakes { pipe.wake() }
    }

    /// Tells the clients what is still to be told, for so many seconds at most, and closes everything.
    package func finish(within seconds: Double = 3) {
        state.withLock { $0.end = DispatchTime.now().uptimeNanoseconds + UInt64(seconds * 1e9) }
        pipe.wake()
        let limit = ContinuousClock.now + .seconds(seconds + 1)
        while !state.withLock({ $0.isOver }), ContinuousClock.now < limit { usleep(1000) }
    }
}

extension Requester {
    /// This process itself.
    static var here: Requester {
        Requester(client: 0, user: UnixSocket.name(of: geteuid()), terminal: AttachedRun.terminal)
    }
}
