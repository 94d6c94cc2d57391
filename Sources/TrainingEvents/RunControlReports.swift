/// The answer to `scaleLearningRate`.
package struct LearningRateReport: Sendable, Equatable, Codable {
    /// The first step that runs with it.
    package var step: Int
    /// What the schedule's rate is multiplied with, over all that was asked so far.
    package var factor: Double
    /// The rate of that step.
    package var rate: Double

    package init(step: Int, factor: Double, rate: Double) {
        self.step = step
        self.factor = factor
        self.rate = rate
    }
}

/// The answer to `validate`.
package struct ValidationReport: Sendable, Equatable, Codable {
    /// The last step before it.
    package var step: Int
    package var score: Score

    package init(step: Int, score: Score) {
        self.step = step
        self.score = score
    }
}

/// A rollback after a loss that was not finite.
package struct NotFiniteReport: Sendable, Equatable, Codable {
    /// The step whose loss was not finite; it was not counted.
    package var step: Int
    /// The step after which the weights stood that are back now.
    package var weightsOfStep: Int

    package init(step: Int, weightsOfStep: Int) {
        self.step = step
        self.weightsOfStep = weightsOfStep
    }
}
