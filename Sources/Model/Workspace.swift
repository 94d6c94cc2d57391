import Kernels

/// Named buffers that are kept from step to step.
final class Workspace {
    let threads: Int
    private var buffers: [String: FloatBuffer] = [:]

    init(threads: Int) { self.threads = threads }

    /// The buffer of this name, at least `count` long. Its content is what the last user left.
    func buffer(_ name: String, count: Int) -> UnsafeMutablePointer<Float> {
        if let buffer = buffers[name], buffer.count >= count { return buffer.pointer }
        buffers[name] = nil
        let buffer = FloatBuffer(count: count)
        buffers[name] = buffer
        return buffer.pointer
    }

    func release() { buffers = [:] }
}
