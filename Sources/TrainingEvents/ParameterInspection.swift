/// One parameter, looked at closely between two steps.
public struct ParameterInspection: Sendable, Equatable {
    public var name: String
    /// The last step before it.
    public var step: Int
    public var weightNorm: Double
    public var weights: Histogram
    /// nil where it is frozen, or has not run yet.
    public var gradientNorm: Double?
    public var gradients: Histogram?
    /// Output channels of a convolution or of fc whose weights are all zero, or channels of a BatchNorm that ReLU
    /// would always shut; of `channels`.
    public var deadChannels: Int
    public var channels: Int
    /// nil where it trains.
    public var proof: Proof?
    /// For weight and bias of a BatchNorm.
    public var drift: StatisticsDrift?

    /// Rule 7, for one tensor.
    public struct Proof: Sendable, Equatable {
        /// Of the bits as they are now, in hexadecimal.
        public var hash: String
        /// The step from which the tensor was frozen; 0 means from the start.
        public var since: Int
        /// Whether it is the hash that was taken then.
        public var holds: Bool

        public init(hash: String, since: Int, holds: Bool) {
            self.hash = hash
            self.since = since
            self.holds = holds
        }
    }

    public init(
        name: String, step: Int, weightNorm: Double, weights: Histogram, gradientNorm: Double?, gradients: Histogram?,
        deadChannels: Int, channels: Int, proof: Proof?, drift: StatisticsDrift?
    ) {
        self.name = name
        self.step = step
        self.weightNorm = weightNorm
        self.weights = weights
        self.gradientNorm = gradientNorm
        self.gradients = gradients
        self.deadChannels = deadChannels
        self.channels = channels
        self.proof = proof
        self.drift = drift
    }
}

/// How far a BatchNorm's running statistics have moved since the run was opened.
public struct StatisticsDrift: Sendable, Equatable {
    public var batchNorm: String
    /// Mean over the channels of |mean − mean then| / standard deviation then.
    public var mean: Double
    /// Geometric mean over the channels of the variance over the variance then; 1 where nothing moved.
    public var variance: Double
    /// Whether they move now.
    public var isHeld: Bool

    public init(batchNorm: String, mean: Double, variance: Double, isHeld: Bool) {
        self.batchNorm = batchNorm
        self.mean = mean
        self.variance = variance
        self.isHeld = isHeld
    }
}

/// Counts over equal bins from least to greatest.
public struct Histogram: Sendable, Equatable {
    public var least: Double
    public var greatest: Double
    public var counts: [Int]
    /// Values that are no numbers, in no bin.
    public var notFinite: Int

    public init(least: Double, greatest: Double, counts: [Int], notFinite: Int) {
        self.least = least
        self.greatest = greatest
        self.counts = counts
        self.notFinite = notFinite
    }

    /// Bins around zero, out to the largest magnitude, so that shrinking and drifting are seen as such.
    public static func of(_ values: UnsafeBufferPointer<Float>, bins: Int = 32) -> Histogram {
        let bins = max(1, bins)
        var magnitude: Float = 0
        for value in values where value.isFinite { magnitude = max(magnitude, abs(value)) }
        var result = Histogram(
            least: -Double(magnitude), greatest: Double(magnitude), counts: [Int](repeating: 0, count: bins),
            notFinite: 0)
        let scale = magnitude > 0 ? Double(bins) / (2 * Double(magnitude)) : 0
        for value in values {
            guard value.isFinite else {
                result.notFinite += 1
                continue
            }
            let place = magnitude > 0 ? Int((Double(value) + Double(magnitude)) * scale) : bins / 2
            result.counts[max(0, min(bins - 1, place))] += 1
        }
        return result
    }
}
