import Foundation

/// Keeps a run folder to one process. The lock ends with the process that holds it, however that ends, so the file of a
/// killed one is recognised as stale by the system itself.
final class RunLock {
    static let name = "lock"
    private let path: String
    private let descriptor: Int32
    /// The process that held the lock before and ended without giving it back.
    let stale: Int?

    /// Throws `TrainingError.output` where another process is at work in the folder.
    init(folder: String) throws {
        path = folder + "/" + Self.name
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard descriptor >= 0 else {
                throw TrainingError.output(
                    path: path,
                    problem: "cannot be written (\(String(cString: strerror(errno)))); choose another --output.")
            }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let holder = Self.process(in: descriptor)
                close(descriptor)
                throw TrainingError.output(
                    path: folder,
                    problem:
                        "another process\(holder.map { " (\($0))" } ?? "") is at work in this run folder; wait until it "
                        + "has ended, or choose another --output.")
            }
            // Its owner may have removed the file between open and flock: then the lock is on a file without a name.
            var (mine, there) = (stat(), stat())
            if fstat(descriptor, &mine) == 0, stat(path, &there) == 0, mine.st_ino == there.st_ino {
                stale = Self.process(in: descriptor)
                self.descriptor = descriptor
                break
            }
            close(descriptor)
        }
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        unlink(path)
        close(descriptor)
    }

    private static func process(in descriptor: Int32) -> Int? {
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: buffer[..<count], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
