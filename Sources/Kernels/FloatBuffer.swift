#if canImport(Glibc)
    import Glibc
#endif

/// Floats in one allocation, zeroed and aligned to 64 bytes (a cache line, the widest vector).
///
/// Sendable because it owns nothing but the memory: whoever holds it decides who writes when, and the kernels hand
/// disjoint parts to their workers.
public final class FloatBuffer: @unchecked Sendable {
    public let count: Int
    public let pointer: UnsafeMutablePointer<Float>

    private static let largePage = 2 << 20

    public init(count: Int) {
        self.count = count
        let bytes = max(64, (count * MemoryLayout<Float>.stride + 63) / 64 * 64)
        var memory: UnsafeMutableRawPointer?
        // Large buffers on large pages, where the system has them: strided walks through weights then miss no
        // translations.
        let isLarge = bytes >= Self.largePage
        guard posix_memalign(&memory, isLarge ? Self.largePage : 64, bytes) == 0, let memory else {
            fatalError("Out of memory: \(bytes) bytes for a buffer.")
        }
        if isLarge { madvise(memory, bytes / Self.largePage * Self.largePage, MADV_HUGEPAGE) }
        memset(memory, 0, bytes)
        pointer = memory.bindMemory(to: Float.self, capacity: max(16, count))
    }

    public convenience init(_ values: [Float]) {
        self.init(count: values.count)
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    deinit { free(pointer) }

    public var floats: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}
