import Foundation
import RunSocket
import Synchronization
import Testing
import Training
import TrainingEvents

/// A server with a run that only takes notes.
private final class FakeRun: Sendable {
    let folder: String
    let server = RunServer()
    let mailbox: EventMailbox
    private let received = Mutex<[CommandRequest]>([])
    private let waiting = Mutex(0)

    init(owner: Int32? = nil, survivesOwner: Bool = false, folder: String? = nil) throws {
        self.folder = folder ?? NSTemporaryDirectory() + "/frostline-socket-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        mailbox = EventMailbox(listener: server)
        server.start(
            RunServer.Run(
                mailbox: mailbox, send: { [self] request in received.withLock { $0.append(request) } },
                waitingCommands: { [self] in waiting.withLock { $0 } }),
            owner: owner, survivesOwner: survivesOwner)
        server.listen(in: self.folder)
        soon("a socket") { FileManager.default.fileExists(atPath: self.folder + "/socket") || folder != nil }
    }

    var commands: [CommandRequest] { received.withLock { $0 } }
    func setWaiting(_ count: Int) { waiting.withLock { $0 = count } }

    func end() {
        server.finish(within: 1)
        try? FileManager.default.removeItem(atPath: folder)
    }
}

@discardableResult
private func soon(_ what: String, within seconds: Double = 10, _ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if condition() { return true }
        usleep(2000)
    }
    Issue.record("never: \(what)")
    return false
}

/// The bare connection of a client, which says what it is told to.
private final class Client {
    let descriptor: Int32
    private let coder = MessageCoder()
    private var reader = FrameReader()
    private(set) var messages: [ServerMessage] = []
    private(set) var isClosed = false

    init(_ folder: String) throws { descriptor = try #require(try SocketPlace(folder: folder).connect()) }
    init(descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        // The other side may have closed the connection in the middle of it.
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func say(_ message: ClientMessage) throws { send(try coder.frame(message)) }

    func hear() throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !isClosed {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EAGAIN { break }
            if count <= 0 { isClosed = true } else { reader.append(buffer[..<count]) }
        }
        while let body = try reader.next() { messages.append(try coder.message(ServerMessage.self, in: body)) }
    }

    func hears(_ what: String, within seconds: Double = 10, _ condition: (Client) -> Bool) throws {
        soon(what, within: seconds) {
            try? hear()
            return condition(self)
        }
    }

    var events: [TrainingEvent] { messages.compactMap { if case .event(let event, _) = $0 { event } else { nil } } }
    var refusal: String? { messages.compactMap { if case .refusal(let reason) = $0 { reason } else { nil } }.last }
    var isWelcome: Bool { messages.contains { if case .welcome = $0 { true } else { false } } }
}

private func step(_ number: Int) -> TrainingEvent {
    .step(
        StepReport(
            step: number, epoch: 1, stepInEpoch: number, stepsPerEpoch: 1000, loss: 1, accuracy: 1, learningRate: 1,
            images: 8, milliseconds: 1, gradientNorms: [:], updateRatios: [:]))
}

@Suite struct ServerTests {
    @Test func `a client is told how things are, then what happens, and its commands reach the engine`() throws {
        let run = try FakeRun()
        defer { run.end() }
        run.mailbox.post(.warning("before"))
        run.mailbox.post(.paused(step: 4))
        let client = try Client(run.folder)
        try client.say(.hello(.dashboard, terminal: "pts/9"))
        try client.hears("the pause") { $0.events.contains(.paused(step: 4)) }
        #expect(client.events.first == .warning("before"))
        try client.say(.command(CommandRequest(.watch(true))))
        soon("a watch") { run.commands.contains(CommandRequest(.watch(true))) }
        try client.say(.command(CommandRequest(.setFrozen(["fc.bias"], true), id: CommandID(client: 99, number: 5))))
        soon("the command") { run.commands.contains { $0.id == CommandID(client: 1, number: 5) } }
        try client.hears("that it was asked") { client in
            client.events.contains {
                if case .asked(let request, let by) = $0 {
                    by.terminal == "pts/9" && request.id?.client == 1
                } else {
                    false
                }
            }
        }
        run.mailbox.post(.resumed(step: 5))
        try client.hears("the rest") { $0.events.last == .resumed(step: 5) }
        // The next one does not hear of a pause that is over.
        let second = try Client(run.folder)
        try second.say(.hello(.reader, terminal: nil))
        try second.hears("its dashboards") { $0.isWelcome }
        #expect(!second.events.contains(.paused(step: 4)))
        #expect(second.events.contains { if case .asked = $0 { true } else { false } })
    }

    @Test func `what is wrong gets a refusal and a closed connection, and nothing else happens`() throws {
        let run = try FakeRun()
        defer { run.end() }
        let good = try Client(run.folder)
        try good.say(.hello(.script, terminal: nil))
        try good.hears("a welcome") { $0.isWelcome }
        let coder = MessageCoder()
        let hello = try coder.frame(ClientMessage.hello(.script, terminal: nil))
        var otherVersion = hello
        otherVersion[2] = 7
        let wrong: [(String, [UInt8], String)] = [
            ("random bytes", (0..<500).map { _ in .random(in: 0...255) } + [1], ""),
            ("HTTP", Array("GET / HTTP/1.1\r\n\r\n".utf8), "not how"),
            ("another version", otherVersion, "version 7"),
            (
                "an unknown command",
                try hello + Frame.bytes(around: Array(#"{"command":{"_0":{"command":{"explode":{}}}}}"#.utf8)),
                "not know"
            ),
            ("a command before the hello", try coder.frame(ClientMessage.command(CommandRequest(.stop))), "not know"),
            ("two hellos", hello + hello, "not know"),
            ("a frame of 2 MiB", Array("FL".utf8) + [1, 0, 0, 0, 32, 0], "2097152"),
        ]
        for (name, bytes, reason) in wrong {
            let client = try Client(run.folder)
            client.send(bytes)
            try client.hears("\(name) closed") { $0.isClosed }
            #expect(
                reason.isEmpty || client.refusal?.contains(reason) == true, "\(name): \(client.refusal ?? "nothing")")
        }
        // A beginning without an end.
        let half = try Client(run.folder)
        half.send(Array(hello.dropLast(3)))
        try half.hears("half a frame closed", within: 12) { $0.isClosed }
        #expect(half.refusal?.contains("not whole") == true)
        #expect(run.commands.isEmpty)
        try good.say(.command(CommandRequest(.save, id: CommandID(number: 1))))
        soon("a command after all that") {
            run.commands == [CommandRequest(.save, id: CommandID(client: 1, number: 1))]
        }
    }

    @Test func `a reader's command, and a flood of commands, are refused`() throws {
        let run = try FakeRun()
        defer { run.end() }
        let reader = try Client(run.folder)
        try reader.say(.hello(.reader, terminal: nil))
        try reader.say(.command(CommandRequest(.stop)))
        try reader.hears("the end") { $0.isClosed }
        #expect(reader.refusal?.contains("only looks") == true)
        run.setWaiting(256)
        let flood = try Client(run.folder)
        try flood.say(.hello(.script, terminal: nil))
        try flood.say(.command(CommandRequest(.save)))
        try flood.hears("the end") { $0.isClosed }
        #expect(flood.refusal?.contains("too many at once") == true)
        #expect(run.commands.isEmpty)
    }

    @Test func `sixteen are attached, the seventeenth is told so, and one that goes makes room`() throws {
        let run = try FakeRun()
        defer { run.end() }
        var clients: [Client] = []
        for _ in 0..<16 {
            let client = try Client(run.folder)
            try client.say(.hello(.dashboard, terminal: nil))
            try client.hears("a welcome") { $0.isWelcome }
            clients.append(client)
        }
        let seventeenth = try Client(run.folder)
        try seventeenth.hears("the end") { $0.isClosed }
        #expect(seventeenth.refusal?.contains("16") == true)
        func count(_ client: Client) -> Int? {
            client.events.compactMap { if case .dashboards(let all) = $0 { all.count } else { nil } }.last
        }
        try clients[0].hears("all of them") { count($0) == 16 }
        clients.removeLast()
        try clients[0].hears("one less") { count($0) == 15 }
        let next = try Client(run.folder)
        try next.say(.hello(.dashboard, terminal: nil))
        try next.hears("a welcome") { $0.isWelcome }
        #expect(next.refusal == nil)
    }

    @Test func `for a client that does not read steps are merged, what happened is kept, and posting never waits`()
        throws
    {
        let run = try FakeRun()
        defer { run.end() }
        let client = try Client(run.folder)
        try client.say(.hello(.dashboard, terminal: nil))
        try client.hears("a welcome") { $0.isWelcome }
        let began = ContinuousClock.now
        for number in 1...200_000 {
            run.mailbox.post(step(number))
            if number.isMultiple(of: 200) { run.mailbox.post(.notice("\(number)")) }
            if number.isMultiple(of: 4000) { _ = run.mailbox.drain() }
        }
        #expect(began.duration(to: .now) < .seconds(8))
        run.mailbox.post(.resumed(step: 1))
        try client.hears("the last") { $0.events.last == .resumed(step: 1) }
        let notices = client.events.compactMap { if case .notice(let text) = $0 { Int(text) } else { nil } }
        #expect(notices == Array(stride(from: 200, through: 200_000, by: 200)))
        let steps = client.events.compactMap { if case .step(let report) = $0 { report.step } else { nil } }
        #expect(
            steps == steps.sorted() && Set(steps).count == steps.count && steps.count < 20_000 && steps.last == 200_000)
    }

    @Test func `a client that never reads is dropped before it fills the memory`() throws {
        let run = try FakeRun()
        defer { run.end() }
        let client = try Client(run.folder)
        try client.say(.hello(.dashboard, terminal: nil))
        try client.hears("a welcome") { $0.isWelcome }
        let text = String(repeating: "x", count: 10_000)
        for number in 0..<2000 {
            run.mailbox.post(.notice("\(number) \(text)"))
            if number.isMultiple(of: 100) { _ = run.mailbox.drain() }
        }
        try client.hears("the end") { $0.isClosed || (try? $0.hear()) == nil }
        #expect(client.events.count < 1000)
        let next = try Client(run.folder)
        try next.say(.hello(.dashboard, terminal: nil))
        try next.hears("the latest") { $0.events.contains(.notice("1999 \(text)")) }
    }

    @Test func `the socket is this user's alone, takes a stale one's place, and goes with the run`() throws {
        let run = try FakeRun()
        let path = run.folder + "/socket"
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let again = try FakeRun(folder: run.folder)
        soon("another socket") {
            var now = stat()
            return stat(path, &now) == 0 && now.st_ino != status.st_ino
        }
        // The first one does not take the second one's socket with it.
        run.server.finish(within: 1)
        let client = try Client(run.folder)
        try client.say(.hello(.reader, terminal: nil))
        try client.hears("a welcome") { $0.isWelcome }
        again.server.finish(within: 1)
        #expect(!FileManager.default.fileExists(atPath: path))
        run.end()
    }

    @Test func `where the path is too long the socket is elsewhere and is found all the same`() throws {
        let base = NSTemporaryDirectory() + "/frostline-socket-\(UUID().uuidString.prefix(8))"
        let folder = base + "/" + String(repeating: "x", count: 120)
        defer { try? FileManager.default.removeItem(atPath: base) }
        let run = try FakeRun(folder: folder)
        soon("a place") { FileManager.default.fileExists(atPath: folder + "/socket.place") }
        let client = try Client(folder)
        try client.say(.hello(.reader, terminal: nil))
        try client.hears("a welcome") { $0.isWelcome }
        let place = try String(contentsOfFile: folder + "/socket.place", encoding: .utf8).trimmingCharacters(
            in: .newlines)
        run.server.finish(within: 1)
        #expect(!FileManager.default.fileExists(atPath: place))
        #expect(!FileManager.default.fileExists(atPath: folder + "/socket.place"))
    }

    @Test(arguments: [true, false]) func `an owner that vanishes stops the run, unless it has left`(_ leaves: Bool)
        throws
    {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let run = try FakeRun(owner: ends[1])
        defer { run.end() }
        var owner: Client? = Client(descriptor: ends[0])
        try owner?.say(.hello(.dashboard, terminal: nil))
        try owner?.hears("a welcome") { $0.isWelcome }
        try owner?.say(.command(CommandRequest(.watch(true))))
        soon("a watch") { run.commands.contains(CommandRequest(.watch(true))) }
        if leaves {
            try owner?.say(.leave)
            try owner?.hears("a farewell") { $0.messages.last == .farewell }
        }
        owner = nil
        soon("no more watching") { run.commands.contains(CommandRequest(.watch(false))) }
        #expect(run.commands.contains(CommandRequest(.stop)) == !leaves)
    }
}
