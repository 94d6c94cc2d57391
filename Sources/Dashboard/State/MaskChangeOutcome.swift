/// One step, as far as the comparison of before and after needs it.
struct StepSample: Sendable, Equatable {
    var step: Int
    var loss: Double
    var images: Int
    var milliseconds: Double
    /// Whether no cache was being filled meanwhile.
    var isSteady: Bool
}

/// What a freeze or thaw has done: the steps before it and those after it, side by side.
struct MaskChangeOutcome: Sendable, Equatable {
    var step: Int
    var label: String
    /// Milliseconds of a step, as the preview predicted before the change.
    var predicted: Double?
    /// Nats by which a step lowers the loss, as a probe foretold it of this change; nil where none did.
    var forecast: Double?
    var before: [StepSample]
    var after: [StepSample] = []

    /// Enough for a slope, few enough to be about this change alone.
    static let window = 40
    static let limit = 64

    mutating func take(_ sample: StepSample) {
        guard sample.step >= step else { return }
        // Until the cache is full, room is kept for the steady steps that the speed is measured by.
        if after.count >= Self.window {
            guard sample.isSteady, let filling = after.firstIndex(where: { !$0.isSteady }) else { return }
            after.remove(at: filling)
        }
        after.append(sample)
    }

    /// Change of the loss in a hundred steps: the least-squares line through the samples; nil for too few.
    static func slope(_ samples: [StepSample]) -> Double? {
        let finite = samples.filter(\.loss.isFinite)
        guard finite.count >= 4, let first = finite.first else { return nil }
        let count = Double(finite.count)
        let xs = finite.map { Double($0.step) - Double(first.step) }
        let meanX = xs.reduce(0, +) / count
        let meanY = finite.reduce(0) { $0 + $1.loss } / count
        var (products, squares) = (0.0, 0.0)
        for (x, sample) in zip(xs, finite) {
            products += (x - meanX) * (sample.loss - meanY)
            squares += (x - meanX) * (x - meanX)
        }
        return squares > 0 ? products / squares * 100 : nil
    }

    /// Median duration of the steady steps with the most images: an epoch's last one may be short. nil for too few.
    static func milliseconds(_ samples: [StepSample]) -> Double? {
        let steady = samples.filter { $0.isSteady && $0.milliseconds.isFinite }
        let most = steady.map(\.images).max()
        let sorted = steady.filter { $0.images == most }.map(\.milliseconds).sorted()
        return sorted.count >= 3 ? sorted[sorted.count / 2] : nil
    }

    /// The first step after a change allocates; it says nothing about the next.
    var measured: Double? { Self.milliseconds(Array(after.dropFirst())) }
}
