import TUI
import Dashboard
import TrainingEvents

/// Answers commands about the mask as the engine does, in order and when asked to.
struct FakeEngine {
    private(set) var trainable: Set<String>
    private var waiting: [TrainingCommand] = []
    private(set) var step = 1

    init(trainable: [String]) { self.trainable = Set(trainable) }

    mutating func take(_ effects: [DashboardEffect]) {
        for case .engine(let command) in effects { waiting.append(command) }
    }

    /// Carries out the oldest command, and tells the dashboard.
    mutating func answer(_ state: inout DashboardState) {
        guard !waiting.isEmpty else { return }
        let command = waiting.removeFirst()
        switch command {
        case .setFrozen(let names, let frozen):
            if frozen { trainable.subtract(names) } else { trainable.formUnion(names) }
        case .strategy(let strategy): trainable = Set(Scenario.names.filter(strategy.trains))
        case .pattern(let pattern, let frozen):
            let names = Scenario.names.filter(pattern.matches)
            if frozen { trainable.subtract(names) } else { trainable.formUnion(names) }
        case .mask(let names): trainable = Set(names)
        default: return
        }
        step += 1
        take(update(&state, .event(Scenario.freeze(step, ordered, frostLine: "layer4.0"))))
    }

    mutating func answerAll(_ state: inout DashboardState) { while !waiting.isEmpty { answer(&state) } }

    var ordered: [String] { Scenario.names.filter(trainable.contains) }
}
