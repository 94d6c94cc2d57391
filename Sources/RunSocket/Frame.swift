/// How messages go through a run's socket: eight bytes (`F`, `L`, the protocol's version, 0, the length as a little-endian
/// 32-bit number), then as many bytes of JSON.
package enum Frame {
    package static let version: UInt8 = 1
    package static let headerLength = 8
    /// The longest message, in bytes: a report of mistakes with its thumbnails takes a tenth of it.
    package static let largest = 1 << 20

    /// Throws `FrameError.tooLarge`.
    package static func bytes(around body: some Collection<UInt8>) throws(FrameError) -> [UInt8] {
        guard body.count <= largest else { throw .tooLarge(body.count) }
        let length = UInt32(body.count)
        var bytes: [UInt8] = [UInt8(ascii: "F"), UInt8(ascii: "L"), version, 0]
        bytes.reserveCapacity(headerLength + body.count)
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        bytes.append(contentsOf: body)
        return bytes
    }
}

package enum FrameError: Error, Equatable, CustomStringConvertible {
    /// The bytes are not a frame's beginning.
    case foreign
    case version(UInt8)
    /// Bytes of a message that is longer than `Frame.largest`.
    case tooLarge(Int)
    /// The connection ended, or went silent, in the middle of a frame.
    case unfinished
    case unknown

    package var description: String {
        switch self {
        case .foreign: "this is not how Frostline's programs speak to each other"
        case .version(let version):
            "the other side speaks version \(version) of the protocol, this side version \(Frame.version); both must be "
                + "the same Frostline"
        case .tooLarge(let count): "a message of \(count) bytes; \(Frame.largest) are allowed"
        case .unfinished: "a message that is not whole"
        case .unknown: "a message that this version does not know"
        }
    }
}

/// Cuts a stream of bytes into messages. It holds at most one frame's bytes beyond what it was last given.
package struct FrameReader {
    private var bytes: [UInt8] = []
    private var start = 0

    package init() {}

    /// Whether the last bytes are a frame's beginning.
    package var isInsideFrame: Bool { start < bytes.count }

    package mutating func append(_ new: some Sequence<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: new)
    }

    /// The next message's body, nil until all of it is there. After an error the stream is of no use any more.
    package mutating func next() throws(FrameError) -> ArraySlice<UInt8>? {
        let rest = bytes[start...]
        // Judged as soon as it is there: the rest of something else may never come.
        for (place, expected) in [UInt8(ascii: "F"), UInt8(ascii: "L")].enumerated()
        where rest.count > place && rest[start + place] != expected {
            throw .foreign
        }
        if rest.count > 2, rest[start + 2] != Frame.version { throw .version(rest[start + 2]) }
        if rest.count > 3, rest[start + 3] != 0 { throw .foreign }
        guard rest.count >= Frame.headerLength else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(rest[start + 4 + $1]) << (8 * $1) }
        guard length <= Frame.largest else { throw .tooLarge(length) }
        let end = start + Frame.headerLength + length
        guard end <= bytes.count else { return nil }
        defer { start = end }
        return bytes[(start + Frame.headerLength)..<end]
    }
}
