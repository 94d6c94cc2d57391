#if canImport(Glibc)
    import Glibc
#endif

/// The bytes of a regular file, read at once. (Not mapped: a mapped file that somebody shortens ends the program.)
final class FileContents {
    let bytes: UnsafeRawBufferPointer
    private let buffer: UnsafeMutableRawBufferPointer

    /// Refuses what is no regular file without waiting for a writer, and what is longer than the limit.
    init(pathBytes: [UInt8], name: String) throws {
        let (descriptor, size) = try Self.open(pathBytes, name: name)
        defer { close(descriptor) }
        guard size > 0 else { throw ImageError.empty(file: name) }
        guard size <= ImageDecoder.maximumBytes else { throw ImageError.tooManyBytes(file: name, bytes: size) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        var filled = 0
        while filled < size, let base = buffer.baseAddress {
            let count = read(descriptor, base + filled, size - filled)
            if count > 0 {
                filled += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                let reason = systemMessage(errno)
                buffer.deallocate()
                throw ImageError.unreadable(file: name, reason: reason)
            }
        }
        self.buffer = buffer
        bytes = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
    }

    deinit { buffer.deallocate() }

    /// Opens a regular file, and nothing else, without waiting for a writer.
    static func open(_ pathBytes: [UInt8], name: String) throws(ImageError) -> (descriptor: Int32, size: Int) {
        guard !pathBytes.contains(0) else { throw .unreadable(file: name, reason: "its name has a zero byte") }
        let path = pathBytes.map { CChar(bitPattern: $0) } + [0]
        var status = stat()
        // Asked before opening too: a socket cannot be opened, and a device might answer to it.
        guard stat(path, &status) == 0 else { throw .unreadable(file: name, reason: systemMessage(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notARegularFile(file: name) }
        let descriptor = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw .unreadable(file: name, reason: systemMessage(errno)) }
        guard fstat(descriptor, &status) == 0 else {
            let reason = systemMessage(errno)
            close(descriptor)
            throw .unreadable(file: name, reason: reason)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .notARegularFile(file: name)
        }
        return (descriptor, Int(status.st_size))
    }
}

/// What the system says about an error number, in its own words.
func systemMessage(_ number: Int32) -> String {
    guard let message = strerror(number) else { return "error \(number)" }
    return String(cString: message)
}
