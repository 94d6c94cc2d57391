import Glibc

/// Where cached floats lie, by offsets in floats. The owner reads only what it has written.
package protocol FeatureStorage: AnyObject {
    func write(_ values: UnsafePointer<Float>, count: Int, at offset: Int) throws(FeatureStorageError)
    func read(at offset: Int, count: Int, into values: UnsafeMutablePointer<Float>)
}

/// Why features cannot be kept, in a few words that say where.
package struct FeatureStorageError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    /// Whether there is only no room, now.
    package var isFull = false

    package init(_ description: String, isFull: Bool = false) {
        self.description = description
        self.isFull = isFull
    }
}

/// Memory that the system hands out page by page as it is written, so that room for a million pictures costs nothing
/// before they are seen.
package final class FeatureMemory: FeatureStorage {
    private let start: UnsafeMutableRawPointer
    private let byteCount: Int

    /// nil where the system has no such room.
    package init?(floats: Int) {
        byteCount = max(1, floats) * MemoryLayout<Float>.stride
        guard let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else { return nil }
        self.start = start
        // Pictures come in random order: pages of 2 MiB would all be there after the first few thousand.
        madvise(start, byteCount, Int32(MADV_NOHUGEPAGE))
    }

    deinit { munmap(start, byteCount) }

    package func write(_ values: UnsafePointer<Float>, count: Int, at offset: Int) {
        (start.assumingMemoryBound(to: Float.self) + offset).update(from: values, count: count)
    }

    package func read(at offset: Int, count: Int, into values: UnsafeMutablePointer<Float>) {
        values.update(from: start.assumingMemoryBound(to: Float.self) + offset, count: count)
    }
}
