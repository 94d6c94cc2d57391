/// The running statistics of a BatchNorm, [channels] each.
package final class BatchNormState {
    package let channels: Int
    package let runningMean: FloatBuffer
    package let runningVariance: FloatBuffer
    package var batchesTracked: Int64 = 0

    package init(channels: Int) {
        self.channels = channels
        runningMean = FloatBuffer(count: channels)
        runningVariance = FloatBuffer(count: channels)
        reset()
    }

    /// Mean 0, variance 1, no batch seen.
    package func reset() {
        for c in 0..<channels {
            runningMean.pointer[c] = 0
            runningVariance.pointer[c] = 1
        }
        batchesTracked = 0
    }
}
