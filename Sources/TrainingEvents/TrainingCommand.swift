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
    /// Measures between two steps what thawing each frozen group would be worth; nothing changes.
    case probe
    /// Gives the mask to `--strategy auto`, which begins with the present state.
    case auto
    /// Multiplies the schedule's learning rate, on top of what was asked before.
    case scaleLearningRate(by: Double)
    /// Sends an `inspection` of each of these parameters after steps, until others are asked for.
    case inspect([String])
    /// While watched, layers are measured, mistakes are sent, and a run that cannot go on by itself (a loss that is not
    /// finite, a full disk) pauses instead of ending.
    case watch(Bool)
    /// Finish the step, save, end the run.
    case stop
}

extension TrainingCommand {
    /// Whether its answer is a `freeze`.
    package var changesMask: Bool {
        switch self {
        case .setFrozen, .mask: true
        default: false
        }
    }

    /// What follows "asked": `to pause`.
    package var wish: String {
        func parameters(_ count: Int) -> String { "\(count) parameter\(count == 1 ? "" : "s")" }
        return switch self {
        case .setFrozen(let names, let frozen): "to \(frozen ? "freeze" : "thaw") \(parameters(names.count))"
        case .mask(let trainable): "to train \(parameters(trainable.count)) and no others"
        case .pause: "to pause"
        case .resume: "to go on"
        case .save: "to save"
        case .stepOnce: "for one step"
        case .validate: "for a validation"
        case .probe: "what thawing is worth"
        case .auto: "auto to take over"
        case .scaleLearningRate(let factor): "for the learning rate times \(factor)"
        case .inspect: "to look at parameters"
        case .watch: "to watch"
        case .stop: "to stop the run"
        }
    }

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

/// The sender of a command: a dashboard or a script, attached to the run.
package struct Requester: Sendable, Hashable, Codable {
    /// As in `CommandID`.
    package var client: Int
    package var user: String
    /// `pts/3`; nil for a script without a terminal.
    package var terminal: String?

    package init(client: Int, user: String, terminal: String?) {
        self.client = client
        self.user = user
        self.terminal = terminal
    }

    /// `ada on pts/3`.
    package var label: String { user + (terminal.map { " on " + $0 } ?? "") }
}
