import LoopTypes

/// The gradient of a 3×3 convolution's weights (stride 1, padding 1) over NHWC maps with F(4×4, 3×3):
///
///     dw = Gᵀ [Σ_tiles (Bᵀ x B) ⊙ (A dy Aᵀ)] G
///
/// The tiles go in blocks that the third-level cache holds. All workers transform a block, as 36 matrices
/// [tiles, inputs] and [tiles, outputs]; OpenBLAS multiplies the first, transposed, with the second, in shares of 64×64
/// weights and up to 128 tiles (no more operations than its kernels for small matrices take, operands in the first-level cache). Narrow layers are shared out
/// by product and keep the sums of all blocks; wide ones by weights, and each share adds what its sums give to dw. Blocks
/// depend on the shape and the batch only, so the bits do not depend on the number of threads.
package enum WinogradWeightGradient {
    /// Floats of a block's transformed maps.
    private static let blockFloats = 3 << 20
    private static let tilesInProduct = 128
    private static let channelsInShare = 64

    /// `input` is x [images, height, width, inputs], or with `prologue` relu(prologue(x)); `gradient` is dy
    /// [images, height, width, outputs]. `result` [3][3][inputs][outputs] is overwritten; `workspace` gives memory for as
    /// many floats as it is asked for.
    package static func compute(
        _ shape: ConvolutionShape, images: Int, height: Int, width: Int, input: UnsafePointer<Float>,
        prologue: FoldedBatchNorm? = nil, gradient: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>,
        workspace: (Int) -> UnsafeMutablePointer<Float>, pool: WorkerPool, scratch: WorkerScratch
    ) {
        precondition(
            shape.kernel == 3 && shape.stride == 1 && shape.inputs % 16 == 0 && shape.outputs % 16 == 0,
            "F(4×4, 3×3) takes 3×3 kernels of stride 1 and channels in multiples of 16.")
        let grid = WinogradGrid(images: images, height: height, width: width)
        let (inputs, outputs) = (shape.inputs, shape.outputs)
        // An odd number of lines from tile to tile.
        let (inputPitch, outputPitch) = (inputs + 16, outputs + 16)
        let perTile = WinogradPlanes.products * (inputPitch + outputPitch)
        let blockRows = max(1, min(grid.tileRows, blockFloats / (perTile * grid.tileColumns)))
        let blocks = (grid.tileRows + blockRows - 1) / blockRows
        let blockTiles = (grid.tileRows + blocks - 1) / blocks * grid.tileColumns
        let xPlanes = WinogradPlanes(tiles: blockTiles, tilePitch: inputPitch)
        let dyPlanes = WinogradPlanes(tiles: blockTiles, tilePitch: outputPitch)
        let isWide = WinogradWeights.isWide(shape)
        let sumsPitch = inputs * outputs + 16
        let x = workspace(xPlanes.count + dyPlanes.count + (isWide ? 0 : WinogradPlanes.products * sumsPitch))
        let dy = x + xPlanes.count
        let kept = dy + dyPlanes.count
        let shares = Shares(inputs: inputs, outputs: outputs)

        for block in 0..<blocks {
            let rows = (grid.tileRows * block / blocks)..<(grid.tileRows * (block + 1) / blocks)
            let tiles = rows.count * grid.tileColumns
            pool.run(2 * rows.count, lending: input, prologue, gradient, x, dy) {
                task, worker, input, prologue, gradient, x, dy in
                let lines = scratch.floats(worker, .columns, count: grid.linesCount)
                let row = rows.lowerBound + task / 2
                let first = task / 2 * grid.tileColumns
                if task % 2 == 0 {
                    loops.winogradInput(
                        input, grid, channels: inputs, prologue: prologue, row: row, to: x, first: first, xPlanes,
                        lines: lines)
                } else {
                    loops.winogradGradient(
                        gradient, grid, channels: outputs, row: row, to: dy, first: first, dyPlanes, lines: lines)
                }
            }
            let products = Products(x: x, xPlanes: xPlanes, dy: dy, dyPlanes: dyPlanes, tiles: tiles)
            if isWide {
                pool.run(shares.count, lending: products, result) { task, worker, products, result in
                    let (channels, columns) = shares[task]
                    let pitch = channels.count * columns.count + 16
                    let sums = scratch.floats(worker, .product, count: WinogradPlanes.products * pitch)
                    for product in 0..<WinogradPlanes.products {
                        products.add(
                            product, channels, columns, adds: false, to: sums + product * pitch, stride: columns.count)
                    }
                    loops.winogradWeightGradient(
                        sums, pitch: pitch, rowPitch: columns.count, inputs: inputs, outputs: outputs, rows: channels,
                        columns: columns, adds: block > 0, to: result)
                }
            } else {
                pool.run(WinogradPlanes.products * shares.count, lending: products, kept) {
                    task, _, products, kept in
                    let (channels, columns) = shares[task % shares.count]
                    let product = task / shares.count
                    products.add(
                        product, channels, columns, adds: block > 0,
                        to: kept + (product * sumsPitch + channels.lowerBound * outputs + columns.lowerBound),
                        stride: outputs)
                }
            }
        }
        guard !isWide else { return }
        let rows = 4
        pool.run(inputs / rows, lending: kept, result) { task, _, kept, result in
            loops.winogradWeightGradient(
                kept + task * rows * outputs, pitch: sumsPitch, rowPitch: outputs, inputs: inputs, outputs: outputs,
                rows: (task * rows)..<((task + 1) * rows), columns: 0..<outputs, adds: false, to: result)
        }
    }

    /// Squares of input and output channels.
    private struct Shares: Sendable {
        let inputs: Int
        let outputs: Int
        private func parts(_ count: Int) -> Int { (count + channelsInShare - 1) / channelsInShare }
        var count: Int { parts(inputs) * parts(outputs) }

        subscript(share: Int) -> (channels: Range<Int>, columns: Range<Int>) {
            let (row, column) = (share / parts(outputs) * channelsInShare, share % parts(outputs) * channelsInShare)
            return (
                row..<min(inputs, row + channelsInShare), column..<min(outputs, column + channelsInShare)
            )
        }
    }

    /// The transformed maps of a block.
    private struct Products {
        let x: UnsafePointer<Float>
        let xPlanes: WinogradPlanes
        let dy: UnsafePointer<Float>
        let dyPlanes: WinogradPlanes
        let tiles: Int

        func add(
            _ product: Int, _ channels: Range<Int>, _ columns: Range<Int>, adds: Bool,
            to sums: UnsafeMutablePointer<Float>, stride pitch: Int
        ) {
            let pieces = (tiles + tilesInProduct - 1) / tilesInProduct
            for piece in 0..<pieces {
                let (first, last) = (tiles * piece / pieces, tiles * (piece + 1) / pieces)
                BLAS.multiply(
                    rows: channels.count, columns: columns.count, depth: last - first,
                    x + (product * xPlanes.pitch + first * xPlanes.tilePitch + channels.lowerBound),
                    stride: xPlanes.tilePitch, transposeA: true,
                    dy + (product * dyPlanes.pitch + first * dyPlanes.tilePitch + columns.lowerBound),
                    stride: dyPlanes.tilePitch, beta: adds || piece > 0 ? 1 : 0, into: sums, stride: pitch)
            }
        }
    }
}
