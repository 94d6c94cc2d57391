import LoopTypes

/// 3×3 convolution of stride 1 and padding 1 over NHWC maps with F(4×4, 3×3), forward and backward to its input:
///
///     y = epilogue(Aᵀ [Σ_c (Bᵀ x_c B) ⊙ U_c] A)
///
/// per 4×4 tile of y: 36 matrices [tiles, depth] of transformed input, their products with U by OpenBLAS (or, with a kernel
/// whose rows are not alike, by own loops: see `RowUniformity`), and the outputs from those. Either a block of tiles goes through all three steps in the second-level cache; or, where there are few
/// tiles and many weights (layer3 and layer4), all workers first transform all tiles and each then takes some columns,
/// whose part of U it makes as it goes. Products have the same shape whatever the batch, the last ones padded, so a tile's
/// numbers do not depend on the batch that it is in.
package enum WinogradConvolution {
    /// Depth of a product: short chains for rounding, and few enough operations (10⁶) for OpenBLAS's kernels for small
    /// matrices, which pack nothing: measured, 64×64×128 reaches 115 GFLOPS where 64×64×512 reaches 68.
    private static let depthInProduct = 128
    /// Columns and tiles of a product of a wide layer, and the tiles whose products are kept at once.
    private static let wideColumns = 64
    private static let wideTiles = 32
    private static let tilesAtOnce = 128

    /// Whether OpenBLAS multiplies. Own loops do where its rows are not alike (see `RowUniformity`): forward, as a picture's
    /// features must not depend on its place, and to the input of narrow layers, where they are faster (Benchmarks/README.md).
    package static func isMultipliedByBLAS(_ shape: ConvolutionShape, forInputGradient: Bool) -> Bool {
        RowUniformity.isGiven || (forInputGradient && WinogradWeights.isWide(shape))
    }

    /// `input` is [images, height, width, depth], `output` [images, height, width, columns] (see `WinogradWeights`).
    /// With `prologue`, x is relu(prologue(input)). `statistics` gets the moments of y. `workspace` gives memory for as many floats as it is asked for.
    package static func run(
        _ weights: WinogradWeights, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        prologue: FoldedBatchNorm? = nil, epilogue: Epilogue = Epilogue(), statistics: BatchNorm? = nil,
        output: UnsafeMutablePointer<Float>, workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool,
        scratch: WorkerScratch
    ) {
        let grid = WinogradGrid(images: images, height: height, width: width)
        let call = Call(
            weights: weights, grid: grid, input: input, prologue: prologue, epilogue: epilogue,
            moments: statistics?.chunkSums(grid.tileRows), output: output, scratch: scratch)
        if WinogradWeights.isWide(weights.shape) {
            call.shareColumns(workspace: workspace, pool: pool)
        } else {
            call.shareTiles(pool: pool)
        }
    }

    private struct Call {
        let weights: WinogradWeights
        let grid: WinogradGrid
        let input: UnsafePointer<Float>
        let prologue: FoldedBatchNorm?
        let epilogue: Epilogue
        /// Σ y and Σ y² of each tile row, [2][columns].
        let moments: UnsafeMutablePointer<Double>?
        let output: UnsafeMutablePointer<Float>
        let scratch: WorkerScratch

        /// A task is a block of tile rows, with all columns.
        func shareTiles(pool: WorkerPool) {
            let perRow =
                WinogradPlanes.products * grid.tileColumns * (weights.depth + weights.columns)
                * MemoryLayout<Float>.stride
            let rowsInBlock = max(1, CacheSize.secondLevel / 2 / perRow)
            let blocks = (grid.tileRows + rowsInBlock - 1) / rowsInBlock
            let tiles = rowsInBlock * grid.tileColumns
            pool.run(blocks, lending: self) { block, worker, call in
                let (weights, grid, scratch) = (call.weights, call.grid, call.scratch)
                let rows = (block * rowsInBlock)..<min(grid.tileRows, (block + 1) * rowsInBlock)
                let planes = WinogradPlanes(tiles: tiles, tilePitch: weights.depth)
                let transformed = scratch.floats(worker, .tile, count: planes.count)
                for row in rows {
                    call.transform(
                        row, to: transformed, first: (row - rows.lowerBound) * grid.tileColumns, planes,
                        worker: worker)
                }
                let outputs = WinogradPlanes(tiles: tiles, tilePitch: weights.columns)
                let products = scratch.floats(worker, .product, count: outputs.count)
                call.multiply(
                    transformed, planes, tiles: tiles, columns: 0..<weights.columns, into: products, outputs,
                    tilesInProduct: tiles, worker: worker)
                for row in rows {
                    call.finish(
                        products, outputs, first: (row - rows.lowerBound) * grid.tileColumns, row: row,
                        columns: 0..<weights.columns, worker: worker)
                }
            }
        }

        /// A task is a group of columns, with all tiles.
        func shareColumns(workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool) {
            // Products begin at any row of tiles: the last one's padding lies behind all.
            let planes = WinogradPlanes(tiles: grid.tiles + wideTiles, tilePitch: weights.depth)
            let transformed = workspace(planes.count)
            pool.run(grid.tileRows, lending: self, transformed) { row, worker, call, transformed in
                call.transform(row, to: transformed, first: row * call.grid.tileColumns, planes, worker: worker)
            }
            let groups = (weights.columns + wideColumns - 1) / wideColumns
            let rowsAtOnce = max(1, tilesAtOnce / grid.tileColumns)
            pool.run(groups, lending: self, transformed) { task, worker, call, transformed in
                let (weights, grid) = (call.weights, call.grid)
                let columns = (task * wideColumns)..<min(weights.columns, (task + 1) * wideColumns)
                for first in stride(from: 0, to: grid.tileRows, by: rowsAtOnce) {
                    let rows = first..<min(grid.tileRows, first + rowsAtOnce)
                    let tiles = (rows.count * grid.tileColumns + wideTiles - 1) / wideTiles * wideTiles
                    let outputs = WinogradPlanes(tiles: tiles, tilePitch: columns.count)
                    let products = call.scratch.floats(worker, .product, count: outputs.count)
                    call.multiply(
                        transformed + first * grid.tileColumns * weights.depth, planes, tiles: tiles,
                        columns: columns, into: products, outputs, tilesInProduct: wideTiles, worker: worker)
                    for row in rows {
                        call.finish(
                            products, outputs, first: (row - first) * grid.tileColumns, row: row, columns: columns,
                            worker: worker)
                    }
                }
            }
        }

        private func transform(
            _ row: Int, to target: UnsafeMutablePointer<Float>, first: Int, _ planes: WinogradPlanes, worker: Int
        ) {
            loops.winogradInput(
                input, grid, channels: weights.depth, prologue: prologue, row: row, to: target, first: first, planes,
                lines: scratch.floats(worker, .columns, count: grid.linesCount))
        }

        /// The 36 products of some tiles and columns, a slice of the depth after the other.
        private func multiply(
            _ transformed: UnsafePointer<Float>, _ planes: WinogradPlanes, tiles: Int, columns: Range<Int>,
            into products: UnsafeMutablePointer<Float>, _ outputs: WinogradPlanes, tilesInProduct: Int, worker: Int
        ) {
            let memory = scratch.floats(
                worker, .weights,
                count: weights.isKept
                    ? 0 : WinogradWeights.partCount(columns: columns.count, depth: depthInProduct))
            let isOwn = !isMultipliedByBLAS(weights.shape, forInputGradient: weights.isTransposed)
            for first in stride(from: 0, to: weights.depth, by: depthInProduct) {
                let depth = first..<min(weights.depth, first + depthInProduct)
                let part = weights.part(columns: columns, depth: depth, memory: memory)
                for product in 0..<WinogradPlanes.products {
                    let source = transformed + (product * planes.pitch + first)
                    let matrix = part.start + product * part.pitch
                    let target = products + product * outputs.pitch
                    if isOwn {
                        loops.multiply(
                            source, stride: planes.tilePitch, matrix, stride: part.stride, rows: tiles,
                            columns: columns.count, depth: depth.count, adds: first > 0, into: target,
                            stride: outputs.tilePitch)
                        continue
                    }
                    for tile in stride(from: 0, to: tiles, by: tilesInProduct) {
                        BLAS.multiply(
                            rows: tilesInProduct, columns: columns.count, depth: depth.count,
                            source + tile * planes.tilePitch, stride: planes.tilePitch, matrix, stride: part.stride,
                            beta: first == 0 ? 0 : 1, into: target + tile * outputs.tilePitch,
                            stride: outputs.tilePitch)
                    }
                }
            }
        }

        private func finish(
            _ products: UnsafePointer<Float>, _ planes: WinogradPlanes, first: Int, row: Int, columns: Range<Int>,
            worker: Int
        ) {
            loops.winogradOutput(
                products, planes, first: first, grid, row: row, part: columns, channels: weights.columns,
                epilogue: epilogue, to: output, lines: scratch.floats(worker, .columns, count: grid.linesCount))
            guard let moments else { return }
            let top = grid.top(ofRow: row)
            let pixel = (grid.image(ofRow: row) * grid.height + top) * grid.width
            loops.moments(
                output + (pixel * weights.columns + columns.lowerBound), rows: min(4, grid.height - top) * grid.width,
                pitch: weights.columns, channels: columns.count,
                to: moments + (row * 2 * weights.columns + columns.lowerBound), sumsPitch: weights.columns)
        }
    }
}
