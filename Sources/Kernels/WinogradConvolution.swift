/// 3×3 convolution of stride 1 and padding 1 over NHWC maps with F(4×4, 3×3), forward and backward to its input:
///
///     y = epilogue(Aᵀ [Σ_c (Bᵀ x_c B) ⊙ U_c] A)
///
/// per 4×4 tile of y. A block of tiles goes through all three steps while it is in the second-level cache: 36 matrices
/// [tiles, depth] of transformed input, their products with the panels of U (from the third level), and the outputs.
/// A tile's numbers do not depend on the block or the batch that it is in.
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
        pool: WorkerPool, scratch: WorkerScratch
    ) {
        let grid = WinogradGrid(images: images, height: height, width: width)
        let (depth, columns) = (weights.depth, weights.columns)
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
                transformed, inputs, tiles: tiles, weights, panels: 0..<(columns / RegisterTile.width), grid,
                rows: rows,
                epilogue: epilogue, to: output, worker: worker, scratch: scratch)
        }
    }

    /// The products of a block with `panels` of the weights, and the outputs from them.
    private static func multiply(
        _ transformed: UnsafePointer<Float>, _ inputs: WinogradPlanes, tiles: Int, _ weights: WinogradWeights,
        panels: Range<Int>, _ grid: WinogradGrid, rows: Range<Int>, epilogue: Epilogue,
        to output: UnsafeMutablePointer<Float>, worker: Int, scratch: WorkerScratch
    ) {
        let (depth, width) = (weights.depth, RegisterTile.width)
        let panelsInGroup = max(1, groupColumns / width)
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
                    let panelWeights = weights.panel(group + panel) + product * depth * width
                    let target = products + product * outputs.pitch + panel * width
                    for piece in 0..<pieces {
                        let source = transformed + product * inputs.pitch + piece * length
                        var tile = 0
                        while tile < tiles {
                            RegisterTile.multiply(
                                source + (tile &* depth), offsets, RegisterTile.Runs(length: length),
                                panelWeights + (piece &* length &* width), adds: piece > 0,
                                target + (tile &* outputs.tilePitch), pitch: outputs.tilePitch)
                            tile &+= RegisterTile.rows
                        }
                    }
                }
            }
            for row in rows {
                grid.transformOutput(
                    products, outputs, columns: inGroup * width, row: row,
                    first: (row - rows.lowerBound) * grid.tileColumns, column: group * width, channels: weights.columns,
                    epilogue: epilogue, to: output, lines: lines)
            }
        }
    }
}
