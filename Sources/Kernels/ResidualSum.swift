/// The end of a residual block, ReLU's mask and a fixed BatchNorm on the way back, over [rows, channels]. Channels are a
/// multiple of 8.
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
            first, last, x, folded, shortcut, shortcutFolded, output in
            for row in first..<last {
                let offset = row &* channels
                eachVector(channels) { c in
                    var value = x.vector8(offset &+ c)
                    if let folded { value = folded(value, c) }
                    var other = shortcut.vector8(offset &+ c)
                    if let shortcutFolded { other = shortcutFolded(other, c) }
                    output.store(relu(value + other), offset &+ c)
                }
            }
        }
    }

    /// g = 0 where ReLU's output is ≤ 0, in place; NaN lets through, as in PyTorch.
    package static func mask(
        _ gradient: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>, rows: Int, channels: Int,
        pool: WorkerPool
    ) {
        pool.parallelFor(rows: rows, channels: channels, lending: gradient, output) { first, last, gradient, output in
            let start = first * channels
            eachVector(last * channels - start) { i in
                let g = gradient.vector8(start &+ i)
                gradient.store(g.replacing(with: 0, where: output.vector8(start &+ i) .<= 0), start &+ i)
            }
        }
    }

    /// dx = dy · scale per channel: backward through a BatchNorm with running statistics. `target` may be `gradient`.
    package static func scale(
        _ gradient: UnsafePointer<Float>, by scale: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>,
        rows: Int, channels: Int, pool: WorkerPool
    ) {
        pool.parallelFor(rows: rows, channels: channels, lending: gradient, scale, target) {
            first, last, gradient, scale, target in
            for row in first..<last {
                let offset = row &* channels
                eachVector(channels) { c in
                    target.store(gradient.vector8(offset &+ c) * scale.vector8(c), offset &+ c)
                }
            }
        }
    }
}
