/// What `--strategy auto` decided, or was told.
package struct AutoDecision: Sendable, Equatable, Codable {
    package enum Choice: String, Sendable, Codable {
        /// Auto is in charge.
        case begins
        /// A group thaws, on trial.
        case thaws
        /// The group on trial stays.
        case keeps
        /// The group on trial freezes again; weights, optimizer and mask are those of before.
        case takesBack
        /// The learning rate falls to a third, for the rest of the run.
        case lowers
        /// A mask was asked for: auto leaves the run alone until it is given back.
        case rests
        /// Nothing pays any more, and the run ends.
        case ends
    }

    package var choice: Choice
    /// The last step before it.
    package var step: Int
    /// What thaws, stays or freezes again: `layer4.1`, `everything`, `everything but BatchNorm`.
    package var group: String?
    /// Mean fall of the validation loss that decided it, in nats a picture, and its standard error; nil where none was compared.
    package var fall: Double?
    package var fallError: Double?
    /// The decision with its numbers: one sentence without a capital and a full stop.
    package var text: String

    /// What the charts say of it; nil where a freeze says it.
    package var chartLabel: String? {
        switch choice {
        case .keeps: group.map { "kept " + $0 }
        case .takesBack: group.map { "took back " + $0 }
        case .lowers: "a third of the rate"
        case .rests: "auto rests"
        case .begins, .thaws, .ends: nil
        }
    }

    package init(
        _ choice: Choice, step: Int, group: String? = nil, fall: Double? = nil, fallError: Double? = nil, text: String
    ) {
        self.choice = choice
        self.step = step
        self.group = group
        self.fall = fall
        self.fallError = fallError
        self.text = text
    }
}
