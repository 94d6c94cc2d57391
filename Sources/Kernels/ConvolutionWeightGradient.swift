import LoopTypes

/// dw[r, s, c, o] = Σ_{n, i, j} x[n, stride·i + r − padding, stride·j + s − padding, c] · dy[n, i, j, o].
///
/// Blocks of gathered pixels, transposed, times dy: [kernel² · inputs, pixels] · [pixels, outputs], added up in order.
/// Narrow layers are shared out by groups of images, each with its own sums that are added in order at the end; wide ones by
/// taps and halves of the inputs, each share going through all images: [inputs / 2, pixels] · [pixels, outputs]. Groups
/// depend on the shape and the batch only, so the bits do not depend on the number of threads.
package enum ConvolutionWeightGradient {
    /// Weights from which on a layer counts as wide: sums for each group would take more memory than they save.
    private static let wide = 128 * 128 * 9 + 1

    /// `height` and `width` are those of the input, [images, height, width, inputs]; with `prologue` x is
    /// relu(prologue(input)) and `inputs` a multiple of 16. `gradient` is dy. `result` is overwritten; `workspace` gives
    /// memory for as many floats as it is asked for.
    package static func compute(
        _ shape: ConvolutionShape, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        prologue: FoldedBatchNorm? = nil, gradient: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>,
        workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        if prologue != nil { requireWholeVectors(shape.inputs) }
        let call = Call(
            shape: shape, images: images, height: height, width: width, input: input, prologue: prologue,
            gradient: gradient, scratch: scratch)
        if shape.weightCount >= wide {
            // Both halves in whole vectors.
            let half = (shape.inputs / 2 + 15) / 16 * 16
            pool.run(2 * shape.kernel * shape.kernel, lending: call, result) { task, worker, call, result in
                call.add(
                    tap: task / 2, inputs: task % 2 == 0 ? 0..<half : half..<call.shape.inputs, to: result,
                    worker: worker)
            }
            return
        }
        let group = (images + 15) / 16
        let groups = (images + group - 1) / group
        let sums = groups > 1 ? workspace(groups * shape.weightCount) : result
        pool.run(groups, lending: call, sums) { index, worker, call, sums in
            call.add(
                images: (index * group)..<min(call.images, (index + 1) * group),
                to: sums + index * call.shape.weightCount, worker: worker)
        }
        guard groups > 1 else { return }
        let (count, piece) = (shape.weightCount, 4096)
        pool.run((count + piece - 1) / piece, lending: sums, result) { task, _, sums, result in
            let first = task * piece
            loops.addParts(
                sums + first, pitch: count, groups: groups, into: result + first, count: min(piece, count - first))
        }
    }

    private struct Call {
        let shape: ConvolutionShape
        let images: Int
        let height: Int
        let width: Int
        let input: UnsafePointer<Float>
        let prologue: FoldedBatchNorm?
        let gradient: UnsafePointer<Float>
        let scratch: WorkerScratch

        private func window(top: Int = 0, left: Int = 0, taps: Int) -> GatherWindow {
            GatherWindow(
                height: height, width: width, channels: shape.inputs, stride: shape.stride, top: top - shape.padding,
                left: left - shape.padding, rows: taps, columns: taps)
        }

        /// All taps of some images.
        func add(images part: Range<Int>, to target: UnsafeMutablePointer<Float>, worker: Int) {
            let x = input + part.lowerBound * height * width * shape.inputs
            let blocks = PixelBlocks(
                images: part.count, height: shape.output(height), width: shape.output(width))
            let dy = gradient + part.lowerBound * blocks.height * blocks.width * shape.outputs
            let window = window(taps: shape.kernel)
            let gathered = scratch.floats(worker, .tile, count: blocks.pixelsInBlock * window.count)
            for block in 0..<blocks.count {
                let pixels = blocks.pixels(block)
                blocks.gather(block, window, x, prologue: prologue, to: gathered)
                let depth = blocks.pixelsInBlock / blocks.parts(operationsInRow: window.count * shape.outputs)
                for first in stride(from: 0, to: pixels.count, by: depth) {
                    BLAS.multiply(
                        rows: window.count, columns: shape.outputs, depth: min(depth, pixels.count - first),
                        gathered + first * window.count, stride: window.count, transposeA: true,
                        dy + (pixels.lowerBound + first) * shape.outputs, stride: shape.outputs,
                        beta: block == 0 && first == 0 ? 0 : 1, into: target, stride: shape.outputs)
                }
            }
        }

        /// One tap of some of the inputs, over all images.
        func add(tap: Int, inputs part: Range<Int>, to target: UnsafeMutablePointer<Float>, worker: Int) {
            guard !part.isEmpty else { return }
            let blocks = PixelBlocks(images: images, height: shape.output(height), width: shape.output(width))
            var window = window(top: tap / shape.kernel, left: tap % shape.kernel, taps: 1)
            window.part = part
            let gathered = scratch.floats(worker, .tile, count: blocks.pixelsInBlock * window.count)
            for block in 0..<blocks.count {
                let pixels = blocks.pixels(block)
                blocks.gather(block, window, input, prologue: prologue, to: gathered)
                BLAS.multiply(
                    rows: window.count, columns: shape.outputs, depth: pixels.count, gathered, stride: window.count,
                    transposeA: true, gradient + pixels.lowerBound * shape.outputs, stride: shape.outputs,
                    beta: block == 0 ? 0 : 1,
                    into: target + (tap * shape.inputs + part.lowerBound) * shape.outputs, stride: shape.outputs)
            }
        }
    }
}
