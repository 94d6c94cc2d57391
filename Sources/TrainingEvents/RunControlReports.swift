/// The answer to `scaleLearningRate`.
public struct LearningRateReport: Sendable, Equatable {
    /// The first step that runs with it.
    public var step: Int
    /// What the schedule's rate is multiplied with, over all that was asked so far.
    public var factor: Double
    /// The rate of that step.
    public var rate: Double

    public init(step: Int, factor: Double, rate: Double) {
        self.step = step
        self.factor = factor
        self.rate = rate
    }
}

public struct ValidationReport: Sendable, Equatable {
    /// The last step before it.
    public var step: Int
    public var score: Score

    public init(step: Int, score: Score) {
        self.step = step
        self.score = score
    }
}

public struct NotFiniteReport: Sendable, Equatable {
    /// The step whose loss was no number; it was not counted.
    public var step: Int
    /// The step after which the weights stood that are back now.
    public var weightsOfStep: Int

    public init(step: Int, weightsOfStep: Int) {
        self.step = step
        self.weightsOfStep = weightsOfStep
    }
}
