import Foundation

/// A regular file, mapped read-only. Tensors convert straight from it, so no byte is copied twice.
///
/// `@unchecked Sendable`: the mapping is never written and lives as long as this object.
final class MappedFile: @unchecked Sendable {
    let path: String
    let bytes: UnsafeRawBufferPointer

    /// Throws `.cannotOpen` for what is not there, not readable or not a regular file (a FIFO would wait for ever).
    init(_ path: String) throws(CheckpointError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else {
            throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
        }
        guard information.st_mode & S_IFMT == S_IFREG else {
            let isFolder = information.st_mode & S_IFMT == S_IFDIR
            throw .cannotOpen(
                file: path, reason: isFolder ? "it is a folder; name a file in it" : "it is not a regular file")
        }
        let size = Int(information.st_size)
        guard size > 0 else { throw .notACheckpoint(file: path, found: "the file is empty") }
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
            throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
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
