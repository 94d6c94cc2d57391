import Foundation
import Support

/// A file that holds cached floats and is gone with its owner, however that ends.
///
/// It loses its name as soon as it is open, so a kill leaves nothing; where the file system refuses that, the name goes
/// when the owner does, and what a kill left is swept away by the next run in that folder. Its blocks are reserved
/// before the first byte is kept. Written with `pwrite`, whose errors are answers (a page that cannot be had through a
/// mapping would be the end of the program), read through a mapping.
package final class FeatureFile: FeatureStorage {
    private let descriptor: Int32
    private let start: UnsafeMutableRawPointer
    private let byteCount: Int
    private let path: String
    private var hasName: Bool
    private var bytesRead = 0

    private static let prefix = ".frostline-features-"

    /// `limit`: the most bytes that may be taken; nil is what the disk has, less a rest for what else is saved there.
    package init(floats: Int, in folder: String, limit: Int? = nil) throws(FeatureStorageError) {
        byteCount = max(1, floats) * MemoryLayout<Float>.stride
        func refusal(_ number: Int32) -> FeatureStorageError {
            FeatureStorageError(
                "\(folder): \(systemMessage(number))", isFull: number == ENOSPC || number == EDQUOT)
        }
        guard let free = limit ?? Self.free(in: folder) else { throw refusal(errno) }
        guard byteCount <= free else { throw FeatureStorageError("\(folder) has room for \(max(0, free) >> 20) MiB") }
        var name = ""
        var opened: Int32 = -1
        for number in 0..<100 where opened < 0 {
            name = "\(folder)/\(Self.prefix)\(getpid())-\(number)"
            opened = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if opened < 0, errno != EEXIST { break }
        }
        guard opened >= 0 else { throw refusal(errno) }
        // Held as long as the file is open: one without a lock is a leftover.
        _ = flock(opened, LOCK_EX | LOCK_NB)
        hasName = unlink(name) != 0
        func giveUp(_ number: Int32) -> FeatureStorageError {
            close(opened)
            unlink(name)
            return refusal(number)
        }
        var status: Int32
        repeat { status = posix_fallocate(opened, 0, off_t(byteCount)) } while status == EINTR
        guard status == 0 else { throw giveUp(status) }
        guard let start = mmap(nil, byteCount, PROT_READ, MAP_SHARED, opened, 0), start != MAP_FAILED else {
            throw giveUp(errno)
        }
        madvise(start, byteCount, MADV_RANDOM)
        descriptor = opened
        path = name
        self.start = start
    }

    deinit {
        munmap(start, byteCount)
        close(descriptor)
        if hasName { unlink(path) }
    }

    package func write(_ values: UnsafePointer<Float>, count: Int, at offset: Int) throws(FeatureStorageError) {
        let bytes = UnsafeRawBufferPointer(UnsafeBufferPointer(start: values, count: count))
        let (_, error) = writeAll(bytes, to: descriptor, at: offset * MemoryLayout<Float>.stride)
        if error != 0 { throw FeatureStorageError("the cache file could not be written: \(systemMessage(error))") }
    }

    package func read(at offset: Int, count: Int, into values: UnsafeMutablePointer<Float>) {
        let floats = UnsafePointer(start.assumingMemoryBound(to: Float.self))
        values.update(from: floats + offset, count: count)
        // Pages that were looked at count as the program's own until it lets go of them; the system keeps them anyway.
        bytesRead += count * MemoryLayout<Float>.stride
        if bytesRead > 128 << 20 {
            madvise(start, byteCount, MADV_DONTNEED)
            bytesRead = 0
        }
    }

    // MARK: The folder

    /// Free bytes, less what a save of weights and state may need: a sixteenth of the disk, 512 MiB at most.
    static func free(in folder: String) -> Int? {
        AvailableDisk.of(folder).map { $0.bytes - min(512 << 20, $0.total / 16) }
    }

    /// Removes files whose owners were killed before the name was gone.
    package static func sweep(_ folder: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(prefix) {
            let path = "\(folder)/\(name)"
            let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(descriptor)
        }
    }

    /// Makes the folder where it is missing. Throws `TrainingError.output` where no file can be made in it, unless that
    /// is for lack of room: then there is no cache, and the run goes on.
    package static func requireWritable(_ folder: String) throws {
        func refused(_ reason: String) -> TrainingError {
            .output(
                path: folder, problem: "cached features cannot be kept here (\(reason)); choose another --cache-dir.")
        }
        if !FileManager.default.fileExists(atPath: folder) {
            do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
                throw refused("the folder cannot be made")
            }
        }
        do throws(FeatureStorageError) { _ = try FeatureFile(floats: 1, in: folder, limit: 1 << 20) } catch {
            if !error.isFull { throw refused(String(error.description.dropFirst(folder.count + 2))) }
        }
    }
}
