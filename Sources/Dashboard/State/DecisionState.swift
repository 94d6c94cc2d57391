import Network
import TrainingEvents

/// What helps to decide what to freeze: measured costs, effects of earlier changes, mistakes, the inspection, undo.
struct DecisionState: Sendable {
    var history = MaskHistory()
    /// What the engine was last asked to inspect.
    var inspecting: String?
    var inspection: ParameterInspection?
    var mistakes: MistakesReport?
    var costs: StepCosts?
    /// What thawing is worth under the mask that is in force; nil after a change until it is measured again.
    var probe: ProbeReport?
    var notFinite: NotFiniteReport?
    var losses = LossTrend()
    /// Of the latest epochs that ended with a validation, oldest first.
    private(set) var epochLosses: [(validation: Double, training: Double)] = []
    private(set) var samples: [StepSample] = []
    private(set) var outcomes: [MaskChangeOutcome] = []

    private static let sampleLimit = 64
    private static let epochLimit = 64

    mutating func take(_ report: StepReport, isSteady: Bool) {
        if report.loss.isFinite { notFinite = nil }
        losses.append(report.loss)
        let sample = StepSample(
            step: report.step, loss: report.loss, images: report.images, milliseconds: report.milliseconds,
            isSteady: isSteady)
        samples.append(sample)
        if samples.count > Self.sampleLimit { samples.removeFirst() }
        if let last = outcomes.indices.last { outcomes[last].take(sample) }
    }

    mutating func take(_ report: EpochReport) {
        guard let validation = report.validation else { return }
        epochLosses.append((validation.loss, report.training.loss))
        if epochLosses.count > Self.epochLimit { epochLosses.removeFirst() }
    }

    mutating func take(_ report: NotFiniteReport) {
        notFinite = report
        losses = LossTrend()
    }

    /// The mask changed from `step` on.
    mutating func maskChanged(step: Int, label: String, predicted: Double?, thawed: [String]) {
        let since = outcomes.last?.step ?? 0
        outcomes.append(
            MaskChangeOutcome(
                step: step, label: label, predicted: predicted, forecast: probe?.fall(thawing: thawed),
                before: samples.filter { $0.step >= since }.suffix(MaskChangeOutcome.window)))
        if outcomes.count > MaskChangeOutcome.limit { outcomes.removeFirst() }
        probe = nil
        losses.forgetBest()
    }
}
