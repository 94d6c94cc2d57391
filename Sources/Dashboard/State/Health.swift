import Support

/// Something that does not go well, and what to do about it, in a line.
package struct HealthLine: Sendable, Equatable {
    package enum Kind: Sendable, Equatable { case notFinite, exploding, vanishing, overfitting, neverPredicted }
    package var kind: Kind
    package var text: String
    package var advice: String
}

/// The training loss, smoothed over some steps, now and at its best.
struct LossTrend: Sendable, Equatable {
    private(set) var mean: Double?
    private(set) var best: Double?
    private(set) var count = 0

    mutating func append(_ loss: Double) {
        guard loss.isFinite else { return }
        count += 1
        // A plain mean at first, then one over about ten steps.
        let share = max(0.1, 1 / Double(count))
        let value = (mean ?? loss) + share * (loss - (mean ?? loss))
        mean = value
        if count >= 10 { best = min(best ?? value, value) }
    }

    /// After a change of the mask a higher loss may be the price of it.
    mutating func forgetBest() { best = mean }
}

/// The numbers that health is judged by, so that the judgement can be tested without a dashboard.
package struct Vitals: Sendable {
    /// The key that ends the run.
    var stopKey = "q"
    package var lastLoss: Double?
    /// The step whose loss was not finite, and the one whose weights are back.
    package var notFinite: (step: Int, weightsOf: Int)?
    package var meanLoss: Double?
    package var bestMeanLoss: Double?
    /// Per trainable weight its recent gradient norms, oldest first.
    package var gradients: [(name: String, norms: [Double])] = []
    /// Per epoch.
    package var validationLosses: [Double] = []
    package var trainingLosses: [Double] = []
    package var neverPredicted: [(name: String, pictures: Int)] = []

    package init() {}

    /// Validation that rises for this many epochs in a row is no accident.
    package static let risingEpochs = 3
    /// A gradient norm below this moves nothing that float32 keeps.
    package static let vanishing = 1e-7
    package static let vanishingSteps = 20

    /// What does not go well, worst first.
    package func judge() -> [HealthLine] {
        var lines: [HealthLine] = []
        func add(_ kind: HealthLine.Kind, _ text: String, _ advice: String) {
            lines.append(HealthLine(kind: kind, text: text, advice: advice))
        }
        func first(_ names: [String]) -> String { names[0] + (names.count > 1 ? " and \(names.count - 1) more" : "") }
        if let notFinite {
            add(
                .notFinite,
                "step \(notFinite.step): loss not a number; weights of step \(notFinite.weightsOf) are back",
                "- lowers the rate, p goes on")
        } else if let lastLoss, !lastLoss.isFinite {
            add(.notFinite, "the loss is not a number", "a lower rate, sound weights")
        }
        if notFinite == nil, let meanLoss, let bestMeanLoss, meanLoss > 3 * bestMeanLoss, meanLoss > bestMeanLoss + 0.5
        {
            add(
                .exploding, "loss grew from \(Numbers.fixed(bestMeanLoss, 2)) to \(Numbers.fixed(meanLoss, 2))",
                "- lowers the rate, or freeze more")
        }
        // Where the loss is nearly zero no gradient is left, and that is as it should be.
        if (meanLoss ?? 1) > 0.02 {
            let small = gradients.filter { _, norms in
                norms.count >= Self.vanishingSteps
                    && norms.suffix(Self.vanishingSteps).allSatisfy { $0 < Self.vanishing }
            }
            if let norm = small.first?.norms.last {
                add(
                    .vanishing, "\(first(small.map(\.name))): gradient \(Numbers.scientific(norm)), learns nothing",
                    "freeze it: it only costs time")
            }
        }
        if let since = overfittingSince {
            add(
                .overfitting,
                "validation loss rose \(validationLosses.count - 1 - since) epochs in a row while training fell",
                "\(stopKey) stops (the best is saved), freeze more")
        }
        if let pictures = neverPredicted.first?.pictures {
            // Of several classes the first one's pictures say nothing.
            let count = neverPredicted.count > 1 ? "" : " (\(pictures) \(pictures == 1 ? "picture" : "pictures"))"
            add(
                .neverPredicted, "\(first(neverPredicted.map(\.name))) never predicted\(count)",
                "train on, thaw more, or check its pictures")
        }
        return lines
    }

    /// The index of the last epoch before the rise, where it has gone on for `risingEpochs`.
    private var overfittingSince: Int? {
        guard validationLosses.count == trainingLosses.count, let last = validationLosses.indices.last else {
            return nil
        }
        var from = last
        while from > 0, validationLosses[from] > validationLosses[from - 1] { from -= 1 }
        guard last - from >= Self.risingEpochs, trainingLosses[last] < trainingLosses[from] else { return nil }
        return from
    }
}

extension DashboardState {
    var vitals: Vitals {
        var vitals = Vitals()
        if run.tie == .attached { vitals.stopKey = "Q" }
        vitals.lastLoss = run.lastStep?.loss
        vitals.notFinite = decisions.notFinite.map { ($0.step, $0.weightsOfStep) }
        vitals.meanLoss = decisions.losses.mean
        vitals.bestMeanLoss = decisions.losses.best
        vitals.validationLosses = decisions.epochLosses.map(\.validation)
        vitals.trainingLosses = decisions.epochLosses.map(\.training)
        if let mistakes = decisions.mistakes {
            vitals.neverPredicted = mistakes.neverPredicted.map { (run.className($0), mistakes.actual[$0]) }
        }
        let tree = layers.tree
        for parameter in layers.frozen.indices
        where !layers.frozen[parameter] && tree.parameters[parameter].shape.count > 1 {
            let norms = gradients.recent(tree.leaf[parameter], Vitals.vanishingSteps).filter(\.isFinite)
            vitals.gradients.append((tree.parameters[parameter].name, norms.map(Double.init)))
        }
        return vitals
    }

    var health: [HealthLine] {
        // The other acts of the demonstration go as they go, and nothing can be done about it.
        if let story, story.act != .taskB { return [] }
        return switch run.phase {
        case .preparing, .running: vitals.judge()
        default: []
        }
    }
}
