import Foundation

/// Opens and reads files whose name came from outside. A pipe would be waited for, a device might answer to being opened, and
/// a file may be larger than the memory: none of them is read.
package enum RegularFile {
    /// A descriptor for reading, and the file's size. Throws `.cannotOpen` for what is not there or no regular file.
    package static func open(_ path: String) throws(CheckpointError) -> (descriptor: Int32, size: Int) {
        // Asked before opening, and again afterwards, since another file may have taken the name.
        var information = stat()
        guard stat(path, &information) == 0 else {
            throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
        }
        try require(information, path)
        let descriptor = Foundation.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw .cannotOpen(file: path, reason: String(cString: strerror(errno))) }
        guard fstat(descriptor, &information) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw .cannotOpen(file: path, reason: reason)
        }
        do throws(CheckpointError) { try require(information, path) } catch {
            close(descriptor)
            throw error
        }
        return (descriptor, Int(information.st_size))
    }

    /// All bytes. Throws `.cannotOpen` also for more than `limit` of them.
    package static func read(_ path: String, limit: Int) throws(CheckpointError) -> Data {
        let (descriptor, size) = try open(path)
        defer { close(descriptor) }
        guard size <= limit else {
            throw .cannotOpen(file: path, reason: "\(size) bytes is more than the limit of \(limit)")
        }
        var data = Data(count: size)
        var problem: CheckpointError?
        let filled = data.withUnsafeMutableBytes { buffer -> Int in
            do throws(CheckpointError) { return try fill(buffer, from: descriptor, path) } catch {
                problem = error
                return 0
            }
        }
        if let problem { throw problem }
        return data.prefix(filled)
    }

    /// Reads until the buffer is full or the file ends, which somebody may have shortened meanwhile. Returns how much it was.
    static func fill(
        _ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, _ path: String
    ) throws(CheckpointError) -> Int {
        var filled = 0
        while filled < buffer.count, let base = buffer.baseAddress {
            let count = Foundation.read(descriptor, base + filled, buffer.count - filled)
            if count < 0 {
                if errno == EINTR { continue }
                throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    private static func require(_ information: stat, _ path: String) throws(CheckpointError) {
        switch information.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: throw .cannotOpen(file: path, reason: "it is a folder; name a file in it")
        default: throw .cannotOpen(file: path, reason: "it is not a regular file")
        }
    }
}
