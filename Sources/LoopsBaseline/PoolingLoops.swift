import LoopTypes

extension VectorLoops {
    package func maxPool(
        _ image: UnsafePointer<Float>, _ map: PooledMap, row: Int, prologue: FoldedBatchNorm?,
        output: UnsafeMutablePointer<Float>, argmax: UnsafeMutableRawPointer?
    ) {
        for j in 0..<map.outputWidth {
            let window = Window(row, j, map)
            let pixel = j &* map.channels
            eachVector(map.channels) { c in
                var best = Vector(repeating: -.infinity)
                var tap = window.tap(window.rows.lowerBound, window.columns.lowerBound)
                for row in window.rows {
                    for column in window.columns {
                        var value = image.vector((row &* map.width &+ column) &* map.channels &+ c)
                        if let prologue { value = prologue(value, c) }
                        let wins = (value .> best) .| (value .!= value)
                        best.replace(with: value, where: wins)
                        tap.replace(with: window.tap(row, column), where: wins)
                    }
                }
                output.store(prologue == nil ? best : relu(best), pixel &+ c)
                argmax?.storeBytes(of: narrowed(tap), toByteOffset: pixel &+ c, as: Bytes.self)
            }
        }
    }

    package func maxPoolSums(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafeRawPointer, image: UnsafePointer<Float>,
        mean: UnsafePointer<Double>, _ map: PooledMap, row: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        let channels = map.channels
        sums.update(repeating: 0, count: 2 * channels)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * Vector.scalarCount) { spill in
            guard let values = spill.baseAddress else { return }
            let gradients = values + Vector.scalarCount
            for j in 0..<map.outputWidth {
                let window = Window(row, j, map)
                let pixel = j &* channels
                eachVector(channels) { c in
                    let tap = taps(argmax, pixel &+ c)
                    // x where the largest was.
                    var value = Vector.zero
                    for row in window.rows {
                        for column in window.columns {
                            value.replace(
                                with: image.vector((row &* map.width &+ column) &* channels &+ c),
                                where: tap .== window.tap(row, column))
                        }
                    }
                    values.store(value, 0)
                    gradients.store(masked(g.vector(pixel &+ c), output.vector(pixel &+ c)), 0)
                    for v in stride(from: 0, to: Vector.scalarCount, by: 8) {
                        let (gradient, x) = (widened(gradients.eight(v)), widened(values.eight(v)))
                        let at = c &+ v
                        sums.store(sums.eight(at) + gradient, at)
                        sums.store(
                            fused(gradient, x - mean.eight(at), sums.eight(channels &+ at)), channels &+ at)
                    }
                }
            }
        }
    }

    package func maxPoolScatter(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafeRawPointer, scale: UnsafePointer<Float>,
        _ map: PooledMap, row: Int, into image: UnsafeMutablePointer<Float>
    ) {
        for j in 0..<map.outputWidth {
            let window = Window(row, j, map)
            let pixel = j &* map.channels
            eachVector(map.channels) { c in
                let tap = taps(argmax, pixel &+ c)
                let gradient = masked(g.vector(pixel &+ c) * scale.vector(c), output.vector(pixel &+ c))
                for row in window.rows {
                    for column in window.columns {
                        let offset = (row &* map.width &+ column) &* map.channels &+ c
                        let reaches = tap .== window.tap(row, column)
                        image.store(image.vector(offset) + gradient.replacing(with: 0, where: .!reaches), offset)
                    }
                }
            }
        }
    }

    package func averagePool(
        _ image: UnsafePointer<Float>, pixels: Int, channels: Int, output: UnsafeMutablePointer<Float>
    ) {
        for c in stride(from: 0, to: channels, by: 16) {
            var s0 = Doubles.zero, s1 = s0
            for pixel in 0..<pixels {
                s0 += widened(image.eight(pixel &* channels &+ c))
                s1 += widened(image.eight(pixel &* channels &+ c &+ 8))
            }
            s0 /= Double(pixels)
            s1 /= Double(pixels)
            for i in 0..<8 {
                output[c &+ i] = Float(s0[i])
                output[c &+ i &+ 8] = Float(s1[i])
            }
        }
    }

    package func averagePoolGradient(
        _ dy: UnsafePointer<Float>, pixels: Int, channels: Int, result: UnsafeMutablePointer<Float>
    ) {
        for pixel in 0..<pixels {
            eachVector(channels) { c in result.store(dy.vector(c) / Float(pixels), pixel &* channels &+ c) }
        }
    }

    /// g where ReLU's output is not ≤ 0.
    @inline(__always) private func masked(_ g: Vector, _ output: Vector) -> Vector {
        g.replacing(with: 0, where: output .<= 0)
    }

    @inline(__always) private func taps(_ argmax: UnsafeRawPointer, _ offset: Int) -> Taps {
        widened(argmax.loadUnaligned(fromByteOffset: offset, as: Bytes.self))
    }

    /// The part of the map that an output pixel looks at.
    private struct Window {
        let rows: ClosedRange<Int>
        let columns: ClosedRange<Int>
        private let top: Int
        private let left: Int

        @inline(__always) init(_ i: Int, _ j: Int, _ map: PooledMap) {
            (top, left) = (2 * i - 1, 2 * j - 1)
            rows = max(0, top)...min(map.height - 1, top + 2)
            columns = max(0, left)...min(map.width - 1, left + 2)
        }

        /// 3r + s of a pixel of the map.
        @inline(__always) func tap(_ row: Int, _ column: Int) -> Taps {
            Taps(repeating: Int32(truncatingIfNeeded: 3 &* (row &- top) &+ column &- left))
        }
    }
}
