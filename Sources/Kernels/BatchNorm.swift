/// BatchNorm over NHWC maps, seen as [rows, channels] with a row for each pixel of each image. Channels are a
/// multiple of 16.
///
///     y = (x − mean) / √(variance + ε) · weight + bias = x · scale + shift
///
/// In training, mean and biased variance are the batch's and the running ones move by a tenth towards mean and unbiased
/// variance; held, they are the running ones. Sums are kept in Double, in chunks of fixed size added in order.
package final class BatchNorm {
    package static let epsilon = 1e-5
    package static let momentum = 0.1

    package let channels: Int
    package let state: BatchNormState
    /// y = x · scale + shift, as the last `hold` or `measure` found them.
    package let scale: FloatBuffer
    package let shift: FloatBuffer
    private var mean: [Double]
    private var invStd: [Double]
    private var rows = 0
    /// Coefficients of the gradient, see `backwardElementwise`.
    private let coefficients: FloatBuffer
    /// Two sums per channel, of each chunk of rows and of all.
    private var partials: [Double] = []
    private var sums: (first: [Double], second: [Double])

    package init(state: BatchNormState) {
        self.state = state
        channels = state.channels
        scale = FloatBuffer(count: channels)
        shift = FloatBuffer(count: channels)
        mean = [Double](repeating: 0, count: channels)
        invStd = mean
        sums = (mean, mean)
        coefficients = FloatBuffer(count: 4 * channels)
    }

    package var prologue: FoldedBatchNorm {
        FoldedBatchNorm(scale: UnsafePointer(scale.pointer), shift: UnsafePointer(shift.pointer))
    }

    /// Scale and shift from the running statistics.
    package func useRunningStatistics(weight: UnsafePointer<Float>, bias: UnsafePointer<Float>) {
        for c in 0..<channels {
            setScale(
                c, mean: Double(state.runningMean.pointer[c]), variance: Double(state.runningVariance.pointer[c]),
                weight: weight[c], bias: bias[c])
        }
    }

    private func setScale(_ c: Int, mean: Double, variance: Double, weight: Float, bias: Float) {
        self.mean[c] = mean
        invStd[c] = 1 / (variance + Self.epsilon).squareRoot()
        let scale = Double(weight) * invStd[c]
        self.scale.pointer[c] = Float(scale)
        shift.pointer[c] = Float(Double(bias) - mean * scale)
    }

    // MARK: Forward

    /// Scale and shift from the batch x [rows, channels], and the running statistics one step on.
    package func useBatchStatistics(
        _ x: UnsafePointer<Float>, rows: Int, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, pool: WorkerPool
    ) {
        self.rows = rows
        let channels = channels
        sumOverRows(rows, pool: pool) { first, last, c in
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
        let momentum = Self.momentum
        for c in 0..<channels {
            let mean = sums.first[c] / count
            let spread = sums.second[c] - sums.first[c] * mean
            // Rounding may leave a constant channel below zero; NaN stays NaN.
            let variance = (spread < 0 ? 0 : spread) / count
            setScale(c, mean: mean, variance: variance, weight: weight[c], bias: bias[c])
            let unbiased = rows > 1 ? (spread < 0 ? 0 : spread) / (count - 1) : .nan
            let running = (state.runningMean.pointer, state.runningVariance.pointer)
            running.0[c] = Float((1 - momentum) * Double(running.0[c]) + momentum * mean)
            running.1[c] = Float((1 - momentum) * Double(running.1[c]) + momentum * unbiased)
        }
        state.batchesTracked += 1
    }

    /// Two sums per channel over all rows, from a body that sums 16 channels, c..<c + 16, over a chunk of rows.
    private func sumOverRows(
        _ rows: Int, pool: WorkerPool,
        _ body: (_ first: Int, _ last: Int, _ c: Int) -> (SIMD8<Double>, SIMD8<Double>, SIMD8<Double>, SIMD8<Double>)
    ) {
        let channels = channels
        let chunk = max(16, 16384 / channels)
        let chunks = (rows + chunk - 1) / chunk
        addInOrder(chunks: chunks) { partials in
            pool.run(chunks) { task, _ in
                let first = task * chunk
                let last = min(rows, first + chunk)
                let target = UnsafeMutableRawPointer(partials + task * 2 * channels)
                var c = 0
                while c < channels {
                    let (s0, s1, t0, t1) = body(first, last, c)
                    target.storeBytes(of: s0, toByteOffset: c * 8, as: SIMD8<Double>.self)
                    target.storeBytes(of: s1, toByteOffset: (c + 8) * 8, as: SIMD8<Double>.self)
                    target.storeBytes(of: t0, toByteOffset: (channels + c) * 8, as: SIMD8<Double>.self)
                    target.storeBytes(of: t1, toByteOffset: (channels + c + 8) * 8, as: SIMD8<Double>.self)
                    c += 16
                }
            }
        }
    }

    /// Lets `body` write [chunks][2][channels] sums, and adds the chunks up by rising number.
    func addInOrder(chunks: Int, _ body: (UnsafeMutablePointer<Double>) -> Void) {
        if partials.count < chunks * 2 * channels { partials = [Double](repeating: 0, count: chunks * 2 * channels) }
        partials.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { body(base) }
        }
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

    // MARK: Backward

    /// Where ReLU let values through.
    package enum ReLUMask {
        case none
        /// A ReLU directly behind this BatchNorm: open where x · scale + shift is not ≤ 0.
        case ownOutput
        /// A ReLU further on: open where its output is not ≤ 0.
        case output(UnsafePointer<Float>)
    }

    /// Closes the mask on the gradient g (in place) and sums  Σ g  and  Σ g · (x − mean)  for `backwardElementwise`; then
    ///
    ///     dbias = Σ g,   dweight = Σ g · (x − mean) / √(variance + ε).
    package func backwardReduce(
        _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, mask: ReLUMask, weight: UnsafePointer<Float>,
        weightGradient: UnsafeMutablePointer<Float>?, biasGradient: UnsafeMutablePointer<Float>?, pool: WorkerPool
    ) {
        let channels = channels
        let (scale, shift) = (UnsafePointer(scale.pointer), UnsafePointer(shift.pointer))
        mean.withUnsafeBufferPointer { means in
            sumOverRows(rows, pool: pool) { first, last, c in
                guard let base = means.baseAddress else { return (.zero, .zero, .zero, .zero) }
                let m0 = UnsafeRawPointer(base + c).loadUnaligned(as: SIMD8<Double>.self)
                let m1 = UnsafeRawPointer(base + c + 8).loadUnaligned(as: SIMD8<Double>.self)
                var s0 = SIMD8<Double>.zero, s1 = s0, p0 = s0, p1 = s0
                var place = first * channels + c
                for _ in first..<last {
                    var g0 = gradient.vector8(place), g1 = gradient.vector8(place &+ 8)
                    let x0 = x.vector8(place), x1 = x.vector8(place &+ 8)
                    switch mask {
                    case .none: break
                    case .ownOutput:
                        g0.replace(with: 0, where: fused(x0, scale.vector8(c), shift.vector8(c)) .<= 0)
                        g1.replace(with: 0, where: fused(x1, scale.vector8(c &+ 8), shift.vector8(c &+ 8)) .<= 0)
                        gradient.store(g0, place)
                        gradient.store(g1, place &+ 8)
                    case .output(let output):
                        g0.replace(with: 0, where: output.vector8(place) .<= 0)
                        g1.replace(with: 0, where: output.vector8(place &+ 8) .<= 0)
                        gradient.store(g0, place)
                        gradient.store(g1, place &+ 8)
                    }
                    let d0 = SIMD8<Double>(g0), d1 = SIMD8<Double>(g1)
                    s0 += d0
                    s1 += d1
                    p0 = fused(d0, SIMD8<Double>(x0) - m0, p0)
                    p1 = fused(d1, SIMD8<Double>(x1) - m1, p1)
                    place &+= channels
                }
                return (s0, s1, p0, p1)
            }
        }
        finishReduce(weight: weight, weightGradient: weightGradient, biasGradient: biasGradient)
    }

    /// From  Σ g  and  Σ g · (x − mean)  to the parameters' gradients and the coefficients of x's.
    func finishReduce(
        weight: UnsafePointer<Float>, weightGradient: UnsafeMutablePointer<Float>?,
        biasGradient: UnsafeMutablePointer<Float>?
    ) {
        let count = Double(rows)
        for c in 0..<channels {
            let inverse = invStd[c]
            weightGradient?[c] = Float(sums.second[c] * inverse)
            biasGradient?[c] = Float(sums.first[c])
            let onGradient = Double(weight[c]) * inverse
            let onX = -onGradient * inverse * inverse * sums.second[c] / count
            let roundedMean = Float(mean[c])
            coefficients.pointer[c] = Float(onGradient)
            coefficients.pointer[channels + c] = Float(onX)
            coefficients.pointer[2 * channels + c] = roundedMean
            coefficients.pointer[3 * channels + c] = Float(
                -onGradient * sums.first[c] / count + onX * (Double(roundedMean) - mean[c]))
        }
    }

    /// dx = weight / √(variance + ε) · (g − mean(g) − x̂ · mean(g · x̂)),  written over x, after `backwardReduce`.
    ///
    /// Without `gradient` only the part that does not depend on g's own element is written.
    package func backwardElementwise(
        _ gradient: UnsafePointer<Float>?, x: UnsafeMutablePointer<Float>, rows: Int, pool: WorkerPool
    ) {
        let channels = channels
        let onGradient = UnsafePointer(coefficients.pointer)
        let (onX, mean, constant) = (onGradient + channels, onGradient + 2 * channels, onGradient + 3 * channels)
        Rows.share(rows, channels: channels, pool: pool) { first, last in
            var place = first * channels
            for _ in first..<last {
                var c = 0
                while c < channels {
                    var value = fused(x.vector8(place &+ c) - mean.vector8(c), onX.vector8(c), constant.vector8(c))
                    if let gradient { value = fused(gradient.vector8(place &+ c), onGradient.vector8(c), value) }
                    x.store(value, place &+ c)
                    c &+= 8
                }
                place &+= channels
            }
        }
    }

    /// What an element of g contributes to its x's gradient, per channel, after `backwardReduce`.
    var gradientFactor: UnsafePointer<Float> { UnsafePointer(coefficients.pointer) }

    var batchMean: [Double] { mean }
}

/// Loops over the rows of a [rows, channels] matrix, shared out in chunks of about 64 KiB.
enum Rows {
    @inline(__always)
    static func share(_ rows: Int, channels: Int, pool: WorkerPool, _ body: (_ first: Int, _ last: Int) -> Void) {
        let chunk = max(1, 16384 / channels)
        pool.run((rows + chunk - 1) / chunk) { task, _ in
            body(task * chunk, min(rows, (task + 1) * chunk))
        }
    }
}
