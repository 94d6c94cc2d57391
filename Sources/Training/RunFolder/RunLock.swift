import Foundation

/// Keeps a run folder to one process. The lock ends with the process that holds it, however that ends, so the file of a
/// killed one is recognised as stale by the system itself.
final class RunLock {
    static let name = "lock"
    private let path: String
    private let descriptor: Int32
    /// The process that held the lock before and ended without giving it back.
    let stale: Int?

    /// `holder(of:)` in another process may have the lock for a moment, so it is tried ten times in a fifth of a second.
    private static let (tries, pause) = (10, useconds_t(20_000))

    /// Throws `TrainingError.output` where another process is at work in the folder.
    init(folder: String) throws {
        path = folder + "/" + Self.name
        var tries = 1
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
                if tries < Self.tries {
                    tries += 1
                    usleep(Self.pause)
                    continue
                }
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

    /// A process that is at work in a run folder.
    struct Holder {
        /// As the lock names it; nil in the moment before it does.
        let process: Int?
    }

    /// The process at work in a folder, asked without keeping any other from its work there; nil where there is none, and
    /// where the lock may not be read.
    static func holder(of folder: String) -> Holder? {
        // Without waiting: a pipe may have this name.
        let descriptor = open(folder + "/" + name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
            flock(descriptor, LOCK_UN)
            return nil
        }
        return errno == EWOULDBLOCK ? Holder(process: process(in: descriptor)) : nil
    }

    private static func process(in descriptor: Int32) -> Int? {
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: buffer[..<count], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
