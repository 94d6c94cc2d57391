import LoopTypes

/// Direct convolutions over NHWC maps: OpenBLAS multiplies blocks of gathered pixels (im2col; Chellapilla et al. 2006) that
/// stay in the second-level cache with the weights [kernel][kernel][inputs][outputs], which are a matrix as they lie.
package enum Convolution {
    /// Columns of one product, so that wide layers of few pixels keep several workers busy.
    private static let columnsInProduct = 256

    /// y[n, i, j, o] = Σ_{r, s, c} x[n, stride·i + r − padding, stride·j + s − padding, c] · w[r, s, c, o],  then the
    /// epilogue.
    ///
    /// `input` is [images, height, width, inputs], `output` [images, outputHeight, outputWidth, outputs], its channels a
    /// multiple of 16. With `prologue`, x is relu(prologue(input)) and `inputs` a multiple of 16.
    ///
    /// `statistics` gets the moments of y.
    ///
    /// A product is [pixels of a block, kernel² · inputs] · [kernel² · inputs, up to 256 outputs].
    package static func forward(
        _ shape: ConvolutionShape, weights: UnsafePointer<Float>, images: Int, height: Int, width: Int,
        input: UnsafePointer<Float>, prologue: FoldedBatchNorm? = nil, epilogue: Epilogue = Epilogue(),
        statistics: BatchNorm? = nil, output: UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        requireWholeVectors(shape.outputs)
        if prologue != nil { requireWholeVectors(shape.inputs) }
        let blocks = PixelBlocks(
            images: images, height: shape.output(height), width: shape.output(width),
            alignment: RowUniformity.alignment)
        let window = GatherWindow(
            height: height, width: width, channels: shape.inputs, stride: shape.stride, top: -shape.padding,
            left: -shape.padding, rows: shape.kernel, columns: shape.kernel)
        let (m, outputs) = (blocks.pixelsInBlock, shape.outputs)
        let pieces = (outputs + columnsInProduct - 1) / columnsInProduct
        let moments = statistics?.chunkSums(blocks.count)
        pool.run(blocks.count * pieces, lending: input, weights, prologue, epilogue, output, moments) {
            task, worker, input, weights, prologue, epilogue, output, moments in
            let pixels = blocks.pixels(task / pieces)
            let piece = task % pieces
            let columns = (outputs * piece / pieces)..<(outputs * (piece + 1) / pieces)
            let gathered = scratch.floats(worker, .tile, count: m * window.count)
            blocks.gather(
                task / pieces, window, input, prologue: prologue, to: gathered)
            // Straight to where it belongs, unless the block is padded or what lies there is still needed.
            let isDirect = pixels.count == m && epilogue.addend == nil
            let start = pixels.lowerBound * outputs + columns.lowerBound
            let sums = isDirect ? output + start : scratch.floats(worker, .product, count: m * columns.count)
            let pitch = isDirect ? outputs : columns.count
            let rows = m / blocks.parts(operationsInRow: columns.count * window.count)
            for row in stride(from: 0, to: m, by: rows) {
                BLAS.multiply(
                    rows: rows, columns: columns.count, depth: window.count, gathered + row * window.count,
                    stride: window.count, weights + columns.lowerBound, stride: outputs, beta: 0,
                    into: sums + row * pitch, stride: pitch)
            }
            if !isDirect || !epilogue.isEmpty {
                let (blockImages, lines) = blocks[task / pieces]
                let count = lines.count * blocks.width
                for image in 0..<blockImages.count {
                    loops.finish(
                        sums + image * blocks.imagePitch * pitch, sumPitch: pitch, count: count, channels: columns,
                        epilogue: epilogue, to: output, offset: start + image * count * outputs, pitch: outputs)
                }
            }
            if let moments {
                loops.moments(
                    output + start, rows: pixels.count, pitch: outputs, channels: columns.count,
                    to: moments + (task / pieces * 2 * outputs + columns.lowerBound), sumsPitch: outputs)
            }
        }
    }

    /// dx[n, h, w, c] = Σ_{r, s, o} dy[n, i, j, o] · w[r, s, c, o]  over  stride·i + r − padding = h,  stride·j + s −
    /// padding = w.
    ///
    /// `height` and `width` are the input's; `gradient` is dy, and dx goes to `result`. Channels are multiples of 16. An
    /// addend that is `result` itself accumulates. A stride of 2 falls into four phases (the pixels with even or odd row
    /// and column), and in each the taps that reach it add up: [pixels of a block, outputs] · [outputs, inputs] for each.
    package static func inputGradient(
        _ shape: ConvolutionShape, weights: UnsafePointer<Float>, images: Int, height: Int, width: Int,
        gradient: UnsafePointer<Float>, epilogue: Epilogue = Epilogue(), result: UnsafeMutablePointer<Float>,
        pool: WorkerPool, scratch: WorkerScratch
    ) {
        requireWholeVectors(shape.inputs)
        let (stride, inputs, outputs) = (shape.stride, shape.inputs, shape.outputs)
        let (outputHeight, outputWidth) = (shape.output(height), shape.output(width))
        let blocks = PixelBlocks(
            images: images, height: (height + stride - 1) / stride, width: (width + stride - 1) / stride)
        let m = blocks.pixelsInBlock
        pool.run(blocks.count, lending: gradient, weights, epilogue, result) {
            block, worker, gradient, weights, epilogue, result in
            let (blockImages, rows) = blocks[block]
            let pixels = blocks.pixels(block)
            let sums = scratch.floats(worker, .product, count: m * inputs)
            for phase in 0..<(stride * stride) {
                let (phaseRow, phaseColumn) = (phase / stride, phase % stride)
                var beta: Float = 0
                for r in shape.taps(phase: phaseRow) {
                    for s in shape.taps(phase: phaseColumn) {
                        let window = GatherWindow(
                            height: outputHeight, width: outputWidth, channels: outputs, stride: 1,
                            top: (phaseRow + shape.padding - r) / stride,
                            left: (phaseColumn + shape.padding - s) / stride)
                        var source = gradient + pixels.lowerBound * outputs
                        // The tap in the middle reads dy as it lies.
                        if window.top != 0 || window.left != 0 || pixels.count < m || blocks.width != outputWidth
                            || blocks.height != outputHeight
                        {
                            let gathered = scratch.floats(worker, .tile, count: m * outputs)
                            blocks.gather(block, window, gradient, prologue: nil, to: gathered)
                            source = UnsafePointer(gathered)
                        }
                        BLAS.multiply(
                            rows: m, columns: inputs, depth: outputs, source, stride: outputs,
                            weights + (r * shape.kernel + s) * inputs * outputs, stride: outputs, transposeB: true,
                            beta: beta, into: sums, stride: inputs)
                        beta = 1
                    }
                }
                if beta == 0 {
                    if epilogue.addend == UnsafePointer(result) { continue }
                    sums.update(repeating: 0, count: m * inputs)
                }
                let columns = (width - phaseColumn + stride - 1) / stride
                for image in blockImages {
                    for row in rows where row * stride + phaseRow < height {
                        let line = (image - blockImages.lowerBound) * rows.count + row - rows.lowerBound
                        loops.finish(
                            sums + line * blocks.width * inputs, sumPitch: inputs, count: columns,
                            channels: 0..<inputs, epilogue: epilogue, to: result,
                            offset: ((image * height + row * stride + phaseRow) * width + phaseColumn) * inputs,
                            pitch: stride * inputs)
                    }
                }
            }
        }
    }
}

extension ConvolutionShape {
    /// The kernel taps that connect the input positions stride · i + phase with outputs.
    fileprivate func taps(phase: Int) -> [Int] {
        (0..<kernel).filter { (phase + padding - $0) % stride == 0 }
    }
}

extension PixelBlocks {
    /// A block's pixels as rows of a product, [pixels][window.count]; rows of padding keep what they hold.
    func gather(
        _ block: Int, _ window: GatherWindow, _ map: UnsafePointer<Float>, prologue: FoldedBatchNorm?,
        to target: UnsafeMutablePointer<Float>
    ) {
        let (images, rows) = self[block]
        for image in images {
            loops.gather(
                window, image: map + image * window.height * window.width * window.channels, prologue: prologue,
                rows: rows, pixels: width,
                to: target + (image - images.lowerBound) * imagePitch * window.count)
        }
    }
}
