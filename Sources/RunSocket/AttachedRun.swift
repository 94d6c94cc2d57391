import Foundation
import Support
import Synchronization
import Training
import TrainingEvents

/// A run of another process, as its dashboard or a script sees it: the run's events arrive in a mailbox, each once and in
/// order, and commands go back.
///
/// What happened before, and steps that were left out for a slow connection, are read in metrics.jsonl: each event says
/// where in that file it belongs (`MetricsPlace`).
package final class AttachedRun: Sendable {
    package let mailbox: EventMailbox
    private let descriptor: Int32
    private let folder: String?
    private let readsHistory: Bool

    private struct State {
        var isLeaving = false
        var welcome: Welcome?
        var output: String?
        var endedWithoutWord = false
    }

    private let state = Mutex(State())

    /// Further events in the mailbox than this wait until it is emptied: it would drop steps otherwise.
    private static let mostWaiting = 4096

    /// - Parameters:
    ///   - descriptor: a connection to the run's process, which becomes this object's own.
    ///   - folder: the run folder; nil takes the one that the run names.
    ///   - readsHistory: whether what happened before comes too.
    package init(
        _ descriptor: Int32, folder: String?, purpose: ClientPurpose, readsHistory: Bool,
        mailbox: EventMailbox = EventMailbox()
    ) {
        self.descriptor = descriptor
        self.folder = folder
        self.readsHistory = readsHistory
        self.mailbox = mailbox
        // Before any command; a connection that is broken already shows it when it is read.
        _ = write(.hello(purpose, terminal: Self.terminal))
    }

    deinit { close(descriptor) }

    /// Attaches to the run in `folder`.
    ///
    /// Throws `AttachError.notRunning` where no process trains it, or `.foreign`.
    package static func open(
        _ folder: String, purpose: ClientPurpose, readsHistory: Bool, mailbox: EventMailbox = EventMailbox()
    ) throws -> AttachedRun {
        guard let descriptor = try SocketPlace(folder: folder).connect() else { throw AttachError.notRunning(folder) }
        return AttachedRun(
            descriptor, folder: folder, purpose: purpose, readsHistory: readsHistory, mailbox: mailbox)
    }

    /// Asks the process that trains the run in `folder` whether it is paused; nil where none answers within half a second.
    package static func isPaused(_ folder: String) -> Bool? {
        guard let descriptor = try? SocketPlace(folder: folder).connect() else { return nil }
        let run = AttachedRun(descriptor, folder: folder, purpose: .reader, readsHistory: false)
        var stream = MessageStream(descriptor)
        // The welcome is what comes first.
        guard case .welcome(let welcome)? = try? stream.next(within: .milliseconds(500)) else { return nil }
        return withExtendedLifetime(run) { welcome.isPaused }
    }

    /// The process that trains, once it has answered.
    package var process: Int? { state.withLock { $0.welcome?.process } }

    /// The run folder as the run names it, once it has.
    package var output: String? { state.withLock { $0.output } }

    /// Whether the connection ended before the run did.
    package var endedWithoutWord: Bool { state.withLock { $0.endedWithoutWord } }

    package var hasLeft: Bool { state.withLock { $0.isLeaving } }

    /// Sends a command; never waits. One that does not get through is refused, as the engine would.
    package func send(_ request: CommandRequest) {
        if !write(.command(request)) {
            mailbox.post(.refused(reason: "the run's process takes no more commands now", answers: request.id))
        }
    }

    /// Leaves the run to itself; `run` then ends.
    package func leave() {
        state.withLock { $0.isLeaving = true }
        // Without an answer there is none to leave.
        if !write(.leave) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    private func write(_ message: ClientMessage) -> Bool {
        guard let frame = try? MessageCoder().frame(message) else { return false }
        let sent = frame.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
        if sent == frame.count { return true }
        // Half a frame would spoil what follows.
        if sent > 0 { shutdown(descriptor, Int32(SHUT_RDWR)) }
        return false
    }

    /// Receives until the run is over, or `leave` was called, or the connection ends.
    package func run() async -> RunOutcome {
        await withCheckedContinuation { continuation in
            let started = NamedThread.start("frostline-attach") { [self] in continuation.resume(returning: receive()) }
            if !started { continuation.resume(returning: RunOutcome(failure: "the system gives no more threads")) }
        }
    }

    /// After `run`: waits until the run's process has closed the connection, which it does once its folder is given back
    /// and no socket is left in it. It has its seconds for slow clients (`RunServer.finish`), so there is a limit.
    package func waitUntilClosed(within time: Duration = .seconds(5)) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let limit = ContinuousClock.now + time
        while ContinuousClock.now < limit {
            var source = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&source, 1, 100) > 0 else { continue }
            // What is said after the run's end is nothing that this side needs.
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 || (count < 0 && errno != EINTR) { return }
        }
    }

    // MARK: Receiving

    private func receive() -> RunOutcome {
        var stream = MessageStream(descriptor)
        var receiver = Receiver(folder: folder, readsHistory: readsHistory)
        var leavingSince: ContinuousClock.Instant?
        while true {
            do throws(FrameError) {
                switch try stream.next(within: .milliseconds(500)) {
                case nil:
                    if stream.isAtEnd { return ended(nil) }
                    // The other side may have nothing to say, but an answer to this.
                    guard hasLeft else { continue }
                    let began = leavingSince ?? .now
                    leavingSince = began
                    if began.duration(to: .now) > .seconds(3) { return RunOutcome() }
                case .welcome(let welcome):
                    state.withLock { $0.welcome = welcome }
                    receiver.client = welcome.client
                case .event(let event, let place):
                    if case .opened(let run) = event { state.withLock { $0.output = run.output } }
                    receiver.take(event, at: place) { [self] event in
                        // A history of days must not run ahead of the listener.
                        while mailbox.count > Self.mostWaiting, !hasLeft { usleep(1000) }
                        mailbox.post(event)
                    }
                    if let outcome = Self.outcome(of: event) { return outcome }
                case .refusal(let reason): return fail("the run's process has closed the connection: \(reason)")
                case .farewell: return RunOutcome()
                }
            } catch {
                return ended(error)
            }
        }
    }

    private static func outcome(of event: TrainingEvent) -> RunOutcome? {
        switch event {
        case .finished(let summary): RunOutcome(summary: summary)
        case .failed(let message): RunOutcome(failure: message)
        default: nil
        }
    }

    private func ended(_ error: FrameError?) -> RunOutcome {
        if hasLeft { return RunOutcome() }
        state.withLock { $0.endedWithoutWord = true }
        let name = process.map { "process \($0)" } ?? "the process"
        guard let error else {
            return fail(
                "\(name) has ended without a word; --resume goes on from the last save"
                    + (folder.map { " in \($0)" } ?? ""))
        }
        return fail("the connection to \(name) is broken: \(error)")
    }

    private func fail(_ message: String) -> RunOutcome {
        mailbox.post(.failed(message))
        return RunOutcome(failure: message)
    }

    /// `pts/3`; nil where standard input is no terminal.
    static var terminal: String? {
        var name = [CChar](repeating: 0, count: 128)
        guard isatty(STDIN_FILENO) == 1, ttyname_r(STDIN_FILENO, &name, name.count) == 0 else { return nil }
        let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.hasPrefix("/dev/") ? String(path.dropFirst(5)) : path
    }
}

/// What the run's process says, message by message.
private struct MessageStream {
    private let descriptor: Int32
    private let coder = MessageCoder()
    private var reader = FrameReader()
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)
    /// Nothing comes any more.
    private(set) var isAtEnd = false

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// nil where no whole message comes within the time, or at the end. Throws where what comes is none.
    mutating func next(within time: Duration) throws(FrameError) -> ServerMessage? {
        let limit = ContinuousClock.now + time
        while true {
            if let body = try reader.next() { return try coder.message(ServerMessage.self, in: body) }
            let left = ContinuousClock.now.duration(to: limit)
            guard left > .zero, !isAtEnd else { return nil }
            var source = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&source, 1, Int32(max(1, left / .milliseconds(1)))) > 0 else { continue }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                reader.append(buffer[..<count])
            } else if count == 0 || errno != EINTR {
                isAtEnd = true
                if reader.isInsideFrame { throw .unfinished }
            }
        }
    }
}

/// Puts the events of a connection and those of metrics.jsonl into one order, in which each comes once.
struct Receiver {
    /// The number that this connection has; the commands of this process say 0.
    var client = 0
    private var history: RunHistory?
    private let readsHistory: Bool
    private var firstMask: [String] = []
    /// Of more steps in the record, or between two events, only some are read: reading takes processor time from training.
    private static let mostStepsAtFirst = 20_000
    private static let mostStepsBetween = 32

    init(folder: String?, readsHistory: Bool) {
        self.readsHistory = readsHistory
        if readsHistory { history = folder.map { RunHistory(folder: $0) } }
    }

    mutating func take(_ event: TrainingEvent, at place: MetricsPlace?, _ post: (TrainingEvent) -> Void) {
        if case .opened(let run) = event { firstMask = run.trainable }
        if case .opened(let run) = event, history == nil, readsHistory {
            history = run.output.map { RunHistory(folder: $0) }
        }
        if let place {
            let isAll = history?.offset == 0
            // The record has changes of the mask, and not the mask that the run began with.
            if isAll, place.begin > 0 {
                post(.freeze(FreezeReport(step: 1, trainable: firstMask, frostLine: "")))
            }
            history?.read(to: place.begin, mostSteps: isAll ? Self.mostStepsAtFirst : Self.mostStepsBetween, post)
            // Its line was read in the file.
            if place.isLine, let offset = history?.offset, offset >= place.end { return }
            history?.skip(to: place.end)
        }
        // The other side counts this connection among its clients, and itself as 0.
        post(event.numberingClients { [client] in $0 == client ? 0 : $0 == 0 ? client : $0 })
    }
}
