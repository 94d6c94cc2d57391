import LoopTypes

/// Sums in float64, 16 channels at a time: four chains of vectors.
extension VectorLoops {
    package func moments(
        _ x: UnsafePointer<Float>, rows: Int, pitch: Int, channels: Int, to sums: UnsafeMutablePointer<Double>,
        sumsPitch: Int
    ) {
        for c in stride(from: 0, to: channels, by: 16) {
            var s0 = Doubles.zero, s1 = s0, q0 = s0, q1 = s0
            var row = x + c
            for _ in 0..<rows {
                let v0 = widened(row.eight(0)), v1 = widened(row.eight(8))
                s0 += v0
                s1 += v1
                q0 = fused(v0, v0, q0)
                q1 = fused(v1, v1, q1)
                row += pitch
            }
            sums.store(s0, c)
            sums.store(s1, c + 8)
            sums.store(q0, sumsPitch + c)
            sums.store(q1, sumsPitch + c + 8)
        }
    }

    package func gradientSums(
        _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, mean: UnsafePointer<Double>, mask: ReLUMask,
        folded: FoldedBatchNorm, rows: Range<Int>, channels: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        for c in stride(from: 0, to: channels, by: 16) {
            let m0 = mean.eight(c), m1 = mean.eight(c + 8)
            var s0 = Doubles.zero, s1 = s0, p0 = s0, p1 = s0
            var offset = rows.lowerBound * channels + c
            for _ in rows {
                let open: UnsafePointer<Float>?
                switch mask {
                case .none: open = nil
                case .ownOutput:
                    for v in stride(from: 0, to: 16, by: Vector.scalarCount) {
                        var g = gradient.vector(offset &+ v)
                        g.replace(with: 0, where: folded(x.vector(offset &+ v), c &+ v) .<= 0)
                        gradient.store(g, offset &+ v)
                    }
                    open = nil
                case .output(let output): open = output
                }
                if let open {
                    for v in stride(from: 0, to: 16, by: Vector.scalarCount) {
                        var g = gradient.vector(offset &+ v)
                        g.replace(with: 0, where: open.vector(offset &+ v) .<= 0)
                        gradient.store(g, offset &+ v)
                    }
                }
                let d0 = widened(gradient.eight(offset)), d1 = widened(gradient.eight(offset &+ 8))
                s0 += d0
                s1 += d1
                p0 = fused(d0, widened(x.eight(offset)) - m0, p0)
                p1 = fused(d1, widened(x.eight(offset &+ 8)) - m1, p1)
                offset &+= channels
            }
            sums.store(s0, c)
            sums.store(s1, c + 8)
            sums.store(p0, channels + c)
            sums.store(p1, channels + c + 8)
        }
    }

    package func normalisedGradient(
        _ gradient: UnsafePointer<Float>?, x: UnsafeMutablePointer<Float>, scale: UnsafePointer<Float>,
        terms: UnsafePointer<Float>, rows: Range<Int>, channels: Int
    ) {
        let (xFactor, mean, constant) = (terms, terms + channels, terms + 2 * channels)
        for row in rows {
            let offset = row &* channels
            eachVector(channels) { c in
                var dx = fused(x.vector(offset &+ c) - mean.vector(c), xFactor.vector(c), constant.vector(c))
                if let gradient { dx = fused(gradient.vector(offset &+ c), scale.vector(c), dx) }
                x.store(dx, offset &+ c)
            }
        }
    }

    package func residualSum(
        _ x: UnsafePointer<Float>, _ folded: FoldedBatchNorm?, shortcut: UnsafePointer<Float>,
        _ shortcutFolded: FoldedBatchNorm?, output: UnsafeMutablePointer<Float>, rows: Range<Int>, channels: Int
    ) {
        for row in rows {
            let offset = row &* channels
            eachVector(channels) { c in
                var value = x.vector(offset &+ c)
                if let folded { value = folded(value, c) }
                var other = shortcut.vector(offset &+ c)
                if let shortcutFolded { other = shortcutFolded(other, c) }
                output.store(relu(value + other), offset &+ c)
            }
        }
    }

    package func mask(_ gradient: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>, count: Int) {
        eachVector(count) { i in
            gradient.store(gradient.vector(i).replacing(with: 0, where: output.vector(i) .<= 0), i)
        }
    }

    package func scale(
        _ x: UnsafePointer<Float>, by scale: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
        rows: Range<Int>, channels: Int
    ) {
        for row in rows {
            let offset = row &* channels
            eachVector(channels) { c in y.store(x.vector(offset &+ c) * scale.vector(c), offset &+ c) }
        }
    }
}
