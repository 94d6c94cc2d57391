import TUI
import TrainingEvents

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
struct Effect: Sendable, Equatable {
    var step: Int
    var label: String
    /// Milliseconds of a step, as the preview said before the key was pressed.
    var predicted: Double?
    var before: [StepSample]
    var after: [StepSample] = []

    /// Enough for a slope, few enough to be about this change alone.
    static let window = 40
    static let limit = 64

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

extension DashboardState {
    /// The mask changed from `report.step` on.
    mutating func noteChange(step: Int, label: String, predicted: Double?) {
        let since = deciding.effects.last?.step ?? 0
        deciding.effects.append(
            Effect(
                step: step, label: label, predicted: predicted,
                before: deciding.samples.filter { $0.step >= since }.suffix(Effect.window)))
        if deciding.effects.count > Effect.limit { deciding.effects.removeFirst() }
        deciding.losses.forgetBest()
    }

    mutating func noteEffect() {
        guard let sample = deciding.samples.last, let last = deciding.effects.indices.last,
            sample.step >= deciding.effects[last].step
        else { return }
        // Until the cache is full, room is kept for the steady steps that will tell the speed.
        if deciding.effects[last].after.count >= Effect.window {
            guard sample.isSteady, let filling = deciding.effects[last].after.firstIndex(where: { !$0.isSteady }) else {
                return
            }
            deciding.effects[last].after.remove(at: filling)
        }
        deciding.effects[last].after.append(sample)
    }

    /// The latest change of the mask, whichever parameters it froze or thawed.
    var latestEffect: Effect? { deciding.effects.last }
}
