import Foundation
import Synchronization

/// An HTTP server of one file on a port of its own, with the faults that a test asks for.
final class LocalServer: Sendable {
    struct Behaviour: Sendable {
        var body: [UInt8]
        var status = 200
        /// Whether it honours Range.
        var ranges = true
        /// How many of the first answers are cut after how many bytes.
        var cuts: [Int] = []
        /// Answers every range as if the file began there.
        var lies = false
    }

    private struct State {
        var requests: [String] = []
        var behaviour: Behaviour
        var isStopped = false
    }

    private let state: Mutex<State>
    private let listener: Int32
    let port: Int

    init(_ behaviour: Behaviour) throws {
        signal(SIGPIPE, SIG_IGN)
        // Not for the programs that other tests start: a copy there would keep a connection open.
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (descriptor, size) = (listener, length)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
        }
        guard isBound, listen(listener, 8) == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        state = Mutex(State(behaviour: behaviour))
        let thread = Thread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 {
                    // A client that went away before it was accepted must not end the server.
                    if state.withLock({ $0.isStopped }) { break }
                    continue
                }
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                answer(client)
                close(client)
            }
            // Here and once, when nothing accepts any longer: the number may be another server's at once.
            close(listener)
        }
        thread.start()
    }

    /// Wakes the thread; doing it twice does no harm.
    func stop() {
        // Within the lock: the thread looks here before it closes the listener.
        state.withLock { state in
            if !state.isStopped { shutdown(listener, Int32(SHUT_RDWR)) }
            state.isStopped = true
        }
    }

    /// The Range header of each request so far, "" where it had none.
    var requests: [String] { state.withLock { $0.requests } }

    func change(_ body: @Sendable (inout Behaviour) -> Void) { state.withLock { body(&$0.behaviour) } }

    private func answer(_ client: Int32) {
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
            let count = read(client, &buffer, buffer.count)
            if count <= 0 { return }
            request += buffer[..<count]
        }
        let lines = String(decoding: request, as: UTF8.self).components(separatedBy: "\r\n")
        let range = lines.first { $0.lowercased().hasPrefix("range:") }.map { String($0.dropFirst(6)) } ?? ""
        let (behaviour, cut) = state.withLock { state -> (Behaviour, Int?) in
            state.requests.append(range.trimmingCharacters(in: .whitespaces))
            let cut = state.behaviour.cuts.isEmpty ? nil : state.behaviour.cuts.removeFirst()
            return (state.behaviour, cut)
        }
        let start = Int(range.filter(\.isNumber)) ?? 0
        var head: String
        var body = behaviour.body
        if behaviour.status != 200 {
            body = Array("no".utf8)
            head = "HTTP/1.1 \(behaviour.status) No"
        } else if behaviour.ranges, !range.isEmpty, start >= body.count {
            head = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */\(body.count)"
            body = []
        } else if behaviour.ranges, !range.isEmpty {
            let claimed = behaviour.lies ? 0 : start
            head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes \(claimed)-\(body.count - 1)/\(body.count)"
            body = Array(body[start...])
        } else {
            head = "HTTP/1.1 200 OK"
        }
        head += "\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        send(client, Array(head.utf8))
        send(client, Array(body.prefix(cut ?? body.count)))
    }

    private func send(_ client: Int32, _ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let written = bytes[done...].withUnsafeBytes { write(client, $0.baseAddress, $0.count) }
            if written <= 0 { return }
            done += written
        }
    }
}
