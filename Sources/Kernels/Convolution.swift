/// Convolution over NHWC maps, forward and backward to its input. (For the weights see `ConvolutionWeightGradient`.)
package enum Convolution {
    /// y[n, i, j, o] = Σ_{r, s, c} x[n, stride·i + r − padding, stride·j + s − padding, c] · w[r, s, c, o],  then the
    /// epilogue.
    ///
    /// `input` is [images, height, width, inputs], `output` [images, outputHeight, outputWidth, outputs]. With
    /// `prologue`, x is relu(prologue(input)) and `inputs` a multiple of 8.
    package static func forward(
        _ weights: PackedWeights, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        prologue: FoldedBatchNorm? = nil, epilogue: Epilogue = Epilogue(), output: UnsafeMutablePointer<Float>,
        pool: WorkerPool, scratch: WorkerScratch
    ) {
        precondition(!weights.isTransposed, "These weights are packed for the input's gradient.")
        if prologue != nil { requireWholeVectors(weights.channels) }
        let shape = weights.shape
        let product = LoweredConvolution(
            weights: weights, mapHeight: height, mapWidth: width, mapStride: shape.stride, outputStride: 1,
            outputHeight: shape.output(height), outputWidth: shape.output(width))
        product.run(
            images: images, map: input, prologue: prologue, output: output, epilogue: epilogue, pool: pool,
            scratch: scratch)
    }

    /// dx[n, h, w, c] = Σ_{r, s, o} dy[n, i, j, o] · w[r, s, c, o]  over  stride·i + r − padding = h,  stride·j + s −
    /// padding = w.
    ///
    /// `height` and `width` are the input's; `gradient` is dy, and dx goes to `result`. A stride of 2 falls into four
    /// phases, each a small convolution of dy. An addend that is `result` itself accumulates.
    package static func inputGradient(
        _ weights: PackedWeights, images: Int, height: Int, width: Int, gradient: UnsafePointer<Float>,
        epilogue: Epilogue = Epilogue(), result: UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        precondition(weights.isTransposed, "These weights are packed for forward.")
        let shape = weights.shape
        let product = LoweredConvolution(
            weights: weights, mapHeight: shape.output(height), mapWidth: shape.output(width), mapStride: 1,
            outputStride: shape.stride, outputHeight: height, outputWidth: width)
        product.run(
            images: images, map: gradient, prologue: nil, output: result, epilogue: epilogue, pool: pool,
            scratch: scratch)
    }
}

/// Both directions lowered to one product: output pixel (outputStride · i + phase, …) gathers the map from row
/// mapStride · i + start on.
private struct LoweredConvolution: Sendable {
    let weights: PackedWeights
    let mapHeight: Int
    let mapWidth: Int
    let mapStride: Int
    let outputStride: Int
    let outputHeight: Int
    let outputWidth: Int

    /// Floats of a copied tile: with a panel of weights it should stay in a second-level cache.
    private static let tileBudget = 65536

    /// Where a phase begins to read, for i = 0.
    private func start(_ phase: Int, _ taps: [Int]) -> Int {
        guard weights.isTransposed else { return -weights.shape.padding }
        guard let first = taps.first else { return 0 }
        return (phase + weights.shape.padding - first) / weights.shape.stride
    }

    func run(
        images: Int, map: UnsafePointer<Float>, prologue: FoldedBatchNorm?, output: UnsafeMutablePointer<Float>,
        epilogue: Epilogue, pool: WorkerPool, scratch: WorkerScratch
    ) {
        let channels = weights.channels
        let columns = weights.columns
        let gridHeight = (outputHeight + outputStride - 1) / outputStride
        let gridWidth = (outputWidth + outputStride - 1) / outputStride

        // How far the phases reach around the map's row mapStride · i.
        let (above, below) = weights.parts.reduce((0, 0)) { reach, part in
            let rowStart = start(part.phaseRow, part.tapRows)
            let columnStart = start(part.phaseColumn, part.tapColumns)
            return (
                max(reach.0, -rowStart, -columnStart),
                max(reach.1, rowStart + part.tapRows.count - 1, columnStart + part.tapColumns.count - 1)
            )
        }
        let tileWidth = (gridWidth - 1) * mapStride + above + below + 1
        @Sendable func tileHeight(_ rows: Int) -> Int { (rows - 1) * mapStride + above + below + 1 }

        // Tiles: rows of a large map, or several small maps together.
        let wanted = 3 * pool.threads
        let wholeMap = tileHeight(gridHeight) * tileWidth * channels
        var group = 1
        var bands = 1
        if wholeMap > Self.tileBudget {
            while bands < gridHeight,
                tileHeight((gridHeight + bands - 1) / bands) * tileWidth * channels > Self.tileBudget
            {
                bands += 1
            }
        } else {
            group = max(1, min(Self.tileBudget * 3 / 2 / wholeMap, images / max(8, wanted)))
        }
        while bands < gridHeight, bands * images < wanted, gridHeight / bands > 7 { bands += 1 }
        let bandRows = (gridHeight + bands - 1) / bands
        bands = (gridHeight + bandRows - 1) / bandRows
        let groups = (images + group - 1) / group
        let panels = columns / Microkernel.width
        // Few tiles (a small batch): share out the columns as well.
        let pieces = min(panels, max(1, wanted / (groups * bands)))

        pool.run(groups * bands * pieces, lending: map, prologue, output, epilogue) {
            [group, bands] task, worker, map, prologue, output, epilogue in
            let piece = task % pieces
            let band = task / pieces % bands
            let firstImage = task / pieces / bands * group
            let lastImage = min(images, firstImage + group)
            let firstRow = band * bandRows
            let lastRow = min(gridHeight, firstRow + bandRows)
            guard firstRow < lastRow else { return }
            let panelRange = (panels * piece / pieces)..<(panels * (piece + 1) / pieces)

            let tile = PaddedTile(
                height: mapHeight, width: mapWidth, channels: channels, top: firstRow * mapStride - above, left: -above,
                tileHeight: tileHeight(lastRow - firstRow), tileWidth: tileWidth)
            let copied = scratch.floats(worker, .tile, count: tile.count * group)
            for image in firstImage..<lastImage {
                tile.copy(
                    map + image * mapHeight * mapWidth * channels, prologue: prologue,
                    to: copied + (image - firstImage) * tile.count)
            }

            let capacity = Microkernel.padded((lastImage - firstImage) * (lastRow - firstRow) * gridWidth)
            let rowOffsets = scratch.integers(worker, count: 2 * capacity)
            let outputOffsets = rowOffsets + capacity
            let sums = scratch.floats(worker, .product, count: Microkernel.rows * Microkernel.width)
            let outputPlane = outputHeight * outputWidth * columns
            for part in weights.parts {
                if part.tapRows.isEmpty || part.tapColumns.isEmpty, epilogue.addend == UnsafePointer(output) {
                    continue
                }
                let rowShift = above + start(part.phaseRow, part.tapRows)
                let columnShift = above + start(part.phaseColumn, part.tapColumns)
                var count = 0
                for image in 0..<(lastImage - firstImage) {
                    for i in firstRow..<lastRow {
                        let outputRow = i * outputStride + part.phaseRow
                        guard outputRow < outputHeight else { continue }
                        let tileRow = (i - firstRow) * mapStride + rowShift
                        for j in 0..<gridWidth {
                            let outputColumn = j * outputStride + part.phaseColumn
                            guard outputColumn < outputWidth else { continue }
                            rowOffsets[count] = Int32(
                                image * tile.count + (tileRow * tileWidth + j * mapStride + columnShift) * channels)
                            outputOffsets[count] = Int32(
                                image * outputPlane + (outputRow * outputWidth + outputColumn) * columns)
                            count += 1
                        }
                    }
                }
                guard count > 0 else { continue }
                for extra in count..<max(count, Microkernel.padded(count)) { rowOffsets[extra] = rowOffsets[count - 1] }
                let product = ImplicitGEMM(
                    runs: Microkernel.Runs(
                        count: part.tapRows.count, length: part.tapColumns.count * channels, pitch: tileWidth * channels
                    ),
                    weights: weights.weights(part))
                var shifted = epilogue
                if let addend = epilogue.addend { shifted.addend = addend + firstImage * outputPlane }
                product.compute(
                    rowCount: count, map: copied, rowOffsets: rowOffsets, panels: panelRange,
                    output: output + firstImage * outputPlane, outputOffsets: outputOffsets, epilogue: shifted,
                    sums: sums)
            }
        }
    }
}
