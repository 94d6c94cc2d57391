/// The end of a residual block, and ReLU's mask on the way back.
package enum ResidualSum {
    /// out = max((x · scale + shift) + (shortcut · shortcutScale + shortcutShift), 0);  a nil prologue is the
    /// identity.
    ///
    /// All are [rows, channels]; `output` may be `x`.
    package static func forward(
        _ x: UnsafePointer<Float>, _ prologue: FoldedBatchNorm?, shortcut: UnsafePointer<Float>,
        _ shortcutFolded: FoldedBatchNorm?, output: UnsafeMutablePointer<Float>, rows: Int, channels: Int,
        pool: WorkerPool
    ) {
        Rows.share(rows, channels: channels, pool: pool) { first, last in
            var place = first * channels
            for _ in first..<last {
                var c = 0
                while c < channels {
                    var value = x.vector8(place &+ c)
                    if let prologue { value = fused(value, prologue.scale.vector8(c), prologue.shift.vector8(c)) }
                    var other = shortcut.vector8(place &+ c)
                    if let shortcutFolded {
                        other = fused(other, shortcutFolded.scale.vector8(c), shortcutFolded.shift.vector8(c))
                    }
                    output.store(relu(value + other), place &+ c)
                    c &+= 8
                }
                place &+= channels
            }
        }
    }

    /// g = 0 where ReLU's output is ≤ 0, in place; NaN lets through, as in PyTorch.
    package static func mask(
        _ gradient: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>, rows: Int, channels: Int,
        pool: WorkerPool
    ) {
        Rows.share(rows, channels: channels, pool: pool) { first, last in
            var i = first * channels
            while i < last * channels {
                var g = gradient.vector8(i)
                g.replace(with: 0, where: output.vector8(i) .<= 0)
                gradient.store(g, i)
                i &+= 8
            }
        }
    }

    /// target = gradient · scale per channel: backward through a held BatchNorm. `target` may be `gradient`.
    package static func scale(
        _ gradient: UnsafePointer<Float>, by scale: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>,
        rows: Int, channels: Int, pool: WorkerPool
    ) {
        Rows.share(rows, channels: channels, pool: pool) { first, last in
            var place = first * channels
            for _ in first..<last {
                var c = 0
                while c < channels {
                    target.store(gradient.vector8(place &+ c) * scale.vector8(c), place &+ c)
                    c &+= 8
                }
                place &+= channels
            }
        }
    }
}
