import Foundation
import Glibc
import TrainingEvents

/// One client as the server sees it: what it has said, and what it is still to be told. For the server's thread only.
///
/// What waits for a client that does not read is bounded. Beyond `mergingLimit` bytes of it an event takes the place of one
/// of its kind that waits, where those can be merged (`TrainingEvent.merging`): the client reads the steps and epochs
/// between in metrics.jsonl. Nothing else is ever left out, but beyond `mostWaiting` the connection is closed; a client
/// that comes back is told how things are.
final class ClientConnection {
    static let mergingLimit = 64 << 10
    static let mostWaiting = 4 << 20
    /// A hello, and the rest of a frame that has begun, may take this long.
    static let patience: UInt64 = 5_000_000_000

    let descriptor: Int32
    /// The dashboard that started this process.
    let isOwner: Bool
    /// Set by its hello.
    private(set) var requester: Requester?
    private(set) var purpose = ClientPurpose.reader
    var inspected: [String] = []
    var watches = false
    /// It said that it leaves.
    var hasLeft = false
    /// No more is read from it, and it is closed once it has been told everything.
    private(set) var isClosing = false
    /// It is gone, or of no use any more.
    private(set) var isGone = false

    private let user: String
    private var reader = FrameReader()
    private var queue: [(frame: [UInt8], merging: TrainingEvent.Merging?)] = []
    /// How much of the queue's first frame has been sent.
    private var sent = 0
    private(set) var waitingBytes = 0
    /// When it must have said more, on the monotonic clock in nanoseconds.
    private(set) var deadline: UInt64?

    init(_ descriptor: Int32, user: String, isOwner: Bool, now: UInt64) {
        self.descriptor = descriptor
        self.user = user
        self.isOwner = isOwner
        deadline = isOwner ? nil : now + Self.patience
        UnixSocket.setNonblocking(descriptor)
    }

    deinit { Glibc.close(descriptor) }

    var isAttached: Bool { requester != nil && !isClosing && !isGone }
    var wantsToWrite: Bool { !queue.isEmpty && !isGone }

    func greet(number: Int, purpose: ClientPurpose, terminal: String?) {
        self.purpose = purpose
        requester = Requester(client: number, user: user, terminal: terminal.map { String($0.prefix(64)) })
    }

    // MARK: What it says

    /// Reads what has come and returns the whole messages in it, not too many at a time.
    func read(_ coder: MessageCoder, now: UInt64) throws(FrameError) -> [ClientMessage] {
        guard !isClosing, !isGone else { return [] }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 {
            reader.append(buffer[..<count])
        } else if count == 0 || ![EAGAIN, EINTR].contains(errno) {
            let isUnfinished = reader.isInsideFrame
            isGone = true
            if isUnfinished { throw .unfinished }
        }
        var messages: [ClientMessage] = []
        while let body = try reader.next() { messages.append(try coder.message(ClientMessage.self, in: body)) }
        if requester != nil || !messages.isEmpty {
            deadline = reader.isInsideFrame ? deadline ?? now + Self.patience : nil
        }
        return messages
    }

    // MARK: What it is told

    func add(_ frame: [UInt8], merging: TrainingEvent.Merging? = nil) {
        guard !isClosing, !isGone else { return }
        // The first may be on its way.
        if let merging, waitingBytes > Self.mergingLimit,
            let old = queue.indices.dropFirst().last(where: { queue[$0].merging == merging })
        {
            waitingBytes -= queue.remove(at: old).frame.count
        }
        queue.append((frame, merging))
        waitingBytes += frame.count
        if waitingBytes > Self.mostWaiting { isGone = true }
    }

    /// Sends as much as the other side takes without waiting.
    func flush() {
        while !isGone, let first = queue.first {
            let count = first.frame.withUnsafeBytes {
                send(
                    descriptor, $0.baseAddress.map { $0 + sent }, first.frame.count - sent,
                    Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            guard count >= 0 else {
                if ![EAGAIN, EINTR].contains(errno) { isGone = true }
                return
            }
            sent += count
            if sent == first.frame.count {
                waitingBytes -= sent
                sent = 0
                queue.removeFirst()
            }
        }
        if isClosing { isGone = true }
    }

    /// Without waiting for what it was still to be told.
    func drop() { isGone = true }

    /// The last that it is told; it is closed once it has read it, or not in time.
    func close(with frame: [UInt8]?) {
        if let frame { add(frame) }
        isClosing = true
        deadline = DispatchTime.now().uptimeNanoseconds + Self.patience
        flush()
    }
}
