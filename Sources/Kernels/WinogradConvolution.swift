/// 3×3 convolution of stride 1 and padding 1 over NHWC maps with F(4×4, 3×3), forward and backward to its input:
///
///     y = epilogue(Aᵀ [Σ_c (Bᵀ x_c B) ⊙ U_c] A)
///
/// per 4×4 tile of y: 36 matrices [tiles, depth] of transformed input, their products with the panels of U, and the
/// outputs from those. Either a block of tiles goes through all three steps in the second-level cache, with U read from
/// the third; or, where there are few tiles and many weights (layer3 and layer4), all workers first transform all tiles
/// and each then takes panels of columns, whose part of U it makes as it goes. A tile's numbers are the same in both
/// and do not depend on the block or the batch that it is in.
public enum WinogradConvolution {
    /// Tiles in a block: enough rows to read U seldom, few enough for the second level.
    private static let blockTiles = 48
    /// Columns whose products are kept before they are transformed back.
    private static let groupColumns = 32
    /// Longest chain of multiply-adds, for rounding and for the first-level cache.
    private static let longestChain = 256

    /// `input` is [images, height, width, depth], `output` [images, height, width, columns] (see `WinogradWeights`).
    public static func run(
        _ weights: WinogradWeights, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        activation: Activation? = nil, epilogue: Epilogue = Epilogue(), output: UnsafeMutablePointer<Float>,
        lend: (Int) -> UnsafeMutablePointer<Float>,
        pool: WorkerPool, scratch: WorkerScratch
    ) {
        let grid = WinogradGrid(images: images, height: height, width: width)
        let (depth, columns) = (weights.depth, weights.columns)
        if weights.isWide {
            let tiles = RegisterTile.padded(grid.tiles)
            let inputs = WinogradPlanes(tiles: tiles, tilePitch: depth)
            let transformed = lend(inputs.count)
            pool.run(grid.tileRows) { row, worker in
                grid.transformInput(
                    input, channelCount: depth, channels: 0..<depth, activation: activation, row: row,
                    first: row * grid.tileColumns, to: transformed, inputs,
                    lines: scratch.floats(worker, .columns, count: grid.linesCount))
            }
            let panelCount = weights.panelCount
            let inGroup = 2
            pool.run(columns / RegisterTile.width / inGroup) { task, worker in
                let panels = (task * inGroup)..<(task * inGroup + inGroup)
                let values = scratch.floats(worker, .tile, count: panelCount * inGroup)
                if weights.values == nil {
                let lines = scratch.floats(worker, .product, count: weights.linesCount)
                for panel in panels {
                    for slice in 0..<(depth / 16) {
                        weights.transform(
                            weights.raw, panel: panel, slice: slice,
                            to: values + (panel - panels.lowerBound) * panelCount, lines: lines)
                    }
                }
                }
                multiply(
                    transformed, inputs, tiles: tiles, depth: depth,  panelWeights: weights.values == nil ? values : weights.panel(panels.lowerBound), panels: panels, grid,
                    rows: 0..<grid.tileRows, channels: columns, epilogue: epilogue, to: output, worker: worker,
                    scratch: scratch)
            }
            return
        }
        let rowsInBlock = max(1, blockTiles / grid.tileColumns)
        let blocks = (grid.tileRows + rowsInBlock - 1) / rowsInBlock
        pool.run(blocks) { block, worker in
            let firstRow = grid.tileRows * block / blocks
            let rows = firstRow..<(grid.tileRows * (block + 1) / blocks)
            let tiles = RegisterTile.padded(rows.count * grid.tileColumns)
            let inputs = WinogradPlanes(tiles: tiles, tilePitch: depth)
            let transformed = scratch.floats(worker, .tile, count: inputs.count)
            let lines = scratch.floats(worker, .columns, count: grid.linesCount)
            for row in rows {
                grid.transformInput(
                    input, channelCount: depth, channels: 0..<depth, activation: activation, row: row,
                    first: (row - firstRow) * grid.tileColumns, to: transformed, inputs, lines: lines)
            }
            multiply(
                transformed, inputs, tiles: tiles, depth: depth, panelWeights: weights.panel(0),
                panels: 0..<(columns / RegisterTile.width), grid, rows: rows, channels: columns, epilogue: epilogue,
                to: output, worker: worker, scratch: scratch)
        }
    }

    /// The products of a block with `panels` of the weights, and the outputs from them.
    private static func multiply(
        _ transformed: UnsafePointer<Float>, _ inputs: WinogradPlanes, tiles: Int, depth: Int,
        panelWeights: UnsafePointer<Float>, panels: Range<Int>, _ grid: WinogradGrid, rows: Range<Int>, channels: Int,
        epilogue: Epilogue, to output: UnsafeMutablePointer<Float>, worker: Int, scratch: WorkerScratch
    ) {
        let width = RegisterTile.width
        let panelsInGroup = min(panels.count, max(1, groupColumns / width))
        let outputs = WinogradPlanes(tiles: tiles, tilePitch: panelsInGroup * width)
        let products = scratch.floats(worker, .panel, count: outputs.count)
        let lines = scratch.floats(worker, .columns, count: grid.linesCount)
        let offsets = scratch.integers(worker, .offsets, count: RegisterTile.rows)
        for row in 0..<RegisterTile.rows { offsets[row] = Int32(row * depth) }
        let pieces = (depth + longestChain - 1) / longestChain
        let length = depth / pieces
        for group in stride(from: panels.lowerBound, to: panels.upperBound, by: panelsInGroup) {
            let inGroup = min(panelsInGroup, panels.upperBound - group)
            for product in 0..<Winograd.products {
                for panel in 0..<inGroup {
                    let weights =
                        panelWeights
                        + ((group - panels.lowerBound + panel) * Winograd.products + product) * (depth * width + 16)
                    let target = products + (product * outputs.pitch + panel * width)
                    for piece in 0..<pieces {
                        let source = transformed + (product * inputs.pitch + piece * length)
                        var tile = 0
                        while tile < tiles {
                            RegisterTile.multiply(
                                source + (tile &* depth), offsets, RegisterTile.Runs(length: length),
                                weights + (piece &* length &* width), adds: piece > 0,
                                target + (tile &* outputs.tilePitch), pitch: outputs.tilePitch)
                            tile &+= RegisterTile.rows
                        }
                    }
                }
            }
            for row in rows {
                grid.transformOutput(
                    products, outputs, columns: inGroup * width, row: row,
                    first: (row - rows.lowerBound) * grid.tileColumns, column: group * width, channels: channels,
                    epilogue: epilogue, to: output, lines: lines)
            }
        }
    }
}
