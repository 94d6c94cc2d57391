import Kernels

/// Memory that a network keeps from step to step.
final class Workspace {
    /// What a buffer is for.
    enum Slot: Hashable {
        /// What a block keeps for backward; `passing` by turns, where backward does not reach it.
        case saved(block: Int, BlockPart)
        case passing(turn: Int, BlockPart)
        case stemOutput, stemArgmax
        /// The values of conv1, of a block's first convolution and of its shortcut, and the last block's sum.
        case stemConvolved, first, shortcut, lastBlock
        case inference(turn: Int)
        case pooled, logits
        case pooledGradient, logitsGradient
        /// Of a block's output, of its first convolution's, and what comes out of a BatchNorm that keeps no values.
        case gradient, middleGradient, convolvedGradient
        case sampleGradient(SampleGradients.Kind, sample: Int)
        case winogradMaps, winogradWeights, weightGradientSums
    }

    enum BlockPart { case first, second, shortcut, output }

    let scratch: WorkerScratch
    private var buffers: [Slot: FloatBuffer] = [:]

    init(threads: Int) { scratch = WorkerScratch(threads: threads) }

    /// At least `count` floats, with what the last user left in them, or zeros where the buffer grew.
    func buffer(_ slot: Slot, count: Int) -> UnsafeMutablePointer<Float> {
        if let buffer = buffers[slot], buffer.count >= count { return buffer.pointer }
        buffers[slot] = nil
        let buffer = FloatBuffer(count: count)
        buffers[slot] = buffer
        return buffer.pointer
    }

    /// At least `count` bytes, to be read and written raw.
    func bytes(_ slot: Slot, count: Int) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(buffer(slot, count: (count + 3) / 4))
    }

    func release() {
        buffers = [:]
        scratch.release()
    }
}
