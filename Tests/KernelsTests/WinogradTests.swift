import Foundation
import Kernels
import LoopTypes
import Testing

private struct Example: CustomTestStringConvertible {
    let shape: ConvolutionShape
    let images: Int
    let height: Int
    let width: Int

    init(_ inputs: Int, _ outputs: Int, images: Int, _ height: Int, _ width: Int) {
        shape = ConvolutionShape(inputs: inputs, outputs: outputs, kernel: 3, stride: 1)
        (self.images, self.height, self.width) = (images, height, width)
    }

    var testDescription: String { "\(shape.inputs)→\(shape.outputs) \(images)×\(height)×\(width)" }

    var input: Reference.Map { Reference.Map(images, height, width, shape.inputs) }
    var output: Reference.Map { Reference.Map(images, height, width, shape.outputs) }
}

/// F(4×4, 3×3) against the equation. Its rounding error is a few times that of the direct sum, so the bounds are wider
/// than in `ConvolutionTests`.
@Suite struct WinogradTests {
    private static let examples = [
        Example(32, 32, images: 2, 7, 7),
        Example(64, 32, images: 1, 20, 33),
        Example(32, 64, images: 5, 3, 4),
        Example(32, 64, images: 3, 4, 8),
        Example(64, 64, images: 2, 56, 5),
        Example(288, 96, images: 3, 5, 6),
        Example(512, 128, images: 2, 4, 7),
    ]

    private func run(
        _ example: Example, x: [Float], w: [Float], transposed: Bool = false, prologue: FoldedBatchNorm? = nil,
        epilogue: Epilogue = Epilogue(), threads: Int
    ) -> [Float] {
        let pool = WorkerPool(threads: threads)
        let scratch = WorkerScratch(threads: threads)
        let memory = FloatBuffer(count: WinogradWeights.count(example.shape))
        let stored = FloatBuffer(w)
        var lent: [FloatBuffer] = []
        var y = [Float](
            repeating: .nan, count: transposed ? example.input.values.count : example.output.values.count)
        func run(kept: UnsafeMutablePointer<Float>?) {
            let weights = WinogradWeights(
                shape: example.shape, forInputGradient: transposed, weights: stored.pointer, kept: kept)
            weights.transform(pool: pool)
            WinogradConvolution.run(
                weights, images: example.images, height: example.height, width: example.width, input: x,
                prologue: prologue, epilogue: epilogue, output: &y,
                workspace: {
                    lent.append(FloatBuffer(count: $0))
                    return lent[lent.count - 1].pointer
                }, pool: pool, scratch: scratch)
        }
        run(kept: memory.pointer)
        // Parts that are made on the way give the same bits.
        if WinogradWeights.isWide(example.shape) {
            let first = y
            run(kept: nil)
            #expect(y == first)
        }
        withExtendedLifetime((memory, stored, lent)) {}
        return y
    }

    @Test(arguments: examples) private func forwardAgreesWithTheEquation(_ example: Example) {
        var draw = Draw(1)
        let x = draw(example.input.values.count)
        let w = draw(example.shape.weightCount)
        var exact = example.output.values
        Reference.eachProduct(example.shape, input: example.input, output: example.output) {
            exact[$2] += Double(x[$0]) * Double(w[$1])
        }
        #expect(relativeError(run(example, x: x, w: w, threads: 2), exact) < 2e-5)
    }

    @Test(arguments: examples) private func inputGradientAgreesWithTheEquation(_ example: Example) {
        var draw = Draw(2)
        let dy = draw(example.output.values.count)
        let w = draw(example.shape.weightCount)
        var exact = example.input.values
        Reference.eachProduct(example.shape, input: example.input, output: example.output) {
            exact[$0] += Double(dy[$2]) * Double(w[$1])
        }
        #expect(relativeError(run(example, x: dy, w: w, transposed: true, threads: 2), exact) < 2e-5)
    }

    @Test(arguments: examples) private func weightGradientAgreesWithTheEquation(_ example: Example) {
        var draw = Draw(3)
        let x = draw(example.input.values.count)
        let dy = draw(example.output.values.count)
        let scale = FloatBuffer(draw(example.shape.inputs))
        let shift = FloatBuffer(draw(example.shape.inputs))
        for activated in [false, true] {
            var exact = [Double](repeating: 0, count: example.shape.weightCount)
            Reference.eachProduct(example.shape, input: example.input, output: example.output) {
                let c = $0 % example.shape.inputs
                let value = Double(x[$0]) * Double(scale.pointer[c]) + Double(shift.pointer[c])
                exact[$1] += Double(dy[$2]) * (activated ? max(0, value) : Double(x[$0]))
            }
            var results: [[Float]] = []
            for threads in [1, 3] {
                var dw = [Float](repeating: .nan, count: exact.count)
                var memory: FloatBuffer?
                WinogradWeightGradient.compute(
                    example.shape, images: example.images, height: example.height, width: example.width, input: x,
                    prologue: activated ? FoldedBatchNorm(scale: scale.pointer, shift: shift.pointer) : nil,
                    gradient: dy,
                    result: &dw,
                    workspace: {
                        let buffer = FloatBuffer(count: $0)
                        memory = buffer
                        return buffer.pointer
                    }, pool: WorkerPool(threads: threads), scratch: WorkerScratch(threads: threads))
                withExtendedLifetime(memory) {}
                #expect(relativeError(dw, exact) < 2e-5)
                results.append(dw)
            }
            #expect(results[0] == results[1])
        }
    }

    @Test(arguments: examples) private func theBitsDoNotDependOnThreadsOrOnTheOtherImages(_ example: Example) {
        var draw = Draw(4)
        let x = draw(example.input.values.count)
        let w = draw(example.shape.weightCount)
        let one = run(example, x: x, w: w, threads: 1)
        for threads in [2, 5] { #expect(run(example, x: x, w: w, threads: threads) == one) }
        let alone = Example(example.shape.inputs, example.shape.outputs, images: 1, example.height, example.width)
        let last = Array(x.suffix(alone.input.values.count))
        #expect(run(alone, x: last, w: w, threads: 2) == Array(one.suffix(alone.output.values.count)))
    }

    /// Lent memory that ends where an unreadable page begins.
    private final class Guarded {
        private let start: UnsafeMutableRawPointer
        private let bytes: Int
        let floats: UnsafeMutablePointer<Float>

        init?(count: Int) {
            let page = Int(sysconf(Int32(_SC_PAGESIZE)))
            bytes = (count * 4 + page - 1) / page * page + page
            guard let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                start != MAP_FAILED, mprotect(start + bytes - page, page, PROT_NONE) == 0
            else { return nil }
            self.start = start
            floats = (start + (bytes - page - count * 4)).bindMemory(to: Float.self, capacity: count)
        }

        deinit { munmap(start, bytes) }
    }

    @Test(arguments: 1...20) private func nothingIsReadBeyondTheLentMemory(_ images: Int) {
        let example = Example(256, 256, images: images, 14, 14)
        let x = FloatBuffer(count: example.input.values.count)
        let y = FloatBuffer(count: example.output.values.count)
        let w = FloatBuffer(count: example.shape.weightCount)
        for i in 0..<x.count { x.pointer[i] = Float(i % 7) }
        var lent: [Guarded?] = []
        WinogradConvolution.run(
            WinogradWeights(shape: example.shape, forInputGradient: false, weights: w.pointer, kept: nil),
            images: images, height: 14, width: 14, input: x.pointer, output: y.pointer,
            workspace: {
                lent.append(Guarded(count: $0))
                return lent.last??.floats ?? y.pointer
            }, pool: WorkerPool(threads: 2), scratch: WorkerScratch(threads: 2))
        #expect(lent.count == 1 && lent[0] != nil)
        withExtendedLifetime(lent) {}
        #expect(y.floats.allSatisfy { $0 == 0 })
    }

    @Test func activationAndEpilogueAreAppliedAroundTheSums() {
        let example = Example(32, 32, images: 2, 5, 6)
        var draw = Draw(5)
        let x = draw(example.input.values.count)
        let w = draw(example.shape.weightCount)
        let (inScale, inShift, outScale, outShift) = (draw(32), draw(32), draw(32), draw(32))
        let addend = draw(example.output.values.count)
        var exact = example.output.values
        Reference.eachProduct(example.shape, input: example.input, output: example.output) {
            exact[$2] += max(0, Double(x[$0]) * Double(inScale[$0 % 32]) + Double(inShift[$0 % 32])) * Double(w[$1])
        }
        for i in exact.indices {
            exact[i] = max(0, exact[i] * Double(outScale[i % 32]) + Double(outShift[i % 32]) + Double(addend[i]))
        }
        let buffers = [inScale, inShift, outScale, outShift, addend].map { FloatBuffer($0) }
        let pointers = buffers.map { UnsafePointer($0.pointer) }
        let y = withExtendedLifetime(buffers) {
            run(
                example, x: x, w: w, prologue: FoldedBatchNorm(scale: pointers[0], shift: pointers[1]),
                epilogue: Epilogue(
                    folded: FoldedBatchNorm(scale: pointers[2], shift: pointers[3]), addend: pointers[4], relu: true),
                threads: 2)
        }
        #expect(relativeError(y, exact) < 2e-5)
    }

    @Test func mapsOfOneOrTwoPixelsAndOtherKernelsAreLeftToTheDirectProduct() {
        let shape = ConvolutionShape(inputs: 64, outputs: 64, kernel: 3, stride: 1)
        #expect(WinogradWeights.fits(shape, size: 3))
        #expect(!WinogradWeights.fits(shape, size: 2))
        #expect(!WinogradWeights.fits(ConvolutionShape(inputs: 64, outputs: 64, kernel: 3, stride: 2), size: 8))
        #expect(!WinogradWeights.fits(ConvolutionShape(inputs: 64, outputs: 64, kernel: 1, stride: 1), size: 8))
    }
}
