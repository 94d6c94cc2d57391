import Foundation
import LoopTypes

/// BatchNorm over NHWC maps, seen as [rows, channels] with a row for each pixel of each image. Channels are a multiple
/// of 16.
///
///     y = (x − mean) · invStd · gamma + beta,   invStd = 1 / √(variance + ε)
///
/// In training, mean and biased variance are the batch's and the running ones move by a tenth towards mean and unbiased
/// variance; in inference they are the running ones. Sums are kept in Double, in chunks of fixed size added in order.
/// Where a batch is spread over several processes, `sumOverRanks` makes the sums those of the whole batch.
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
    /// Adds numbers up over all processes that hold a part of the batch; nil where this one holds all of it, or where each
    /// is to normalise by its own part.
    package var sumOverRanks: ((inout [Double]) -> Void)?
    /// Of the last batch: the rows that are here, and those of all processes.
    private var rows = 0
    private var allRows = 0.0
    /// dx = foldedScale · g + xFactor · (x − roundedMean) + constant, as [3][channels] from xFactor on.
    private let gradientTerms: FloatBuffer
    /// Two sums per channel, of each chunk of rows and of all.
    private let partials = DoubleBuffer()
    private var collected = 0
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

    /// Room for Σ x and Σ x² of each chunk of a batch's rows, [chunks][2][channels]: what computes x writes them while it is
    /// in the cache, and `useBatchStatistics` adds them in order.
    func chunkSums(_ chunks: Int) -> UnsafeMutablePointer<Double> {
        collected = chunks
        return partials.room(for: chunks * 2 * channels)
    }

    /// Training: normalises with those of the batch of `rows` rows that a convolution with this BatchNorm as its
    /// `statistics` has just computed, and moves the running ones.
    package func useBatchStatistics(rows: Int, gamma: UnsafePointer<Float>, beta: UnsafePointer<Float>) {
        self.rows = rows
        addChunks(collected)
        allRows = Double(rows)
        addOverRanks(countingRows: true)
        // A process without any picture of the batch has no statistics of its own.
        guard allRows > 0 else { return }
        let count = allRows
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
            move(state.runningVariance, c, towards: count > 1 ? squares / (count - 1) : .nan)
        }
        state.batchesTracked += 1
    }

    /// How far the statistics of the `rows` rows that a convolution with this BatchNorm as its `statistics` has just computed
    /// are from the running ones: log(1 + D) with Kullback and Leibler's divergence D of two normal distributions in nats, the
    /// mean over the channels; the logarithm keeps a few channels that hold next to no variance from deciding. Changes
    /// nothing, and is of this process's rows alone.
    package func statisticsDistance(rows: Int) -> Double {
        guard rows > 0 else { return 0 }
        addChunks(collected)
        var sum = 0.0
        for c in 0..<channels {
            let mean = sums.first[c] / Double(rows)
            let variance = max(0, sums.second[c] / Double(rows) - mean * mean) + Self.epsilon
            let held = Double(state.runningVariance.pointer[c]) + Self.epsilon
            let shift = mean - Double(state.runningMean.pointer[c])
            sum += log1p(max(0, ((variance + shift * shift) / held - 1 - log(variance / held)) / 2))
        }
        return sum / Double(channels)
    }

    private func fold(_ c: Int, mean: Double, variance: Double, gamma: Float, beta: Float) {
        self.mean[c] = mean
        invStd[c] = 1 / (variance + Self.epsilon).squareRoot()
        let scale = Double(gamma) * invStd[c]
        foldedScale.pointer[c] = Float(scale)
        foldedShift.pointer[c] = Float(Double(beta) - mean * scale)
    }

    // MARK: Backward

    /// The first half of backward. Masks the gradient g [rows, channels] in place, sums it for `backwardElementwise`, and
    ///
    ///     dbeta = Σ g,   dgamma = Σ g · x̂,   x̂ = (x − mean) · invStd
    package func backwardReduce(
        _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, mask: ReLUMask, gamma: UnsafePointer<Float>,
        gammaGradient: UnsafeMutablePointer<Float>?, betaGradient: UnsafeMutablePointer<Float>?, pool: WorkerPool
    ) {
        gradientSums(gradient, x: x, rows: rows, mean: mean, mask: mask, pool: pool)
        finishReduce(gamma: gamma, gammaGradient: gammaGradient, betaGradient: betaGradient)
    }

    /// From  Σ g  and  Σ g · (x − mean)  to the parameters' gradients and the terms of x's.
    func finishReduce(
        gamma: UnsafePointer<Float>, gammaGradient: UnsafeMutablePointer<Float>?,
        betaGradient: UnsafeMutablePointer<Float>?
    ) {
        addOverRanks(countingRows: false)
        let count = max(1, allRows)
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
            rows, gradient, x, scale, terms in
            loops.normalisedGradient(gradient, x: x, scale: scale, terms: terms, rows: rows, channels: channels)
        }
    }

    /// dγ and dβ where the running statistics were used, of which the convolution's values are no longer there: from the
    /// gradient d of those values c [rows, channels], the convolution's weights w [weightRows, channels] and their gradient dw,
    /// which is of the same d. With s = γ · invStd, d = s · dy, and Σ w · dw = Σ c · d, both of which are linear in w:
    ///
    ///     dβ = Σ dy = Σ d / s        dγ = Σ dy · (c − mean) · invStd = (Σ w · dw − mean · Σ d) / γ
    ///
    /// Zero for a channel whose γ is 0, where d says nothing of dy.
    package func heldGradients(
        _ gradient: UnsafePointer<Float>, rows: Int, weights: UnsafePointer<Float>,
        weightGradient: UnsafePointer<Float>, weightRows: Int, gamma: UnsafePointer<Float>,
        gammaGradient: UnsafeMutablePointer<Float>, betaGradient: UnsafeMutablePointer<Float>, pool: WorkerPool
    ) {
        let channels = channels
        reduceRows(rows, pool: pool, lending: gradient) { rows, sums, gradient in
            loops.moments(
                gradient + rows.lowerBound * channels, rows: rows.count, pitch: channels, channels: channels, to: sums,
                sumsPitch: channels)
        }
        let gradients = sums.first
        // Sums with a mask alone write to what they sum.
        gradientSums(
            UnsafeMutablePointer(mutating: weightGradient), x: weights, rows: weightRows,
            mean: [Double](repeating: 0, count: channels), mask: .none, pool: pool)
        for c in 0..<channels {
            let gamma = Double(gamma[c])
            gammaGradient[c] = gamma == 0 ? 0 : Float((sums.second[c] - mean[c] * gradients[c]) / gamma)
            betaGradient[c] = gamma == 0 ? 0 : Float(gradients[c] / (gamma * invStd[c]))
        }
    }

    // MARK: Sums over rows

    /// Σ g  and  Σ g · (x − mean), g masked in place.
    private func gradientSums(
        _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, rows: Int, mean: [Double], mask: ReLUMask,
        pool: WorkerPool
    ) {
        let channels = channels
        reduceRows(rows, pool: pool, lending: gradient, x, mask, folded) { rows, sums, gradient, x, mask, folded in
            mean.withUnsafeBufferPointer { mean in
                guard let mean = mean.baseAddress else { return }
                loops.gradientSums(
                    gradient, x: x, mean: mean, mask: mask, folded: folded, rows: rows, channels: channels, to: sums)
            }
        }
    }

    /// Two sums per channel over all rows, [2][channels], from a body that sums a chunk of them.
    private func reduceRows<each Lent>(
        _ rows: Int, pool: WorkerPool, lending lent: repeat each Lent,
        body: @Sendable (_ rows: Range<Int>, _ sums: UnsafeMutablePointer<Double>, repeat each Lent) -> Void
    ) {
        let channels = channels
        let chunk = max(16, 16384 / channels)
        let chunks = (rows + chunk - 1) / chunk
        let boxed = WorkerPool.Lent((repeat each lent))
        addInOrder(chunks: chunks) { partials in
            pool.run(chunks, lending: partials) { task, _, partials in
                body(
                    (task * chunk)..<min(rows, (task + 1) * chunk), partials + task * 2 * channels,
                    repeat each boxed.value)
            }
        }
    }

    /// Lets `body` write [chunks][2][channels] sums, and adds the chunks up by rising number.
    func addInOrder(chunks: Int, _ body: (UnsafeMutablePointer<Double>) -> Void) {
        body(partials.room(for: chunks * 2 * channels))
        addChunks(chunks)
    }

    private func addOverRanks(countingRows: Bool) {
        guard let sumOverRanks else { return }
        var all = sums.first + sums.second + (countingRows ? [allRows] : [])
        sumOverRanks(&all)
        for c in 0..<channels { (sums.first[c], sums.second[c]) = (all[c], all[channels + c]) }
        if countingRows { allRows = all[2 * channels] }
    }

    private func addChunks(_ chunks: Int) {
        let partials = partials.room(for: chunks * 2 * channels)
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

/// Numbers that are kept from call to call, in memory that grows.
private final class DoubleBuffer {
    private var memory = UnsafeMutableBufferPointer<Double>.allocate(capacity: 0)

    deinit { memory.deallocate() }

    /// At least `count` numbers, with what the last use left in them.
    func room(for count: Int) -> UnsafeMutablePointer<Double> {
        if count > memory.count || memory.baseAddress == nil {
            memory.deallocate()
            memory = .allocate(capacity: max(1, count))
            memory.initialize(repeating: 0)
        }
        return memory.baseAddress.unsafelyUnwrapped
    }
}
