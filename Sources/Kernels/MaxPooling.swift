import LoopTypes

/// 3×3 max pooling with stride 2 and padding 1 behind a BatchNorm and ReLU, in one pass, so that neither's output is
/// kept. Channels are a multiple of 16.
package enum MaxPooling {
    package static func outputSize(_ size: Int) -> Int { PooledMap.outputSize(size) }

    /// y[n, i, j, c] = max_{r, s} z[n, 2i + r − 1, 2j + s − 1, c],   z = relu(prologue(x)), or x without a prologue.
    ///
    /// `x` is [images, height, width, channels]; `argmax`, where wanted for backward, receives a byte for each output:
    /// 3r + s of the first of the largest. NaN counts as largest, as in PyTorch.
    package static func forward(
        _ x: UnsafePointer<Float>, prologue: FoldedBatchNorm?, images: Int, height: Int, width: Int, channels: Int,
        output: UnsafeMutablePointer<Float>, argmax: UnsafeMutableRawPointer?, pool: WorkerPool
    ) {
        requireWholeVectors(channels)
        let map = PooledMap(height: height, width: width, channels: channels)
        let line = map.outputWidth * channels
        pool.run(images * map.outputHeight, lending: x, prologue, output, argmax) {
            task, _, x, prologue, output, argmax in
            loops.maxPool(
                x + task / map.outputHeight * height * width * channels, map, row: task % map.outputHeight,
                prologue: prologue, output: output + task * line, argmax: argmax.map { $0 + task * line })
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
        let map = PooledMap(height: height, width: width, channels: channels)
        let line = map.outputWidth * channels
        // Σ g  and  Σ g · (x − mean).
        batchNorm.addInOrder(chunks: images * map.outputHeight) { partials in
            pool.run(images * map.outputHeight, lending: g, output, argmax, x, partials) {
                task, _, g, output, argmax, x, partials in
                mean.withUnsafeBufferPointer { mean in
                    guard let mean = mean.baseAddress else { return }
                    loops.maxPoolSums(
                        g + task * line, output: output + task * line, argmax: argmax + task * line,
                        image: x + task / map.outputHeight * height * width * channels, mean: mean, map,
                        row: task % map.outputHeight, to: partials + task * 2 * channels)
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
        let map = PooledMap(height: height, width: width, channels: channels)
        let line = map.outputWidth * channels
        // Windows overlap within an image, so an image is one task.
        pool.run(images, lending: g, output, argmax, scale, dx) { image, _, g, output, argmax, scale, dx in
            for row in 0..<map.outputHeight {
                let start = (image * map.outputHeight + row) * line
                loops.maxPoolScatter(
                    g + start, output: output + start, argmax: argmax + start, scale: scale, map, row: row,
                    into: dx + image * height * width * channels)
            }
        }
    }
}
