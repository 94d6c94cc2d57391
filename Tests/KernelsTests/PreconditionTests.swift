import Kernels
import Testing

/// Enough that a kernel without its check would not crash by chance.
private let memory = FloatBuffer(count: 1 << 16)

/// A kernel that is called with a shape it does not take stops at its door instead of overrunning memory. Each test runs
/// in a process of its own.
@Suite struct PreconditionTests {
    @Test func `a BatchNorm of 24 channels is refused`() async {
        await #expect(processExitsWith: .failure) { _ = BatchNorm(state: BatchNormState(channels: 24)) }
    }

    @Test func `a label that is no class is refused by the loss`() async {
        await #expect(processExitsWith: .failure) {
            _ = Loss.crossEntropy(logits: memory.pointer, labels: [2], classes: 2)
        }
        await #expect(processExitsWith: .failure) {
            _ = Loss.crossEntropy(logits: memory.pointer + 8, labels: [-1], classes: 2)
        }
    }

    @Test func `fewer logits than labels have classes are refused by the loss`() async {
        await #expect(processExitsWith: .failure) {
            _ = Loss.crossEntropy(logits: [0, 0, 0], labels: [1, 1], classes: 2)
        }
    }

    @Test func `one class weight for two classes is refused by the loss`() async {
        await #expect(processExitsWith: .failure) {
            _ = Loss.crossEntropy(logits: memory.pointer, labels: [0], classes: 2, terms: LossTerms(classWeights: [1]))
        }
    }

    @Test func `pooling of 12 channels is refused`() async {
        await #expect(processExitsWith: .failure) {
            AveragePooling.forward(
                memory.pointer, images: 1, pixels: 1, channels: 12, output: memory.pointer, pool: WorkerPool(threads: 1)
            )
        }
        await #expect(processExitsWith: .failure) {
            MaxPooling.forward(
                memory.pointer, prologue: nil, images: 1, height: 1, width: 1, channels: 12, output: memory.pointer,
                argmax: nil, pool: WorkerPool(threads: 1))
        }
    }

    @Test func `a mask over 12 channels is refused`() async {
        await #expect(processExitsWith: .failure) {
            ResidualSum.mask(
                memory.pointer, output: memory.pointer, rows: 1, channels: 12, pool: WorkerPool(threads: 1))
        }
    }

    @Test func `a convolution to 24 channels is refused, and one from 24 to the gradient of its input`() async {
        await #expect(processExitsWith: .failure) {
            Convolution.forward(
                ConvolutionShape(inputs: 32, outputs: 24, kernel: 1, stride: 1), weights: memory.pointer, images: 1,
                height: 1, width: 1, input: memory.pointer, output: memory.pointer, pool: WorkerPool(threads: 1),
                scratch: WorkerScratch(threads: 1))
        }
        await #expect(processExitsWith: .failure) {
            Convolution.inputGradient(
                ConvolutionShape(inputs: 24, outputs: 32, kernel: 1, stride: 1), weights: memory.pointer, images: 1,
                height: 1, width: 1, gradient: memory.pointer, result: memory.pointer, pool: WorkerPool(threads: 1),
                scratch: WorkerScratch(threads: 1))
        }
    }

    @Test func `F(4×4, 3×3) refuses a kernel of 1×1`() async {
        await #expect(processExitsWith: .failure) {
            _ = WinogradWeights(
                shape: ConvolutionShape(inputs: 64, outputs: 64, kernel: 1, stride: 1), forInputGradient: false,
                weights: memory.pointer, kept: memory.pointer)
        }
    }
}
