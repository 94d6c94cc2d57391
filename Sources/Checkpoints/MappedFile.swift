import Foundation

/// A regular file's bytes: up to 256 MiB read into memory, since reading on from a mapped file that was shortened meanwhile
/// ends the program. Larger files, which no ResNet18 needs, are mapped.
///
/// `@unchecked Sendable`: the bytes are never written again and live as long as this object.
final class MappedFile: @unchecked Sendable {
    let path: String
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool
    private static let mostRead = 256 << 20

    /// Throws `.cannotOpen` for what is not there, not readable or not a regular file (a FIFO would wait for ever).
    init(_ path: String) throws(CheckpointError) {
        self.path = path
        let (descriptor, size) = try RegularFile.open(path)
        defer { close(descriptor) }
        guard size > 0 else { throw .notACheckpoint(file: path, found: "the file is empty") }
        guard size > Self.mostRead else {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
            let filled: Int
            do throws(CheckpointError) { filled = try RegularFile.fill(buffer, from: descriptor, path) } catch {
                buffer.deallocate()
                throw error
            }
            guard filled > 0 else {
                buffer.deallocate()
                throw .notACheckpoint(file: path, found: "the file is empty")
            }
            isMapped = false
            bytes = UnsafeRawBufferPointer(start: buffer.baseAddress, count: filled)
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
        }
        isMapped = true
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        } else {
            bytes.deallocate()
        }
    }

    var count: Int { bytes.count }

    /// Whether the file begins with `prefix`.
    func begins(with prefix: [UInt8]) -> Bool { bytes.prefix(prefix.count).elementsEqual(prefix) }

    /// A little-endian number of `width` bytes at `offset`; throws `.damaged` beyond the end.
    func number(at offset: Int, width: Int) throws(CheckpointError) -> UInt64 {
        guard offset >= 0, width <= 8, offset <= count - width else {
            throw .damaged(file: path, problem: "it ends in the middle of a field at byte \(offset)")
        }
        var value: UInt64 = 0
        for i in (0..<width).reversed() { value = value << 8 | UInt64(bytes[offset + i]) }
        return value
    }
}
