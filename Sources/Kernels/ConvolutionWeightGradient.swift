/// dw[r, s, c, o] = Σ_{n, i, j} x[n, stride·i + r − padding, stride·j + s − padding, c] · dy[n, i, j, o].
///
/// The same implicit GEMM as forward, with the pixels as its depth: a row of the product is a tap and a channel of x,
/// read from pixel to pixel; dy is packed into panels of output channels. Pixels go in chunks of at most a few hundred,
/// each added to dw in order.
///
/// Narrow layers are shared out by groups of images, each with its own sums that are added in order at the end; wide
/// ones by input channels, each share going through all images. Groups depend on the shape and the batch only, so the
/// bits do not depend on the number of threads.
package enum ConvolutionWeightGradient {
    /// Pixels in a chunk: the two operands of a register tile should fit a first-level cache.
    private static let chunkPixels = 256
    /// Weights from which on a layer counts as wide.
    private static let wide = 128 * 128 * 9 + 1

    /// `height` and `width` are those of the input, [images, height, width, inputs]; with `prologue` x is
    /// relu(prologue(input)) and `inputs` a multiple of 16. `gradient` is dy, its channels whole panels. `result` is
    /// overwritten; `workspace` gives memory for as many floats as it is asked for.
    package static func compute(
        _ shape: ConvolutionShape, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        prologue: FoldedBatchNorm? = nil, gradient: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>,
        workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        precondition(shape.outputs % Microkernel.width == 0, "The output channels must fill whole panels.")
        precondition(prologue == nil || shape.inputs % 16 == 0, "With a prologue, inputs come in multiples of 16.")
        let (outputHeight, outputWidth) = (shape.output(height), shape.output(width))
        // Groups of images with their own sums, and shares of the input channels.
        let group = shape.weightCount >= wide ? images : (images + 15) / 16
        let groups = (images + group - 1) / group
        var shares = 1
        while groups * shares < max(8, 2 * pool.threads), shape.inputs % (shares * 16) == 0 { shares *= 2 }
        let channels = shape.inputs / shares
        let sums = groups > 1 ? workspace(groups * shape.weightCount) : result

        // A chunk is a band of rows of one image, or several small images.
        let plane = outputHeight * outputWidth
        let together = max(1, min(group, chunkPixels / plane))
        let bands = (plane + chunkPixels - 1) / chunkPixels
        let bandRows = (outputHeight + bands - 1) / bands

        pool.run(groups * shares, lending: input, prologue, gradient, sums) {
            [shares] task, worker, input, prologue, gradient, sums in
            let (groupIndex, share) = (task / shares, task % shares)
            let target = sums + groupIndex * shape.weightCount
            let lastImage = min(images, (groupIndex + 1) * group)
            var isFirst = true
            var image = groupIndex * group
            while image < lastImage {
                let count = min(together, lastImage - image)
                var row = 0
                while row < outputHeight {
                    let rows = min(bandRows, outputHeight - row)
                    let chunk = Chunk(
                        shape: shape, height: height, width: width, firstImage: image, images: count, firstRow: row,
                        rows: rows, firstChannel: share * channels, channels: channels)
                    chunk.add(
                        input: input, prologue: prologue, gradient: gradient, to: target, isFirst: isFirst,
                        worker: worker, scratch: scratch)
                    isFirst = false
                    row += rows
                }
                image += count
            }
        }
        if groups > 1 { addInOrder(sums, count: shape.weightCount, groups: groups, into: result, pool: pool) }
    }

    /// result = Σ_g sums[g], by rising g.
    private static func addInOrder(
        _ sums: UnsafePointer<Float>, count: Int, groups: Int, into result: UnsafeMutablePointer<Float>,
        pool: WorkerPool
    ) {
        let piece = 4096
        pool.run((count + piece - 1) / piece, lending: sums, result) { task, _, sums, result in
            var i = task * piece
            let end = min(count, i + piece)
            while i + 8 <= end {
                var sum = sums.vector8(i)
                for g in 1..<groups { sum += sums.vector8(g &* count &+ i) }
                result.store(sum, i)
                i &+= 8
            }
            while i < end {
                var sum = sums[i]
                for g in 1..<groups { sum += sums[g * count + i] }
                result[i] = sum
                i += 1
            }
        }
    }
}

/// The pixels of one pass: rows of one image or all rows of a few, for a share of the input channels.
private struct Chunk {
    let shape: ConvolutionShape
    let height: Int
    let width: Int
    let firstImage: Int
    let images: Int
    let firstRow: Int
    let rows: Int
    let firstChannel: Int
    let channels: Int

    func add(
        input: UnsafePointer<Float>, prologue: FoldedBatchNorm?, gradient: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, isFirst: Bool, worker: Int, scratch: WorkerScratch
    ) {
        let (stride, kernel) = (shape.stride, shape.kernel)
        let (outputHeight, outputWidth) = (shape.output(height), shape.output(width))

        // x as [image][tile row][column][channel], zero around the map. The distance from one output pixel to the next
        // is an odd number of cache lines for a stride of 2, so that a column of them does not fall into few sets.
        let tile = PaddedTile(
            height: height, width: width, channels: shape.inputs, top: firstRow * stride - shape.padding,
            left: -shape.padding, tileHeight: (rows - 1) * stride + kernel,
            tileWidth: (outputWidth - 1) * stride + kernel)
        let pixelPitch = channels % 8 == 0 ? channels + 8 : channels
        let linePitch = tile.tileWidth * pixelPitch
        let imagePitch = tile.tileHeight * linePitch
        let copied = scratch.floats(worker, .tile, count: images * imagePitch)
        for image in 0..<images {
            tile.copy(
                input + (firstImage + image) * height * width * shape.inputs, prologue: prologue,
                channels: firstChannel..<(firstChannel + channels), pixelPitch: pixelPitch,
                to: copied + image * imagePitch)
        }

        // dy as panels of [pixel][width].
        let width = Microkernel.width
        let panels = shape.outputs / width
        let pixels = images * rows * outputWidth
        let packed = scratch.floats(worker, .panel, count: panels * pixels * width)
        for image in 0..<images {
            let source = gradient + ((firstImage + image) * outputHeight + firstRow) * outputWidth * shape.outputs
            for pixel in 0..<(rows * outputWidth) {
                for panel in 0..<panels {
                    let from = source + pixel * shape.outputs + panel * width
                    let to = packed + (panel * pixels + image * rows * outputWidth + pixel) * width
                    var c = 0
                    while c < width {
                        to.store(from.vector16(c), c)
                        c &+= 16
                    }
                }
            }
        }

        let count = kernel * kernel * channels
        let capacity = Microkernel.padded(count)
        let rowOffsets = scratch.integers(worker, count: 2 * capacity)
        let outputOffsets = rowOffsets + capacity
        var index = 0
        for r in 0..<kernel {
            for s in 0..<kernel {
                for c in 0..<channels {
                    rowOffsets[index] = Int32(r * linePitch + s * pixelPitch + c)
                    outputOffsets[index] = Int32(((r * kernel + s) * shape.inputs + firstChannel + c) * shape.outputs)
                    index += 1
                }
            }
        }
        while index < capacity {
            rowOffsets[index] = rowOffsets[count - 1]
            index += 1
        }
        let product = ImplicitGEMM(
            runs: Microkernel.Runs(
                groups: images, groupPitch: imagePitch, count: rows, length: outputWidth, pitch: stride * linePitch,
                step: stride * pixelPitch),
            weights: packed, isOneChain: true)
        product.compute(
            rowCount: count, map: copied, rowOffsets: rowOffsets, panels: 0..<panels, output: target,
            outputOffsets: outputOffsets, epilogue: Epilogue(addend: isFirst ? nil : UnsafePointer(target)),
            sums: scratch.floats(worker, .product, count: Microkernel.rows * width))
    }
}
