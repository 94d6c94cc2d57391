import Foundation
import Support
import TrainingEvents

/// The server's thread: waits for events, for new clients and for what they say, in one place.
final class ServerLoop {
    static let mostClients = 16
    /// Commands that may wait for the engine; one more is a flood, not keys, and its client is closed.
    static let mostCommands = 256
    /// Parameters that one client may have inspected at once.
    private static let mostInspected = 8
    /// Nanoseconds between two events of a kind that can be merged: more often they cannot be read. A report of mistakes
    /// is a hundred times as long as the others.
    private static func interval(of merging: TrainingEvent.Merging) -> UInt64 {
        merging == .mistakes ? 500_000_000 : 33_000_000
    }

    private let server: RunServer
    private let run: RunServer.Run
    private let survivesOwner: Bool
    private let coder = MessageCoder()
    private var snapshot = RunSnapshot()
    private var clients: [ClientConnection] = []
    private var count = 0
    private var listener: (descriptor: Int32, path: String, inode: ino_t, place: SocketPlace)?
    /// When an event of the kind was last passed on.
    private var lastMerged: [TrainingEvent.Merging: UInt64] = [:]
    private var isWatched = false
    private var inspected: [String] = []
    private var announced: [Requester] = []

    init(_ server: RunServer, _ run: RunServer.Run, owner: Int32?, survivesOwner: Bool) {
        self.server = server
        self.run = run
        self.survivesOwner = survivesOwner
        if let owner { add(owner, isOwner: true) }
    }

    func serve() {
        while true {
            let speaking = wait()
            let now = Self.now()
            let end = takeEvents(now)
            acceptClients(now)
            for client in clients { listen(to: client, speaks: speaking.contains(client.descriptor), now) }
            for client in clients { client.flush() }
            forgetGone(now)
            if let end, now >= end || clients.allSatisfy({ !$0.wantsToWrite }) { break }
        }
        // Before the connections end: clients take that for a sign that the folder is free (`waitUntilClosed`).
        if let listener {
            listener.place.remove(listener.path, descriptor: listener.descriptor, inode: listener.inode)
        }
        for client in clients { client.close(with: nil) }
        clients = []
    }

    private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

    // MARK: Waiting

    /// - Returns: the descriptors of the clients that have said something.
    private func wait() -> Set<Int32> {
        var sources = [
            pollfd(fd: server.pipe.reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: listener?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        for client in clients {
            let events = (client.isClosing ? 0 : POLLIN) | (client.wantsToWrite ? POLLOUT : 0)
            sources.append(pollfd(fd: client.descriptor, events: Int16(events), revents: 0))
        }
        let now = Self.now()
        var until = clients.compactMap(\.deadline).min()
        server.state.withLock { state in
            if let end = state.end { until = min(until ?? .max, end) }
            guard clients.contains(where: \.isAttached) else { return }
            // Those that came early wait for their time; else the next one wakes this thread.
            state.wakesOnMerged = state.events.isEmpty
            for posted in state.events { until = min(until ?? .max, max(now, due(posted))) }
        }
        let timeout = until.map { $0 <= now ? 0 : Int32(min(60_000, ($0 - now + 999_999) / 1_000_000)) } ?? -1
        _ = poll(&sources, nfds_t(sources.count), server.pipe.reading < 0 ? 20 : timeout)
        server.pipe.clear()
        return Set(sources.dropFirst(2).filter { $0.revents != 0 }.map(\.fd))
    }

    // MARK: Events

    /// When the event is to be passed on.
    private func due(_ posted: PostedEvent) -> UInt64 {
        posted.event.merging.map { (lastMerged[$0] ?? 0) + Self.interval(of: $0) } ?? 0
    }

    /// Takes what the engine has posted, in order, except those at the end that can be merged and come too soon after the
    /// last of their kind. Mistakes change nothing of what comes after them, and wait in any case.
    /// - Returns: when everything must have been said, once the run is over.
    private func takeEvents(_ now: UInt64) -> UInt64? {
        let (events, folder, end) = server.state.withLock { state in
            // Without a listener nothing comes too soon.
            let takesAll = state.end != nil || !clients.contains(where: \.isAttached)
            let last = state.events.lastIndex { $0.event.merging == nil } ?? -1
            var (events, waiting): ([PostedEvent], [PostedEvent]) = ([], [])
            for (number, posted) in state.events.enumerated() {
                let mayWait = number > last || posted.event.merging == .mistakes
                if !takesAll, mayWait, due(posted) > now { waiting.append(posted) } else { events.append(posted) }
            }
            state.events = waiting
            defer { state.folder = nil }
            return (events, state.folder, state.end)
        }
        if let folder { listen(in: folder) }
        for posted in events {
            snapshot.take(posted)
            if let merging = posted.event.merging { lastMerged[merging] = now }
            guard clients.contains(where: \.isAttached) else { continue }
            let frame = frame(posted)
            for client in clients where client.isAttached { client.add(frame, merging: posted.event.merging) }
        }
        return end
    }

    private func frame(_ posted: PostedEvent) -> [UInt8] {
        do { return try coder.frame(ServerMessage.event(posted.event, at: posted.place)) } catch {
            // A million classes, say. What is left of the event is that there was one.
            let notice = TrainingEvent.notice("an event could not be sent: \(error)")
            return (try? coder.frame(ServerMessage.event(notice, at: posted.place))) ?? []
        }
    }

    // MARK: Clients

    private func listen(in folder: String) {
        let place = SocketPlace(folder: folder)
        do {
            let (descriptor, path) = try place.listen()
            var status = stat()
            stat(path, &status)
            listener = (descriptor, path, status.st_ino, place)
        } catch {
            run.mailbox.post(.warning("no dashboard can be attached to this run: \(error)"))
        }
    }

    private func acceptClients(_ now: UInt64) {
        guard let listener else { return }
        while true {
            let descriptor = accept(listener.descriptor, nil, nil)
            guard descriptor >= 0 else { return }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            guard let peer = UnixSocket.peer(of: descriptor), UnixSocket.isTrusted(peer) else {
                close(descriptor)
                continue
            }
            add(descriptor, user: UnixSocket.name(of: peer), isOwner: false, now)
            if clients.count > Self.mostClients, let last = clients.last {
                refuse(last, "\(Self.mostClients) dashboards and scripts are attached already; close one of them")
            }
        }
    }

    private func add(_ descriptor: Int32, user: String? = nil, isOwner: Bool, _ now: UInt64 = ServerLoop.now()) {
        let user = user ?? UnixSocket.name(of: geteuid())
        clients.append(ClientConnection(descriptor, user: user, isOwner: isOwner, now: now))
    }

    private func refuse(_ client: ClientConnection, _ reason: String) {
        client.close(with: try? coder.frame(ServerMessage.refusal(reason)))
    }

    private func listen(to client: ClientConnection, speaks: Bool, _ now: UInt64) {
        do throws(FrameError) {
            let messages = speaks ? try client.read(coder, now: now) : []
            for message in messages where client.requester == nil || client.isAttached {
                try handle(message, of: client)
            }
            if let deadline = client.deadline, now >= deadline, !client.isClosing { throw .unfinished }
        } catch {
            refuse(client, "\(error)")
        }
    }

    private func handle(_ message: ClientMessage, of client: ClientConnection) throws(FrameError) {
        switch message {
        case .hello(let purpose, let terminal):
            guard client.requester == nil else { throw .unknown }
            count += 1
            client.greet(number: count, purpose: purpose, terminal: terminal)
            let welcome = Welcome(
                client: count, process: Int(getpid()), metricsEnd: snapshot.metricsEnd, isPaused: snapshot.isPaused)
            client.add(try coder.frame(ServerMessage.welcome(welcome)))
            for posted in snapshot.events { client.add(frame(posted)) }
            followWatchers()
        case .leave:
            client.hasLeft = true
            client.close(with: try coder.frame(ServerMessage.farewell))
        case .command(let request):
            guard let requester = client.requester else { throw .unknown }
            guard client.purpose != .reader else {
                return refuse(client, "this connection only looks; a command needs `frostline attach` or `tell`")
            }
            guard run.waitingCommands() < Self.mostCommands else {
                return refuse(client, "\(Self.mostCommands) commands wait already; too many at once")
            }
            pass(request, of: client, requester)
        }
    }

    private func pass(_ request: CommandRequest, of client: ClientConnection, _ requester: Requester) {
        switch request.command {
        case .watch(let wanted):
            client.watches = wanted
            followWatchers()
        case .inspect(let names):
            client.inspected = Array(names.prefix(Self.mostInspected))
            followWatchers()
        default:
            // Nothing answers a command by the number of another client.
            let id = request.id.map { CommandID(client: requester.client, number: $0.number) }
            run.pass(CommandRequest(request.command, id: id), by: requester)
        }
    }

    private func forgetGone(_ now: UInt64) {
        for client in clients where client.isClosing {
            if let deadline = client.deadline, now >= deadline { client.drop() }
        }
        let gone = clients.filter(\.isGone)
        if gone.isEmpty { return }
        clients.removeAll(where: \.isGone)
        if gone.contains(where: { $0.isOwner && !$0.hasLeft }), !survivesOwner {
            // As a terminal that closes stops a run.
            run.send(CommandRequest(.stop))
        }
        followWatchers()
    }

    /// Tells the engine what the dashboards together want of it, and the dashboards of each other.
    private func followWatchers() {
        let attached = clients.filter(\.isAttached)
        let watched = attached.contains(where: \.watches)
        if watched != isWatched {
            isWatched = watched
            run.send(CommandRequest(.watch(watched)))
        }
        var names: [String] = []
        for name in attached.flatMap(\.inspected) where !names.contains(name) { names.append(name) }
        if names != inspected {
            inspected = names
            run.send(CommandRequest(.inspect(names)))
        }
        let dashboards = attached.filter { $0.purpose == .dashboard }.compactMap(\.requester)
        if dashboards != announced {
            announced = dashboards
            run.mailbox.post(.dashboards(dashboards))
        }
    }
}
