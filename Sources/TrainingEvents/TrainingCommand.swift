/// What the interface asks of the engine. Each takes hold between two steps and is answered by a `TrainingEvent`.
public enum TrainingCommand: Sendable, Equatable {
    /// Freezes or thaws exactly these parameters.
    case setFrozen([String], Bool)
    case strategy(Strategy)
    /// Freezes or thaws every parameter that the pattern matches.
    case pattern(ParameterPattern, frozen: Bool)
    case pause
    case resume
    case save
    /// Finish the step, save, end the run.
    case stop
}
