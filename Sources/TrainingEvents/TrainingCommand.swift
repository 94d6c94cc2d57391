/// What the interface asks of the engine. Each takes hold between two steps and is answered by a `TrainingEvent`.
package enum TrainingCommand: Sendable, Equatable {
    /// Freezes or thaws exactly these parameters.
    case setFrozen([String], Bool)
    case strategy(Strategy)
    /// Freezes or thaws every parameter that the pattern matches.
    case pattern(ParameterPattern, frozen: Bool)
    /// Puts exactly this mask in force; undo and redo send it.
    case mask(trainable: [String])
    case pause
    case resume
    case save
    /// Runs one step (pausing first where the run goes on) and waits again.
    case stepOnce
    /// Validates between two steps, beside what the end of each epoch does.
    case validate
    /// Multiplies the schedule's learning rate, on top of what was asked before.
    case scaleLearningRate(by: Double)
    /// Sends an `inspection` of this parameter after steps, until another or nil is asked for.
    case inspect(String?)
    /// A person watches: layers are measured, mistakes are sent, and a loss that is no number pauses the run.
    case watch
    /// Finish the step, save, end the run.
    case stop
}
