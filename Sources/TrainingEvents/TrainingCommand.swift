/// What an interface asks of the engine. Each takes hold between two steps and is answered by a `TrainingEvent`.
package enum TrainingCommand: Sendable, Equatable, Codable {
    /// Freezes or thaws exactly these parameters.
    case setFrozen([String], Bool)
    /// Puts exactly this mask in force: these train, all others are frozen.
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
    /// From now on layers are measured, mistakes are sent, and a loss that is not finite pauses the run.
    case watch
    /// Finish the step, save, end the run.
    case stop
}

extension TrainingCommand {
    /// Whether the parameter is frozen once this is carried out; nil where the command says nothing about it.
    package func freezes(_ name: String) -> Bool? {
        switch self {
        case .setFrozen(let names, let frozen): names.contains(name) ? frozen : nil
        case .mask(let trainable): !trainable.contains(name)
        default: nil
        }
    }
}

/// Names a command, so that an answer can say which command it answers; unique within a run.
package struct CommandID: Sendable, Hashable, Codable {
    /// The interface that sent it; 0 is the one in the engine's own process.
    package var client: Int
    /// Counted from 1 by that interface.
    package var number: Int

    package init(client: Int = 0, number: Int) {
        self.client = client
        self.number = number
    }
}

/// A command on its way to the engine. No answer names one without an id.
package struct CommandRequest: Sendable, Equatable, Codable {
    package var command: TrainingCommand
    package var id: CommandID?

    package init(_ command: TrainingCommand, id: CommandID? = nil) {
        self.command = command
        self.id = id
    }
}
