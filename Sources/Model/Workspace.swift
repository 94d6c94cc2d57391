import Kernels

/// Buffers that are kept from step to step, by name.
final class Workspace {
    let scratch: WorkerScratch
    private var buffers: [String: FloatBuffer] = [:]

    init(threads: Int) { scratch = WorkerScratch(threads: threads) }

    /// The buffer of this name, at least `count` long. Its content is what the last user left, or nothing where it
    /// grew.
    func buffer(_ name: String, count: Int) -> UnsafeMutablePointer<Float> {
        if let buffer = buffers[name], buffer.count >= count { return buffer.pointer }
        buffers[name] = nil
        let buffer = FloatBuffer(count: count)
        buffers[name] = buffer
        return buffer.pointer
    }

    func bytes(_ name: String, count: Int) -> UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer(buffer(name, count: (count + 3) / 4)).assumingMemoryBound(to: UInt8.self)
    }

    func release() {
        buffers = [:]
        scratch.release()
    }
}
