/// 3×3 convolution of stride 1 and padding 1 over NHWC maps with F(4×4, 3×3), forward and backward to its input:
///
///     y = epilogue(Aᵀ [Σ_c (Bᵀ x_c B) ⊙ U_c] A)
///
/// per 4×4 tile of y: 36 matrices [tiles, depth] of transformed input, their products with the panels of U, and the
/// outputs from those. Either a block of tiles goes through all three steps in the second-level cache, with U read from
/// the third; or, where there are few tiles and many weights (layer3 and layer4), all workers first transform all tiles
/// and each then takes panels of columns, whose part of U it makes as it goes. A tile's numbers are the same in both
/// and do not depend on the block or the batch that it is in.
package enum WinogradConvolution {
    /// Tiles in a block: enough rows to read U seldom, few enough for the second level.
    private static let blockTiles = 48
    /// Columns whose products are kept before they are transformed back.
    private static let groupColumns = 32
    /// Longest chain of multiply-adds, for rounding and for the first-level cache.
    private static let longestChain = 256

    /// `input` is [images, height, width, depth], `output` [images, height, width, columns] (see `WinogradWeights`).
    /// With `prologue`, x is relu(prologue(input)). `workspace` gives memory for as many floats as it is asked for.
    package static func run(
        _ weights: WinogradWeights, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        prologue: FoldedBatchNorm? = nil, epilogue: Epilogue = Epilogue(), output: UnsafeMutablePointer<Float>,
        workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        precondition(
            weights.depth % ((weights.depth + longestChain - 1) / longestChain) == 0,
            "\(weights.depth) input channels do not fall into equal chains.")
        let call = Call(
            weights: weights, grid: WinogradGrid(images: images, height: height, width: width), input: input,
            prologue: prologue, epilogue: epilogue, output: output, scratch: scratch)
        if !WinogradWeights.isWide(weights.shape), let panels = weights.panels {
            call.shareTiles(panels, pool: pool)
        } else {
            call.shareColumns(workspace: workspace, pool: pool)
        }
    }

    private struct Call {
        let weights: WinogradWeights
        let grid: WinogradGrid
        let input: UnsafePointer<Float>
        let prologue: FoldedBatchNorm?
        let epilogue: Epilogue
        let output: UnsafeMutablePointer<Float>
        let scratch: WorkerScratch

        private var panelCount: Int { weights.columns / Microkernel.width }

        /// A task is a block of tile rows, with all columns.
        func shareTiles(_ panels: UnsafePointer<Float>, pool: WorkerPool) {
            let rowsInBlock = max(1, blockTiles / grid.tileColumns)
            let blocks = (grid.tileRows + rowsInBlock - 1) / rowsInBlock
            pool.run(blocks, lending: self, panels) { block, worker, call, panels in
                let rows = call.grid.rows(block: block, of: blocks)
                let planes = call.planes(tileRows: rows.count)
                let transformed = call.scratch.floats(worker, .tile, count: planes.count)
                for row in rows {
                    call.transform(row, at: row - rows.lowerBound, to: transformed, planes, worker: worker)
                }
                call.multiply(transformed, planes, panels, 0..<call.panelCount, rows: rows, worker: worker)
            }
        }

        /// A task is a group of columns, with all tiles.
        func shareColumns(workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool) {
            let planes = planes(tileRows: grid.tileRows)
            // Blocks begin at any tile and are read in whole register tiles: the last plane's end needs room for one more.
            let transformed = workspace(planes.count + Microkernel.rows * weights.depth)
            pool.run(grid.tileRows, lending: self, transformed) { row, worker, call, transformed in
                call.transform(row, at: row, to: transformed, planes, worker: worker)
            }
            let inGroup = max(1, groupColumns / Microkernel.width)
            let blocks = max(1, grid.tiles / 64)
            pool.run((panelCount + inGroup - 1) / inGroup, lending: self, transformed) {
                task, worker, call, transformed in
                let (weights, grid, scratch) = (call.weights, call.grid, call.scratch)
                let range = (task * inGroup)..<min(call.panelCount, (task + 1) * inGroup)
                let panels: UnsafePointer<Float>
                if let kept = weights.panels {
                    panels = UnsafePointer(kept + range.lowerBound * weights.panelCount)
                } else {
                    let made = scratch.floats(worker, .tile, count: range.count * weights.panelCount)
                    weights.make(range, in: made, worker: worker, scratch: scratch)
                    panels = UnsafePointer(made)
                }
                for block in 0..<blocks {
                    let rows = grid.rows(block: block, of: blocks)
                    call.multiply(
                        transformed + rows.lowerBound * grid.tileColumns * weights.depth, planes, panels, range,
                        rows: rows, worker: worker)
                }
            }
        }

        private func planes(tileRows: Int) -> WinogradPlanes {
            WinogradPlanes(tiles: Microkernel.padded(tileRows * grid.tileColumns), tilePitch: weights.depth)
        }

        private func transform(
            _ row: Int, at index: Int, to target: UnsafeMutablePointer<Float>, _ planes: WinogradPlanes, worker: Int
        ) {
            grid.transformInput(
                input, channels: weights.depth, prologue: prologue, row: row, first: index * grid.tileColumns,
                to: target, planes, lines: scratch.floats(worker, .columns, count: grid.linesCount))
        }

        /// The products of some tile rows with some panels, and the outputs from them.
        private func multiply(
            _ transformed: UnsafePointer<Float>, _ inputs: WinogradPlanes, _ panelWeights: UnsafePointer<Float>,
            _ panels: Range<Int>, rows: Range<Int>, worker: Int
        ) {
            let (depth, width) = (weights.depth, Microkernel.width)
            let tiles = Microkernel.padded(rows.count * grid.tileColumns)
            let panelsInGroup = min(panels.count, max(1, groupColumns / width))
            let outputs = WinogradPlanes(tiles: tiles, tilePitch: panelsInGroup * width)
            let products = scratch.floats(worker, .panel, count: outputs.count)
            let lines = scratch.floats(worker, .columns, count: grid.linesCount)
            let offsets = scratch.integers(worker, count: Microkernel.rows)
            for row in 0..<Microkernel.rows { offsets[row] = Int32(row * depth) }
            let pieces = (depth + longestChain - 1) / longestChain
            let length = depth / pieces
            for group in stride(from: 0, to: panels.count, by: panelsInGroup) {
                let inGroup = min(panelsInGroup, panels.count - group)
                for product in 0..<Winograd.products {
                    for panel in 0..<inGroup {
                        let matrix = panelWeights + ((group + panel) * weights.panelCount + product * weights.pitch)
                        let target = products + (product * outputs.pitch + panel * width)
                        for piece in 0..<pieces {
                            let source = transformed + (product * inputs.pitch + piece * length)
                            var tile = 0
                            while tile < tiles {
                                Microkernel.multiply(
                                    source + (tile &* depth), offsets, Microkernel.Runs(length: length),
                                    matrix + (piece &* length &* width), adds: piece > 0,
                                    target + (tile &* outputs.tilePitch), pitch: outputs.tilePitch)
                                tile &+= Microkernel.rows
                            }
                        }
                    }
                }
                for row in rows {
                    grid.transformOutput(
                        products, outputs, columns: inGroup * width, row: row,
                        first: (row - rows.lowerBound) * grid.tileColumns,
                        column: (panels.lowerBound + group) * width, channels: weights.columns, epilogue: epilogue,
                        to: output, lines: lines)
                }
            }
        }
    }
}
