import TUI
import Dashboard
import TrainingEvents

/// Answers commands as the engine does, in order and when asked to, and changes its mask on its own when asked to.
struct FakeEngine {
    private(set) var trainable: Set<String>
    private var waiting: [CommandRequest] = []
    private(set) var step = 1

    init(trainable: [String]) { self.trainable = Set(trainable) }

    var hasUnanswered: Bool { !waiting.isEmpty }

    mutating func take(_ effects: [DashboardEffect]) { waiting += effects.requests }

    /// Carries out the oldest command, or refuses it, and tells the dashboard.
    mutating func answer(_ state: inout DashboardState, refusing: Bool = false) {
        guard !waiting.isEmpty else { return }
        let request = waiting.removeFirst()
        if refusing { return send(.refused(reason: "refused", answers: request.id), &state) }
        switch request.command {
        case .setFrozen(let names, let frozen):
            if frozen { trainable.subtract(names) } else { trainable.formUnion(names) }
        case .mask(let names): trainable = Set(names)
        case .save: return send(.saved(SaveReport(step: step, path: "runs/a")), &state)
        default: return
        }
        tellMask(&state, answers: request.id)
    }

    mutating func answerAll(_ state: inout DashboardState) { while !waiting.isEmpty { answer(&state) } }

    /// As `--thaw` and a replay do: no command asked for it.
    mutating func change(to trainable: Set<String>, _ state: inout DashboardState) {
        self.trainable = trainable
        tellMask(&state, answers: nil)
    }

    private mutating func tellMask(_ state: inout DashboardState, answers id: CommandID?) {
        step += 1
        send(
            .freeze(FreezeReport(step: step, trainable: ordered, frostLine: "layer4.0", answers: id)), &state)
    }

    private mutating func send(_ event: TrainingEvent, _ state: inout DashboardState) {
        take(update(&state, .event(event)))
    }

    var ordered: [String] { Scenario.names.filter(trainable.contains) }
}
