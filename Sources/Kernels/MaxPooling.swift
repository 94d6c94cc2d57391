/// 3×3 max pooling with stride 2 and padding 1 behind a BatchNorm and ReLU, in one pass, so that neither's output is
/// kept. Channels are a multiple of 8.
package enum MaxPooling {
    package static func outputSize(_ size: Int) -> Int { (size - 1) / 2 + 1 }

    /// y[n, i, j, c] = max_{r, s} z[n, 2i + r − 1, 2j + s − 1, c],   z = relu(prologue(x)), or x without a prologue.
    ///
    /// `x` is [images, height, width, channels]; `argmax`, where wanted for backward, receives a byte for each output:
    /// 3r + s of the first of the largest. NaN counts as largest, as in PyTorch.
    package static func forward(
        _ x: UnsafePointer<Float>, prologue: FoldedBatchNorm?, images: Int, height: Int, width: Int, channels: Int,
        output: UnsafeMutablePointer<Float>, argmax: UnsafeMutableRawPointer?, pool: WorkerPool
    ) {
        requireWholeVectors(channels)
        let (outputHeight, outputWidth) = (outputSize(height), outputSize(width))
        pool.run(images * outputHeight, lending: x, prologue, output, argmax) { task, _, x, prologue, output, argmax in
            let (image, i) = (task / outputHeight, task % outputHeight)
            let source = x + image * height * width * channels
            for j in 0..<outputWidth {
                let window = Window(i, j, height: height, width: width)
                let pixel = (task * outputWidth + j) * channels
                eachVector(channels) { c in
                    var best = Vector8(repeating: -.infinity)
                    var tap = window.tap(window.rows.lowerBound, window.columns.lowerBound)
                    for row in window.rows {
                        for column in window.columns {
                            var value = source.vector8((row &* width &+ column) &* channels &+ c)
                            if let prologue { value = prologue(value, c) }
                            let wins = (value .> best) .| (value .!= value)
                            best.replace(with: value, where: wins)
                            tap.replace(with: window.tap(row, column), where: wins)
                        }
                    }
                    output.store(prologue == nil ? best : relu(best), pixel &+ c)
                    argmax?.storeBytes(
                        of: SIMD8<UInt8>(truncatingIfNeeded: tap), toByteOffset: pixel &+ c, as: SIMD8<UInt8>.self)
                }
            }
        }
    }

    /// Back through pooling, ReLU and a BatchNorm in training mode: dx over x. The pooled output's gradient g reaches x
    /// at `argmax`, unless ReLU's output was 0 there.
    package static func backward(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafeRawPointer,
        x: UnsafeMutablePointer<Float>, batchNorm: BatchNorm, gamma: UnsafePointer<Float>,
        gammaGradient: UnsafeMutablePointer<Float>?, betaGradient: UnsafeMutablePointer<Float>?, writesInput: Bool,
        images: Int, height: Int, width: Int, pool: WorkerPool
    ) {
        let (channels, mean) = (batchNorm.channels, batchNorm.mean)
        let (outputHeight, outputWidth) = (outputSize(height), outputSize(width))
        // Σ g  and  Σ g · (x − mean).
        batchNorm.addInOrder(chunks: images * outputHeight) { partials in
            pool.run(images * outputHeight, lending: g, output, argmax, x, partials) {
                task, _, g, output, argmax, x, partials in
                let (image, i) = (task / outputHeight, task % outputHeight)
                let source = x + image * height * width * channels
                let sums = partials + task * 2 * channels
                sums.update(repeating: 0, count: 2 * channels)
                for j in 0..<outputWidth {
                    let window = Window(i, j, height: height, width: width)
                    let pixel = (task * outputWidth + j) * channels
                    for c in stride(from: 0, to: channels, by: 8) {
                        let tap = taps(argmax, pixel &+ c)
                        // x where the largest was.
                        var value = Vector8.zero
                        for row in window.rows {
                            for column in window.columns {
                                value.replace(
                                    with: source.vector8((row &* width &+ column) &* channels &+ c),
                                    where: tap .== window.tap(row, column))
                            }
                        }
                        let gradient = SIMD8<Double>(masked(g.vector8(pixel &+ c), output.vector8(pixel &+ c)))
                        let mean = mean.withUnsafeBytes {
                            $0.loadUnaligned(fromByteOffset: 8 &* c, as: SIMD8<Double>.self)
                        }
                        sums.store(sums.vector8(c) + gradient, c)
                        sums.store(
                            fused(gradient, SIMD8<Double>(value) - mean, sums.vector8(channels &+ c)), channels &+ c)
                    }
                }
            }
        }
        batchNorm.finishReduce(gamma: gamma, gammaGradient: gammaGradient, betaGradient: betaGradient)
        guard writesInput else { return }
        batchNorm.backwardElementwise(nil, x: x, pool: pool)
        scatter(
            g, output: output, argmax: argmax, scale: batchNorm.folded.scale, into: x, images: images, height: height,
            width: width, channels: channels, pool: pool)
    }

    /// dx[argmax] += g · scale, where ReLU's output was not 0.
    package static func scatter(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafeRawPointer, scale: UnsafePointer<Float>,
        into dx: UnsafeMutablePointer<Float>, images: Int, height: Int, width: Int, channels: Int, pool: WorkerPool
    ) {
        requireWholeVectors(channels)
        let (outputHeight, outputWidth) = (outputSize(height), outputSize(width))
        // Windows overlap within an image, so an image is one task.
        pool.run(images, lending: g, output, argmax, scale, dx) { image, _, g, output, argmax, scale, dx in
            let target = dx + image * height * width * channels
            for i in 0..<outputHeight {
                for j in 0..<outputWidth {
                    let window = Window(i, j, height: height, width: width)
                    let pixel = ((image * outputHeight + i) * outputWidth + j) * channels
                    for c in stride(from: 0, to: channels, by: 8) {
                        let tap = taps(argmax, pixel &+ c)
                        let gradient = masked(g.vector8(pixel &+ c) * scale.vector8(c), output.vector8(pixel &+ c))
                        for row in window.rows {
                            for column in window.columns {
                                let offset = (row &* width &+ column) &* channels &+ c
                                let reaches = tap .== window.tap(row, column)
                                target.store(
                                    target.vector8(offset) + gradient.replacing(with: 0, where: .!reaches), offset)
                            }
                        }
                    }
                }
            }
        }
    }

    /// g where ReLU's output is not ≤ 0.
    @inline(__always) private static func masked(_ g: Vector8, _ output: Vector8) -> Vector8 {
        g.replacing(with: 0, where: output .<= 0)
    }

    @inline(__always) private static func taps(_ argmax: UnsafeRawPointer, _ offset: Int) -> SIMD8<Int32> {
        SIMD8<Int32>(truncatingIfNeeded: argmax.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt8>.self))
    }

    /// The part of the map that an output pixel looks at.
    private struct Window {
        let rows: ClosedRange<Int>
        let columns: ClosedRange<Int>
        private let top: Int
        private let left: Int

        @inline(__always) init(_ i: Int, _ j: Int, height: Int, width: Int) {
            (top, left) = (2 * i - 1, 2 * j - 1)
            rows = max(0, top)...min(height - 1, top + 2)
            columns = max(0, left)...min(width - 1, left + 2)
        }

        /// 3r + s of a pixel of the map.
        @inline(__always) func tap(_ row: Int, _ column: Int) -> SIMD8<Int32> {
            SIMD8(repeating: Int32(truncatingIfNeeded: 3 &* (row &- top) &+ column &- left))
        }
    }
}
