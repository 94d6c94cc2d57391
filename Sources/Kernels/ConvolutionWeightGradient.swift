/// dw[r, s, c, o] = Σ_{n, i, j} x[n, stride·i + r − padding, stride·j + s − padding, c] · dy[n, i, j, o].
///
/// A product over all pixels, columns(x)ᵀ · dy, done by OpenBLAS in pieces that depend on the shapes and the batch only,
/// summed in a fixed order. Wide layers (small maps, many channels) are cut by kernel tap and output channels, each piece
/// going through all images; narrow ones by groups of images whose sums are added at the end.
public enum ConvolutionWeightGradient {
    /// `height` and `width` are those of the input, [images, height, width, inputs]; with `activation` x is
    /// max(input · scale + shift, 0). `gradient` is dy. `result` is overwritten; `partials` lends memory of
    /// `partialCount` floats.
    public static func compute(
        _ shape: ConvolutionShape, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        activation: Activation? = nil, gradient: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>,
        partials: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        if shape.inputs * shape.outputs >= 128 * 256 {
            byTaps(
                shape, images: images, height: height, width: width, input: input, activation: activation,
                gradient: gradient, result: result, pool: pool, scratch: scratch)
        } else {
            byImages(
                shape, images: images, height: height, width: width, input: input, activation: activation,
                gradient: gradient, result: result, partials: partials, pool: pool, scratch: scratch)
        }
    }

    /// Floats of unrolled columns that go into one product.
    private static let columnBudget = 196_608

    private static func byImages(
        _ shape: ConvolutionShape, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        activation: Activation?, gradient: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>,
        partials: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        let (outputHeight, outputWidth) = (shape.output(height), shape.output(width))
        let depth = shape.kernel * shape.kernel * shape.inputs
        let runLength = shape.kernel * shape.inputs
        let group = (images + 15) / 16
        let groups = (images + group - 1) / group
        let sums = partials(groups * shape.weightCount)
        let bandRows = max(1, min(outputHeight, columnBudget / (outputWidth * depth)))
        let tileWidth = (outputWidth - 1) * shape.stride + shape.kernel

        pool.run(groups) { task, worker in
            let sum = sums + task * shape.weightCount
            var beta: Float = 0
            for image in (task * group)..<min(images, (task + 1) * group) {
                var firstRow = 0
                while firstRow < outputHeight {
                    let rows = min(bandRows, outputHeight - firstRow)
                    let tile = MapTile(
                        height: height, width: width, channels: shape.inputs,
                        top: firstRow * shape.stride - shape.padding, left: -shape.padding,
                        tileHeight: (rows - 1) * shape.stride + shape.kernel, tileWidth: tileWidth)
                    let copied = scratch.floats(worker, .tile, count: tile.count)
                    tile.copy(input + image * height * width * shape.inputs, activation: activation, to: copied)
                    let columns = scratch.floats(worker, .columns, count: rows * outputWidth * depth)
                    var target = columns
                    for i in 0..<rows {
                        for j in 0..<outputWidth {
                            var source = copied + (i * tileWidth + j) * shape.stride * shape.inputs
                            for _ in 0..<shape.kernel {
                                target.update(from: source, count: runLength)
                                target += runLength
                                source += tileWidth * shape.inputs
                            }
                        }
                    }
                    let dy = gradient + (image * outputHeight + firstRow) * outputWidth * shape.outputs
                    BLAS.multiply(
                        rows: depth, columns: shape.outputs, depth: rows * outputWidth, columns, stride: depth,
                        transposeA: true, dy, stride: shape.outputs, beta: beta, into: sum, stride: shape.outputs)
                    beta = 1
                    firstRow += rows
                }
            }
        }
        addInOrder(sums, count: shape.weightCount, groups: groups, into: result, pool: pool)
    }

    /// result = Σ_g sums[g], by rising g.
    private static func addInOrder(
        _ sums: UnsafePointer<Float>, count: Int, groups: Int, into result: UnsafeMutablePointer<Float>, pool: WorkerPool
    ) {
        let piece = 4096
        pool.run((count + piece - 1) / piece) { task, _ in
            var i = task * piece
            let end = min(count, i + piece)
            while i + 8 <= end {
                var sum = sums.vector8(i)
                for g in 1..<max(1, groups) { sum += sums.vector8(g &* count &+ i) }
                result.store(sum, i)
                i &+= 8
            }
            while i < end {
                var sum = sums[i]
                for g in 1..<max(1, groups) { sum += sums[g * count + i] }
                result[i] = sum
                i += 1
            }
        }
    }

    private static func byTaps(
        _ shape: ConvolutionShape, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        activation: Activation?, gradient: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>,
        pool: WorkerPool, scratch: WorkerScratch
    ) {
        let (outputHeight, outputWidth) = (shape.output(height), shape.output(width))
        let outputPlane = outputHeight * outputWidth
        let columnWidth = shape.outputs >= 512 ? 256 : 128
        let columnTiles = shape.outputs / columnWidth
        let inputTile = shape.kernel == 1 ? max(1, shape.inputs / 2) : shape.inputs
        let inputTiles = shape.inputs / inputTile
        let group = max(1, min(images, columnBudget / (outputPlane * inputTile)))

        pool.run(shape.kernel * shape.kernel * columnTiles * inputTiles) { task, worker in
            let column = task % columnTiles * columnWidth
            let firstInput = task / columnTiles % inputTiles * inputTile
            let tap = task / columnTiles / inputTiles
            let (tapRow, tapColumn) = (tap / shape.kernel, tap % shape.kernel)
            let columns = scratch.floats(worker, .columns, count: group * outputPlane * inputTile)
            let target = result + (tap * shape.inputs + firstInput) * shape.outputs + column
            var first = 0
            while first < images {
                let count = min(group, images - first)
                for image in 0..<count {
                    gatherTap(
                        shape, input + (first + image) * height * width * shape.inputs + firstInput, height: height,
                        width: width, channels: inputTile, tapRow: tapRow, tapColumn: tapColumn,
                        activation: activation.map {
                            Activation(scale: $0.scale + firstInput, shift: $0.shift + firstInput)
                        }, to: columns + image * outputPlane * inputTile)
                }
                BLAS.multiply(
                    rows: inputTile, columns: columnWidth, depth: count * outputPlane, columns, stride: inputTile,
                    transposeA: true, gradient + first * outputPlane * shape.outputs + column, stride: shape.outputs,
                    beta: first == 0 ? 0 : 1, into: target, stride: shape.outputs)
                first += count
            }
        }
    }

    /// The input pixel behind each output pixel for one tap, [outputHeight · outputWidth, channels], zero outside.
    private static func gatherTap(
        _ shape: ConvolutionShape, _ image: UnsafePointer<Float>, height: Int, width: Int, channels: Int, tapRow: Int,
        tapColumn: Int, activation: Activation?, to target: UnsafeMutablePointer<Float>
    ) {
        let (outputHeight, outputWidth) = (shape.output(height), shape.output(width))
        var place = target
        for i in 0..<outputHeight {
            let y = i * shape.stride + tapRow - shape.padding
            for j in 0..<outputWidth {
                let x = j * shape.stride + tapColumn - shape.padding
                if y >= 0, y < height, x >= 0, x < width {
                    let source = image + (y * width + x) * shape.inputs
                    if let activation {
                        activation.apply(source, pixels: 1, channels: channels, to: place)
                    } else {
                        place.update(from: source, count: channels)
                    }
                } else {
                    place.update(repeating: 0, count: channels)
                }
                place += channels
            }
        }
    }
}
