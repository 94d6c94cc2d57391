/// One parameter, looked at closely between two steps.
package struct ParameterInspection: Sendable, Equatable, Codable {
    package var name: String
    /// The last step before it.
    package var step: Int
    package var weightNorm: Double
    package var weights: Histogram
    /// nil where it is frozen, or has not run yet.
    package var gradientNorm: Double?
    package var gradients: Histogram?
    /// Output channels of a convolution or of fc whose weights are all zero, or channels of a BatchNorm that ReLU
    /// would always shut; of `channels`.
    package var deadChannels: Int
    package var channels: Int
    /// nil where it trains.
    package var proof: Proof?
    /// For weight and bias of a BatchNorm.
    package var drift: StatisticsDrift?

    /// That a tensor has not changed since it froze (docs/freezing.md, rule 7).
    package struct Proof: Sendable, Equatable, Codable {
        /// Of the bits as they are now, in hexadecimal.
        package var hash: String
        /// The step from which the tensor was frozen; 0 means from the start.
        package var since: Int
        /// Whether it is the hash that was taken then.
        package var holds: Bool

        package init(hash: String, since: Int, holds: Bool) {
            self.hash = hash
            self.since = since
            self.holds = holds
        }
    }

    package init(
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
package struct StatisticsDrift: Sendable, Equatable, Codable {
    package var batchNorm: String
    /// Mean over the channels of |mean − mean then| / standard deviation then.
    package var mean: Double
    /// Geometric mean over the channels of the variance over the variance then; 1 where nothing moved.
    package var variance: Double
    /// Whether they move now.
    package var isHeld: Bool

    package init(batchNorm: String, mean: Double, variance: Double, isHeld: Bool) {
        self.batchNorm = batchNorm
        self.mean = mean
        self.variance = variance
        self.isHeld = isHeld
    }
}

/// Counts over equal bins from least to greatest.
package struct Histogram: Sendable, Equatable, Codable {
    package var least: Double
    package var greatest: Double
    package var counts: [Int]
    /// Values that are not finite, in no bin.
    package var notFinite: Int

    package init(least: Double, greatest: Double, counts: [Int], notFinite: Int) {
        self.least = least
        self.greatest = greatest
        self.counts = counts
        self.notFinite = notFinite
    }

    /// Bins around zero, out to the largest magnitude, so that shrinking and drifting are seen as such.
    package static func of(_ values: UnsafeBufferPointer<Float>, bins: Int = 32) -> Histogram {
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
