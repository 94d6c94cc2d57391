import Foundation
import Support

/// The bytes of a download so far, beside their destination and locked against a second process; the next attempt, even
/// of another process, goes on where this one ended.
final class PartialFile {
    let path: String
    private let destination: String
    private var descriptor: Int32
    private(set) var count: Int

    init(for destination: String) throws(DownloadError) {
        self.destination = destination
        path = destination + ".part"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw .cannotWrite(file: path, reason: systemMessage(errno)) }
        count = 0
        // Closed by deinit, which runs: everything has its value by now. Closing here too would close a file that is not ours.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw .inUse(file: path) }
        count = max(0, Int(lseek(descriptor, 0, SEEK_END)))
    }

    deinit { close() }

    /// Gives the lock back at once: the session that filled the file may keep hold of it for a while.
    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    func append(_ data: Data) throws(DownloadError) {
        let (written, error) = data.withUnsafeBytes { writeAll($0, to: descriptor) }
        count += written
        if error != 0 { throw failed(error) }
    }

    func empty() throws(DownloadError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw failed(errno) }
        count = 0
    }

    func digest() throws(DownloadError) -> String {
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var offset = 0
        while true {
            let (read, error) = buffer.withUnsafeMutableBytes { readAll(into: $0, from: descriptor, at: offset) }
            if error != 0 { throw failed(error) }
            if read == 0 { return hash.finish() }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<read])) }
            offset += read
        }
    }

    /// Puts the file at its destination, on disk and not only in memory.
    func complete() throws(DownloadError) {
        guard fsync(descriptor) == 0, rename(path, destination) == 0 else { throw failed(errno) }
        syncFolder(of: destination)
    }

    func remove() { unlink(path) }

    private func failed(_ error: Int32) -> DownloadError { .cannotWrite(file: path, reason: systemMessage(error)) }
}
