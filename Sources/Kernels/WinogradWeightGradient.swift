/// The gradient of a 3×3 convolution's weights (stride 1, padding 1) over NHWC maps with F(4×4, 3×3):
///
///     dw = Gᵀ [Σ_tiles (Bᵀ x B) ⊙ (A dy Aᵀ)] G
///
/// The tiles go in blocks that the third-level cache holds. All workers transform a block, as 36 matrices
/// [tiles, inputs] and [tiles, outputs]; then each takes a few input channels and some columns, sums their 36 products
/// over the block's tiles (in chains of at most `longestChain`) and adds what they give to dw. Blocks depend on the
/// shape and the batch only, so the bits do not depend on the number of threads.
package enum WinogradWeightGradient {
    /// Floats of a block's transformed maps.
    private static let blockFloats = 3 << 20
    private static let longestChain = 256

    /// `input` is x [images, height, width, inputs], or with `prologue` relu(prologue(x)); `gradient` is dy
    /// [images, height, width, outputs]. `result` [3][3][inputs][outputs] is overwritten; `workspace` gives memory for as
    /// many floats as it is asked for.
    package static func compute(
        _ shape: ConvolutionShape, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        prologue: FoldedBatchNorm? = nil, gradient: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>,
        workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        precondition(
            shape.kernel == 3 && shape.stride == 1 && shape.inputs % 16 == 0 && shape.outputs % Microkernel.width == 0,
            "F(4×4, 3×3) takes 3×3 kernels of stride 1, whole panels of outputs and a multiple of 16 inputs.")
        let grid = WinogradGrid(images: images, height: height, width: width)
        let (inputs, outputs, panelWidth) = (shape.inputs, shape.outputs, Microkernel.width)
        // An odd number of lines from tile to tile; the tail of a register tile may read beyond the last channel.
        let inputPitch = inputs + 16
        let perTile = Winograd.products * (inputPitch + outputs)
        let blockRows = max(1, min(grid.tileRows, blockFloats / (perTile * grid.tileColumns)))
        let blocks = (grid.tileRows + blockRows - 1) / blockRows
        let blockTiles = (grid.tileRows + blocks - 1) / blocks * grid.tileColumns
        let inputPlanes = WinogradPlanes(tiles: blockTiles, tilePitch: inputPitch)
        let panelPitch = blockTiles * panelWidth
        let gradientPlanes = WinogradPlanes(tiles: blockTiles, tilePitch: outputs)
        let x = workspace(inputPlanes.count + gradientPlanes.count)
        let dy = x + inputPlanes.count

        // Shares of dw: input channels in whole register tiles, columns in whole panels.
        let channelsInShare = 24
        let channelShares = (inputs + channelsInShare - 1) / channelsInShare
        let panels = outputs / panelWidth
        var panelsInShare = min(panels, max(1, 128 / panelWidth))
        // Enough shares that none waits long for the last.
        while panelsInShare > 1, channelShares * (panels / panelsInShare) < 5 * pool.threads { panelsInShare /= 2 }
        let panelShares = (panels + panelsInShare - 1) / panelsInShare

        for block in 0..<blocks {
            let rows = grid.rows(block: block, of: blocks)
            let tiles = rows.count * grid.tileColumns
            pool.run(2 * rows.count, lending: input, prologue, gradient, x, dy) {
                task, worker, input, prologue, gradient, x, dy in
                let lines = scratch.floats(worker, .columns, count: grid.linesCount)
                let row = rows.lowerBound + task / 2
                let first = task / 2 * grid.tileColumns
                if task % 2 == 0 {
                    grid.transformInput(
                        input, channels: inputs, prologue: prologue, row: row,
                        first: first, to: x, inputPlanes, lines: lines)
                } else {
                    grid.transformGradient(
                        gradient, channels: outputs, row: row, first: first, to: dy, gradientPlanes,
                        panelPitch: panelPitch, lines: lines)
                }
            }
            pool.run(channelShares * panelShares, lending: x, dy, result) {
                [panelsInShare] task, worker, x, dy, result in
                let firstChannel = task / panelShares * channelsInShare
                let channels = min(channelsInShare, inputs - firstChannel)
                let firstPanel = task % panelShares * panelsInShare
                let share = Share(
                    firstChannel: firstChannel, channels: channels,
                    panels: firstPanel..<min(panels, firstPanel + panelsInShare))
                let sums = share.multiply(
                    x, inputPlanes, dy, gradientPlanes, panelPitch: panelPitch, tiles: tiles, worker: worker,
                    scratch: scratch)
                share.finish(
                    sums, shape: shape, adds: block > 0, to: result,
                    lines: scratch.floats(worker, .columns, count: grid.linesCount))
            }
        }
    }

    /// Some input channels and panels of columns of dw.
    private struct Share {
        let firstChannel: Int
        let channels: Int
        let panels: Range<Int>

        var columns: Int { panels.count * Microkernel.width }
        var rows: Int { Microkernel.padded(channels) }

        /// [36][rows][columns].
        func multiply(
            _ x: UnsafePointer<Float>, _ xPlanes: WinogradPlanes, _ dy: UnsafePointer<Float>,
            _ dyPlanes: WinogradPlanes, panelPitch: Int, tiles: Int, worker: Int, scratch: WorkerScratch
        ) -> UnsafeMutablePointer<Float> {
            let width = Microkernel.width
            let sums = scratch.floats(worker, .panel, count: Winograd.products * rows * columns)
            let offsets = scratch.integers(worker, count: Microkernel.rows)
            for row in 0..<Microkernel.rows { offsets[row] = Int32(row) }
            let pieces = (tiles + longestChain - 1) / longestChain
            for product in 0..<Winograd.products {
                for piece in 0..<pieces {
                    let (start, end) = (tiles * piece / pieces, tiles * (piece + 1) / pieces)
                    let runs = Microkernel.Runs(length: end - start, step: xPlanes.tilePitch)
                    let map = x + product * xPlanes.pitch + start * xPlanes.tilePitch + firstChannel
                    for panel in panels {
                        let panelValues = dy + product * dyPlanes.pitch + panel * panelPitch + start * width
                        for row in stride(from: 0, to: rows, by: Microkernel.rows) {
                            Microkernel.multiply(
                                map + row, offsets, runs, panelValues, adds: piece > 0,
                                sums + (product * rows + row) * columns + (panel - panels.lowerBound) * width,
                                pitch: columns)
                        }
                    }
                }
            }
            return sums
        }

        /// dw (+)= Gᵀ sums G.
        func finish(
            _ sums: UnsafePointer<Float>, shape: ConvolutionShape, adds: Bool, to result: UnsafeMutablePointer<Float>,
            lines: UnsafeMutablePointer<Float>
        ) {
            let pitch = rows * columns
            let tapPitch = shape.inputs * shape.outputs
            for channel in 0..<channels {
                for c in stride(from: 0, to: columns, by: 8) {
                    let products = sums + (channel &* columns &+ c)
                    for j in 0..<6 {
                        let down = Winograd.weightGradient(products.six(j &* pitch, 6 &* pitch))
                        lines.store(down.0, 8 &* j)
                        lines.store(down.1, 8 &* j &+ 48)
                        lines.store(down.2, 8 &* j &+ 96)
                    }
                    let column = panels.lowerBound &* Microkernel.width &+ c
                    let target = result + ((firstChannel &+ channel) &* shape.outputs &+ column)
                    for r in 0..<3 {
                        let across = Winograd.weightGradient(UnsafePointer(lines + (48 &* r)).six(0, 8))
                        @inline(__always) func put(_ value: Vector8, _ s: Int) {
                            let tap = (3 &* r &+ s) &* tapPitch
                            target.store(adds ? value + target.vector8(tap) : value, tap)
                        }
                        put(across.0, 0)
                        put(across.1, 1)
                        put(across.2, 2)
                    }
                }
            }
        }
    }
}
