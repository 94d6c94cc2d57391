/// BatchNorm over NHWC maps, seen as [rows, channels] with a row for each pixel of each image. Channels are a multiple
/// of 16.
///
///     y = (x − mean) · invStd · gamma + beta,   invStd = 1 / √(variance + ε)
///
/// In training, mean and biased variance are the batch's and the running ones move by a tenth towards mean and unbiased
/// variance; in inference they are the running ones. Sums are kept in Double, in chunks of fixed size added in order.
package final class BatchNorm {
    package static let epsilon = 1e-5
    package static let momentum = 0.1

    package let channels: Int
    package let state: BatchNormState
    private let foldedScale: FloatBuffer
    private let foldedShift: FloatBuffer
    /// Of the statistics in use, [channels].
    private(set) var mean: [Double]
    private var invStd: [Double]
    /// Of the last batch.
    private var rows = 0
    /// dx = foldedScale · g + xFactor · (x − roundedMean) + constant, as [3][channels] from xFactor on.
    private let gradientTerms: FloatBuffer
    /// Two sums per channel, of each chunk of rows and of all.
    private var partials: [Double] = []
    private var sums: (first: [Double], second: [Double])

    package init(state: BatchNormState) {
        precondition(state.channels % 16 == 0, "BatchNorm takes a multiple of 16 channels, not \(state.channels).")
        self.state = state
        channels = state.channels
        foldedScale = FloatBuffer(count: channels)
        foldedShift = FloatBuffer(count: channels)
        mean = [Double](repeating: 0, count: channels)
        invStd = mean
        sums = (mean, mean)
        gradientTerms = FloatBuffer(count: 3 * channels)
    }

    /// As the last `useRunningStatistics` or `useBatchStatistics` left it.
    package var folded: FoldedBatchNorm {
        FoldedBatchNorm(scale: UnsafePointer(foldedScale.pointer), shift: UnsafePointer(foldedShift.pointer))
    }

    // MARK: Forward

    /// Inference: normalises with the running statistics.
    package func useRunningStatistics(gamma: UnsafePointer<Float>, beta: UnsafePointer<Float>) {
        for c in 0..<channels {
            let (mean, variance) = (state.runningMean.pointer[c], state.runningVariance.pointer[c])
            fold(c, mean: Double(mean), variance: Double(variance), gamma: gamma[c], beta: beta[c])
        }
    }

    /// Training: normalises with those of the batch x [rows, channels], and moves the running ones.
    package func useBatchStatistics(
        _ x: UnsafePointer<Float>, rows: Int, gamma: UnsafePointer<Float>, beta: UnsafePointer<Float>, pool: WorkerPool
    ) {
        self.rows = rows
        let channels = channels
        // Σ x  and  Σ x².
        reduceRows(pool: pool, lending: x) { first, last, c, x in
            var s0 = SIMD8<Double>.zero, s1 = s0, q0 = s0, q1 = s0
            var row = x + first * channels + c
            for _ in first..<last {
                let v0 = SIMD8<Double>(row.vector8(0)), v1 = SIMD8<Double>(row.vector8(8))
                s0 += v0
                s1 += v1
                q0 = fused(v0, v0, q0)
                q1 = fused(v1, v1, q1)
                row += channels
            }
            return (s0, s1, q0, q1)
        }
        let count = Double(rows)
        func move(_ running: FloatBuffer, _ c: Int, towards value: Double) {
            running.pointer[c] = Float((1 - Self.momentum) * Double(running.pointer[c]) + Self.momentum * value)
        }
        for c in 0..<channels {
            let mean = sums.first[c] / count
            // Σ (x − mean)². Rounding may leave a constant channel below zero; NaN stays NaN.
            let difference = sums.second[c] - sums.first[c] * mean
            let squares = difference < 0 ? 0 : difference
            fold(c, mean: mean, variance: squares / count, gamma: gamma[c], beta: beta[c])
            move(state.runningMean, c, towards: mean)
            move(state.runningVariance, c, towards: rows > 1 ? squares / (count - 1) : .nan)
        }
        state.batchesTracked += 1
    }

    private func fold(_ c: Int, mean: Double, variance: Double, gamma: Float, beta: Float) {
        self.mean[c] = mean
        invStd[c] = 1 / (variance + Self.epsilon).squareRoot()
        let scale = Double(gamma) * invStd[c]
        foldedScale.pointer[c] = Float(scale)
        foldedShift.pointer[c] = Float(Double(beta) - mean * scale)
    }

    // MARK: Backward

    /// Where ReLU let values through.
    package enum ReLUMask {
        case none
        /// A ReLU directly behind this BatchNorm: open where folded(x) is not ≤ 0.
        case ownOutput
        /// A ReLU further on: open where its output is not ≤ 0.
        case output(UnsafePointer<Float>)
    }

    /// The first half of backward. Masks the gradient g [rows, channels] in place, sums it for `backwardElementwise`, and
    ///
    ///     dbeta = Σ g,   dgamma = Σ g · x̂,   x̂ = (x − mean) · invStd
    package func backwardReduce(
        _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, mask: ReLUMask, gamma: UnsafePointer<Float>,
        gammaGradient: UnsafeMutablePointer<Float>?, betaGradient: UnsafeMutablePointer<Float>?, pool: WorkerPool
    ) {
        let (channels, mean) = (channels, mean)
        // Σ g  and  Σ g · (x − mean).
        reduceRows(pool: pool, lending: gradient, x, mask, folded) { first, last, c, gradient, x, mask, folded in
            let (m0, m1) = mean.withUnsafeBytes {
                (
                    $0.loadUnaligned(fromByteOffset: 8 * c, as: SIMD8<Double>.self),
                    $0.loadUnaligned(fromByteOffset: 8 * (c + 8), as: SIMD8<Double>.self)
                )
            }
            var s0 = SIMD8<Double>.zero, s1 = s0, p0 = s0, p1 = s0
            var offset = first * channels + c
            for _ in first..<last {
                var g0 = gradient.vector8(offset), g1 = gradient.vector8(offset &+ 8)
                let x0 = x.vector8(offset), x1 = x.vector8(offset &+ 8)
                switch mask {
                case .none: break
                case .ownOutput:
                    g0.replace(with: 0, where: folded(x0, c) .<= 0)
                    g1.replace(with: 0, where: folded(x1, c &+ 8) .<= 0)
                    gradient.store(g0, offset)
                    gradient.store(g1, offset &+ 8)
                case .output(let output):
                    g0.replace(with: 0, where: output.vector8(offset) .<= 0)
                    g1.replace(with: 0, where: output.vector8(offset &+ 8) .<= 0)
                    gradient.store(g0, offset)
                    gradient.store(g1, offset &+ 8)
                }
                let d0 = SIMD8<Double>(g0), d1 = SIMD8<Double>(g1)
                s0 += d0
                s1 += d1
                p0 = fused(d0, SIMD8<Double>(x0) - m0, p0)
                p1 = fused(d1, SIMD8<Double>(x1) - m1, p1)
                offset &+= channels
            }
            return (s0, s1, p0, p1)
        }
        finishReduce(gamma: gamma, gammaGradient: gammaGradient, betaGradient: betaGradient)
    }

    /// From  Σ g  and  Σ g · (x − mean)  to the parameters' gradients and the terms of x's.
    func finishReduce(
        gamma: UnsafePointer<Float>, gammaGradient: UnsafeMutablePointer<Float>?,
        betaGradient: UnsafeMutablePointer<Float>?
    ) {
        let count = Double(rows)
        let terms = gradientTerms.pointer
        for c in 0..<channels {
            gammaGradient?[c] = Float(sums.second[c] * invStd[c])
            betaGradient?[c] = Float(sums.first[c])
            let scale = Double(gamma[c]) * invStd[c]
            let xFactor = -scale * invStd[c] * invStd[c] * sums.second[c] / count
            let roundedMean = Float(mean[c])
            terms[c] = Float(xFactor)
            terms[channels + c] = roundedMean
            terms[2 * channels + c] = Float(-scale * sums.first[c] / count + xFactor * (Double(roundedMean) - mean[c]))
        }
    }

    /// The second half: dx = gamma · invStd · (g − mean(g) − x̂ · mean(g · x̂)),  written over x.
    ///
    /// Without `gradient` only the terms that do not depend on g's own element are written.
    package func backwardElementwise(
        _ gradient: UnsafePointer<Float>?, x: UnsafeMutablePointer<Float>, pool: WorkerPool
    ) {
        let channels = channels
        let (scale, terms) = (folded.scale, UnsafePointer(gradientTerms.pointer))
        pool.parallelFor(rows: rows, channels: channels, lending: gradient, x, scale, terms) {
            first, last, gradient, x, scale, xFactor in
            let (mean, constant) = (xFactor + channels, xFactor + 2 * channels)
            for row in first..<last {
                let offset = row &* channels
                eachVector(channels) { c in
                    var dx = fused(x.vector8(offset &+ c) - mean.vector8(c), xFactor.vector8(c), constant.vector8(c))
                    if let gradient { dx = fused(gradient.vector8(offset &+ c), scale.vector8(c), dx) }
                    x.store(dx, offset &+ c)
                }
            }
        }
    }

    // MARK: Sums over rows

    /// Two sums per channel over all rows, from a body that sums 16 channels from `c` on over a chunk of rows.
    private func reduceRows<each Lent>(
        pool: WorkerPool, lending lent: repeat each Lent,
        body:
            @Sendable (_ first: Int, _ last: Int, _ c: Int, repeat each Lent) -> (
                SIMD8<Double>, SIMD8<Double>, SIMD8<Double>, SIMD8<Double>
            )
    ) {
        let (channels, rows) = (channels, rows)
        let chunk = max(16, 16384 / channels)
        let chunks = (rows + chunk - 1) / chunk
        let boxed = WorkerPool.Lent((repeat each lent))
        addInOrder(chunks: chunks) { partials in
            pool.run(chunks, lending: partials) { task, _, partials in
                let (first, last) = (task * chunk, min(rows, (task + 1) * chunk))
                let target = partials + task * 2 * channels
                for c in stride(from: 0, to: channels, by: 16) {
                    let (s0, s1, t0, t1) = body(first, last, c, repeat each boxed.value)
                    target.store(s0, c)
                    target.store(s1, c + 8)
                    target.store(t0, channels + c)
                    target.store(t1, channels + c + 8)
                }
            }
        }
    }

    /// Lets `body` write [chunks][2][channels] sums, and adds the chunks up by rising number.
    func addInOrder(chunks: Int, _ body: (UnsafeMutablePointer<Double>) -> Void) {
        if partials.count < chunks * 2 * channels { partials = [Double](repeating: 0, count: chunks * 2 * channels) }
        partials.withUnsafeMutableBufferPointer { buffer in if let base = buffer.baseAddress { body(base) } }
        for c in 0..<channels {
            sums.first[c] = 0
            sums.second[c] = 0
        }
        for chunk in 0..<chunks {
            for c in 0..<channels {
                sums.first[c] += partials[chunk * 2 * channels + c]
                sums.second[c] += partials[(chunk * 2 + 1) * channels + c]
            }
        }
    }
}
