import Glibc

/// Writes all bytes, however often the system takes only a part or is interrupted; from `offset` on where one is given.
/// Returns how many were written and, where that is not all, the system's error number (else 0).
/// `systemWrite` takes the place of `write(2)` where there is no offset.
@discardableResult
package func writeAll(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int? = nil,
    by systemWrite: AtomicFile.SystemWrite = AtomicFile.systemWrite
) -> (count: Int, error: Int32) {
    let result = transferAll(bytes.count, at: offset) { done, place in
        let (start, rest) = (bytes.baseAddress.map { $0 + done }, bytes.count - done)
        return place.map { pwrite(descriptor, start, rest, off_t($0)) } ?? systemWrite(descriptor, start, rest)
    }
    return result.count < bytes.count && result.error == 0 ? (result.count, EIO) : result
}

/// Reads until the buffer is full or the file ends, which may have been shortened meanwhile; from `offset` on where one is
/// given. Returns how many bytes were read and the system's error number, 0 where there was none.
package func readAll(
    into buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int? = nil
) -> (count: Int, error: Int32) {
    transferAll(buffer.count, at: offset) { done, place in
        let (start, rest) = (buffer.baseAddress.map { $0 + done }, buffer.count - done)
        return place.map { pread(descriptor, start, rest, off_t($0)) } ?? read(descriptor, start, rest)
    }
}

private func transferAll(
    _ count: Int, at offset: Int?, _ transfer: (_ done: Int, _ place: Int?) -> Int
) -> (count: Int, error: Int32) {
    var done = 0
    while done < count {
        let moved = transfer(done, offset.map { $0 + done })
        if moved > 0 {
            done += moved
        } else if moved == 0 {
            break
        } else if errno != EINTR {
            return (done, errno)
        }
    }
    return (done, 0)
}

/// Makes the system put the folder of `path` on disk, so that a file renamed into it is found after a power failure.
package func syncFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
}

/// What the system says about an error number.
package func systemMessage(_ number: Int32) -> String {
    strerror(number).map { String(cString: $0) } ?? "error \(number)"
}
