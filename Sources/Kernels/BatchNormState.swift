/// The running statistics of a BatchNorm.
public final class BatchNormState {
    public let channels: Int
    public let runningMean: FloatBuffer
    public let runningVariance: FloatBuffer
    public var batchesTracked: Int64 = 0

    public init(channels: Int) {
        self.channels = channels
        runningMean = FloatBuffer(count: channels)
        runningVariance = FloatBuffer(count: channels)
        reset()
    }

    /// Mean 0, variance 1, no batch seen.
    public func reset() {
        for c in 0..<channels {
            runningMean.pointer[c] = 0
            runningVariance.pointer[c] = 1
        }
        batchesTracked = 0
    }
}
