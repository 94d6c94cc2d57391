import LoopTypes

/// The end of a residual block, ReLU's mask and a fixed BatchNorm on the way back, over [rows, channels]. Channels are a
/// multiple of 16.
package enum ResidualSum {
    /// y = relu(folded(x) + shortcutFolded(shortcut));  where one is nil its operand is taken as it is.
    ///
    /// `output` may be `x`.
    package static func forward(
        _ x: UnsafePointer<Float>, _ folded: FoldedBatchNorm?, shortcut: UnsafePointer<Float>,
        _ shortcutFolded: FoldedBatchNorm?, output: UnsafeMutablePointer<Float>, rows: Int, channels: Int,
        pool: WorkerPool
    ) {
        pool.parallelFor(rows: rows, channels: channels, lending: x, folded, shortcut, shortcutFolded, output) {
            rows, x, folded, shortcut, shortcutFolded, output in
            loops.residualSum(
                x, folded, shortcut: shortcut, shortcutFolded, output: output, rows: rows, channels: channels)
        }
    }

    /// g = 0 where ReLU's output is ≤ 0, in place; NaN lets through, as in PyTorch.
    package static func mask(
        _ gradient: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>, rows: Int, channels: Int,
        pool: WorkerPool
    ) {
        pool.parallelFor(rows: rows, channels: channels, lending: gradient, output) { rows, gradient, output in
            let first = rows.lowerBound * channels
            loops.mask(gradient + first, output: output + first, count: rows.count * channels)
        }
    }

    /// dx = dy · scale per channel: backward through a BatchNorm with running statistics. `target` may be `gradient`.
    package static func scale(
        _ gradient: UnsafePointer<Float>, by scale: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>,
        rows: Int, channels: Int, pool: WorkerPool
    ) {
        pool.parallelFor(rows: rows, channels: channels, lending: gradient, scale, target) {
            rows, gradient, scale, target in
            loops.scale(gradient, by: scale, into: target, rows: rows, channels: channels)
        }
    }
}
