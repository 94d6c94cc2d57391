#if canImport(Glibc)
    import Glibc
#endif

/// Floats in one allocation, zeroed and aligned to 64 bytes (a cache line, the widest vector).
///
/// Sendable because it is nothing but the memory: its owner decides which thread writes when, and kernels hand disjoint
/// parts to their workers.
package final class FloatBuffer: @unchecked Sendable {
    package let count: Int
    package let pointer: UnsafeMutablePointer<Float>

    private static let largePage = 2 << 20
    private let mapped: Int
    /// What the memory belongs to, where this is a part of another buffer.
    private let owner: FloatBuffer?

    package init(count: Int) {
        self.count = count
        let bytes = max(64, (count * MemoryLayout<Float>.stride + 63) / 64 * 64)
        var memory: UnsafeMutableRawPointer?
        if bytes >= Self.largePage {
            // Zeroed by the system when first touched, and on large pages where it has them: strided walks through
            // weights then miss no translations.
            memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            if memory == MAP_FAILED { memory = nil }
            if let memory { madvise(memory, bytes, MADV_HUGEPAGE) }
            mapped = bytes
        } else {
            if posix_memalign(&memory, 64, bytes) != 0 { memory = nil }
            if let memory { memset(memory, 0, bytes) }
            mapped = 0
        }
        // No caller could go on with less; what a run needs is foreseen before it begins.
        guard let memory else { fatalError("Out of memory: \(bytes) bytes for a buffer.") }
        pointer = memory.bindMemory(to: Float.self, capacity: max(16, count))
        owner = nil
    }

    /// `count` floats of another buffer, from `offset` on, which stays as long as this does.
    package init(partOf owner: FloatBuffer, at offset: Int, count: Int) {
        precondition(0 <= offset && offset + count <= owner.count, "A part lies outside its buffer.")
        self.owner = owner
        self.count = count
        pointer = owner.pointer + offset
        mapped = 0
    }

    package convenience init(_ values: [Float]) {
        self.init(count: values.count)
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    deinit {
        guard owner == nil else { return }
        if mapped > 0 { munmap(pointer, mapped) } else { free(pointer) }
    }

    package var floats: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}
