import Network
import TUI
import TrainingEvents

extension DashboardState {
    /// A quarter up, and exactly back: three presses double the rate.
    static let rateStep = 1.25

    // MARK: Toggling

    mutating func toggleSelection() -> [DashboardEffect] {
        let members = selection.members(layers.tree)
        selection.anchor = nil
        return toggle(members)
    }

    /// Thaws where all of them are (or will be) frozen, otherwise freezes.
    private mutating func toggle(_ members: [Int]) -> [DashboardEffect] {
        guard !members.isEmpty else { return [] }
        return request(
            .setFrozen(members.map { layers.tree.parameters[$0].name }, !members.allSatisfy(layers.willBeFrozen)))
    }

    mutating func setStrategy(_ strategy: Strategy) -> [DashboardEffect] {
        request(.mask(trainable: strategy.trainable(of: layers.tree.names)))
    }

    mutating func toggleBeyond(above: Bool) -> [DashboardEffect] {
        let members = selection.members(layers.tree)
        guard let first = members.first, let last = members.last else { return [] }
        let beyond = above ? Array(0..<first) : Array((last + 1)..<max(last + 1, layers.frozen.count))
        if beyond.isEmpty { record(.notice, above ? "nothing is above this row" : "nothing is below this row") }
        return toggle(beyond)
    }

    // MARK: Undo and redo

    mutating func travel(_ kind: DialogState.ChangeKind) -> [DashboardEffect] {
        let history = decisions.history
        guard let mask = kind == .undo ? history.past.last : history.future.last, mask.count == layers.frozen.count
        else { return [] }
        return request(
            .mask(trainable: mask.indices.filter { !mask[$0] }.map { layers.tree.parameters[$0].name }), kind)
    }

    /// Sends a change of the mask, unless something would be lost by it: then y must be pressed first.
    mutating func request(
        _ command: TrainingCommand, _ kind: DialogState.ChangeKind = .change, isConfirmed: Bool = false
    ) -> [DashboardEffect] {
        let (frozenAfter, changed) = layers.effect(of: command)
        if !isConfirmed, let loss = costModel.loss(changed) {
            dialogs.confirmation = DialogState.Confirmation(command: command, loss: loss, kind: kind)
            return []
        }
        let current = layers.wantedMask
        switch kind {
        case .change: if !changed.isEmpty { decisions.history.leave(current) }
        case .undo: decisions.history.undo(from: current)
        case .redo: decisions.history.redo(from: current)
        }
        notifyRequest(changed, kind)
        return [.engine(command, id: layers.pending.add(frozenAfter))]
    }

    mutating func confirm(_ key: Key) -> [DashboardEffect] {
        guard let confirmation = dialogs.confirmation else { return [] }
        switch key {
        case .character("y"), .character("Y"), .enter:
            dialogs.confirmation = nil
            if confirmation.command == .stop {
                run.isStopping = true
                return [.engine(.stop)]
            }
            return request(confirmation.command, confirmation.kind, isConfirmed: true)
        case .character("n"), .character("N"), .escape, .character("q"): dialogs.confirmation = nil
        default: break
        }
        return []
    }

    // MARK: The inspector follows the cursor

    /// The command that makes the engine inspect what the cursor is on.
    mutating func followInspection() -> [DashboardEffect] {
        var wanted: String?
        if selection.isInspecting, run.isLive, layers.hasMask, let node = selection.cursorNode,
            layers.tree.nodes[node].members.count == 1
        {
            wanted = layers.tree.name(of: node)
        }
        guard wanted != decisions.inspecting, run.isLive else { return [] }
        decisions.inspecting = wanted
        return [.engine(.inspect(wanted.map { [$0] } ?? []))]
    }
}
