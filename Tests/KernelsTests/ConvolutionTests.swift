import Kernels
import LoopTypes
import Testing

private struct Example: CustomTestStringConvertible {
    let shape: ConvolutionShape
    let images: Int
    let height: Int
    let width: Int

    init(_ inputs: Int, _ outputs: Int, kernel: Int, stride: Int, images: Int, _ height: Int, _ width: Int) {
        shape = ConvolutionShape(inputs: inputs, outputs: outputs, kernel: kernel, stride: stride)
        (self.images, self.height, self.width) = (images, height, width)
    }

    var testDescription: String {
        "\(shape.kernel)×\(shape.kernel)/\(shape.stride) \(shape.inputs)→\(shape.outputs) \(images)×\(height)×\(width)"
    }

    var input: Reference.Map { Reference.Map(images, height, width, shape.inputs) }
    var output: Reference.Map { Reference.Map(images, shape.output(height), shape.output(width), shape.outputs) }
}

@Suite struct ConvolutionTests {
    private static let examples = [
        Example(32, 32, kernel: 3, stride: 1, images: 2, 7, 7),
        Example(32, 64, kernel: 3, stride: 1, images: 5, 1, 1),
        Example(64, 32, kernel: 3, stride: 1, images: 1, 20, 33),
        Example(32, 64, kernel: 3, stride: 2, images: 2, 8, 8),
        Example(32, 64, kernel: 3, stride: 2, images: 3, 7, 9),
        Example(32, 64, kernel: 3, stride: 2, images: 2, 1, 2),
        Example(64, 32, kernel: 1, stride: 2, images: 2, 9, 8),
        Example(32, 32, kernel: 1, stride: 2, images: 17, 2, 2),
        Example(3, 64, kernel: 7, stride: 2, images: 1, 23, 20),
        Example(128, 256, kernel: 3, stride: 1, images: 3, 4, 3),
        Example(128, 256, kernel: 1, stride: 2, images: 3, 5, 4),
    ]

    private func forward(
        _ example: Example, x: [Float], w: [Float], prologue: FoldedBatchNorm? = nil, epilogue: Epilogue = Epilogue(),
        threads: Int
    ) -> [Float] {
        let pool = WorkerPool(threads: threads)
        var y = [Float](repeating: .nan, count: example.output.values.count)
        Convolution.forward(
            example.shape, weights: w, images: example.images, height: example.height, width: example.width, input: x,
            prologue: prologue, epilogue: epilogue, output: &y, pool: pool, scratch: WorkerScratch(threads: threads)
        )
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
        #expect(relativeError(forward(example, x: x, w: w, threads: 2), exact) < 5e-6)
    }

    @Test(arguments: examples) private func inputGradientAgreesWithTheEquation(_ example: Example) {
        guard example.shape.inputs % 32 == 0 else { return }
        var draw = Draw(2)
        let dy = draw(example.output.values.count)
        let w = draw(example.shape.weightCount)
        var exact = example.input.values
        Reference.eachProduct(example.shape, input: example.input, output: example.output) {
            exact[$0] += Double(dy[$2]) * Double(w[$1])
        }
        let pool = WorkerPool(threads: 2)
        var dx = [Float](repeating: .nan, count: exact.count)
        let scratch = WorkerScratch(threads: 2)
        Convolution.inputGradient(
            example.shape, weights: w, images: example.images, height: example.height, width: example.width,
            gradient: dy, result: &dx, pool: pool, scratch: scratch)
        #expect(relativeError(dx, exact) < 5e-6)
        // Once more on top of what is there.
        dx.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            Convolution.inputGradient(
                example.shape, weights: w, images: example.images, height: example.height, width: example.width,
                gradient: dy,
                epilogue: Epilogue(addend: UnsafePointer(base)), result: base, pool: pool, scratch: scratch)
        }
        #expect(relativeError(dx, exact.map { 2 * $0 }) < 5e-6)
    }

    @Test(arguments: examples) private func weightGradientAgreesWithTheEquation(_ example: Example) {
        var draw = Draw(3)
        let x = draw(example.input.values.count)
        let dy = draw(example.output.values.count)
        let scale = draw(example.shape.inputs)
        let shift = draw(example.shape.inputs)
        for activated in [false, true] where !activated || example.shape.inputs % 16 == 0 {
            func value(_ i: Int) -> Double {
                let c = i % example.shape.inputs
                return activated ? max(0, Double(x[i]) * Double(scale[c]) + Double(shift[c])) : Double(x[i])
            }
            var exact = [Double](repeating: 0, count: example.shape.weightCount)
            Reference.eachProduct(example.shape, input: example.input, output: example.output) {
                exact[$1] += Double(dy[$2]) * value($0)
            }
            var results: [[Float]] = []
            for threads in [1, 3] {
                var dw = [Float](repeating: .nan, count: exact.count)
                var memory: FloatBuffer?
                scale.withUnsafeBufferPointer { scale in
                    shift.withUnsafeBufferPointer { shift in
                        let prologue = scale.baseAddress.flatMap { a in
                            shift.baseAddress.map { FoldedBatchNorm(scale: a, shift: $0) }
                        }
                        ConvolutionWeightGradient.compute(
                            example.shape, images: example.images, height: example.height, width: example.width,
                            input: x,
                            prologue: activated ? prologue : nil, gradient: dy, result: &dw,
                            workspace: {
                                let buffer = FloatBuffer(count: $0)
                                memory = buffer
                                return buffer.pointer
                            }, pool: WorkerPool(threads: threads), scratch: WorkerScratch(threads: threads))
                    }
                }
                withExtendedLifetime(memory) {}
                #expect(relativeError(dw, exact) < 5e-6)
                results.append(dw)
            }
            #expect(results[0] == results[1])
        }
    }

    @Test(arguments: examples) private func theBitsDoNotDependOnThreadsOrOnTheOtherImages(_ example: Example) {
        var draw = Draw(4)
        let x = draw(example.input.values.count)
        let w = draw(example.shape.weightCount)
        let one = forward(example, x: x, w: w, threads: 1)
        for threads in [2, 5] { #expect(forward(example, x: x, w: w, threads: threads) == one) }
        let alone = Example(
            example.shape.inputs, example.shape.outputs, kernel: example.shape.kernel, stride: example.shape.stride,
            images: 1, example.height, example.width)
        let last = Array(x.suffix(alone.input.values.count))
        #expect(forward(alone, x: last, w: w, threads: 2) == Array(one.suffix(alone.output.values.count)))
    }

    @Test func activationAndEpilogueAreAppliedAroundTheSums() {
        let example = Example(32, 32, kernel: 3, stride: 1, images: 2, 5, 6)
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
            forward(
                example, x: x, w: w, prologue: FoldedBatchNorm(scale: pointers[0], shift: pointers[1]),
                epilogue: Epilogue(
                    folded: FoldedBatchNorm(scale: pointers[2], shift: pointers[3]), addend: pointers[4], relu: true),
                threads: 2)
        }
        #expect(relativeError(y, exact) < 5e-6)
    }
}
