/// The answer to `scaleLearningRate`.
package struct LearningRateReport: Sendable, Equatable {
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

package struct ValidationReport: Sendable, Equatable {
    /// The last step before it.
    package var step: Int
    package var score: Score

    package init(step: Int, score: Score) {
        self.step = step
        self.score = score
    }
}

package struct NotFiniteReport: Sendable, Equatable {
    /// The step whose loss was no number; it was not counted.
    package var step: Int
    /// The step after which the weights stood that are back now.
    package var weightsOfStep: Int

    package init(step: Int, weightsOfStep: Int) {
        self.step = step
        self.weightsOfStep = weightsOfStep
    }
}
