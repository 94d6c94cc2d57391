import Network
import TUI
import TrainingEvents

extension DashboardState {
    /// A quarter up, and exactly back: three presses double the rate.
    static let rateStep = 1.25

    mutating func show(_ view: RightView) {
        deciding.view = view
        deciding.viewScroll = 0
    }

    /// Escape takes back what is nearest: the range, then the view.
    mutating func escape() {
        if deciding.anchor != nil {
            deciding.anchor = nil
        } else if deciding.view != .charts {
            show(.charts)
        }
    }

    // MARK: Toggling

    /// The rows between the range's ends; the cursor's alone where there is no range.
    var selectedRows: ClosedRange<Int>? {
        guard rows.indices.contains(cursorRow) else { return nil }
        guard let anchor = deciding.anchor, let other = rows.firstIndex(where: { tree.nodes[$0].path == anchor }) else {
            return cursorRow...cursorRow
        }
        return min(other, cursorRow)...max(other, cursorRow)
    }

    /// Their parameters, in order.
    var selectedMembers: [Int] {
        guard let selectedRows else { return [] }
        var members: Set<Int> = []
        for row in selectedRows { members.formUnion(tree.nodes[rows[row]].members) }
        return members.sorted()
    }

    /// What space would do to it: thaw where all of it is (or will be) frozen, otherwise freeze.
    var willFreezeSelection: Bool { !selectedMembers.allSatisfy(willBeFrozen) }

    mutating func toggleSelection() -> [DashboardEffect] {
        let members = selectedMembers
        deciding.anchor = nil
        return toggle(members)
    }

    /// Thaws where all of them are (or will be) frozen, otherwise freezes.
    private mutating func toggle(_ members: [Int]) -> [DashboardEffect] {
        guard !members.isEmpty else { return [] }
        return request(.setFrozen(members.map { tree.parameters[$0].name }, !members.allSatisfy(willBeFrozen)))
    }

    mutating func setStrategy(_ strategy: Strategy) -> [DashboardEffect] {
        request(.mask(trainable: strategy.trainable(of: parameterNames)))
    }

    mutating func toggleBeyond(above: Bool) -> [DashboardEffect] {
        let members = selectedMembers
        guard let first = members.first, let last = members.last else { return [] }
        let beyond = above ? Array(0..<first) : Array((last + 1)..<max(last + 1, frozen.count))
        if beyond.isEmpty { log(.notice, above ? "nothing is above this row" : "nothing is below this row") }
        return toggle(beyond)
    }

    // MARK: Undo and redo

    mutating func travel(_ kind: DecidingState.ChangeKind) -> [DashboardEffect] {
        let history = deciding.history
        guard let mask = kind == .undo ? history.past.last : history.future.last, mask.count == frozen.count else {
            return []
        }
        return request(.mask(trainable: mask.indices.filter { !mask[$0] }.map { tree.parameters[$0].name }), kind)
    }

    /// Sends a change of the mask, unless something would be lost by it: then y must be pressed first.
    mutating func request(
        _ command: TrainingCommand, _ kind: DecidingState.ChangeKind = .change, isConfirmed: Bool = false
    ) -> [DashboardEffect] {
        var frozenAfter: [Int: Bool] = [:]
        for (index, name) in parameterNames.enumerated() { frozenAfter[index] = command.freezes(name) }
        let changed = frozenAfter.filter { $0.value != willBeFrozen($0.key) }
        if !isConfirmed, let loss = lossOf(changed) {
            deciding.confirmation = DecidingState.Confirmation(command: command, loss: loss, kind: kind)
            return []
        }
        let current = wantedMask
        switch kind {
        case .change: if !changed.isEmpty { deciding.history.leave(current) }
        case .undo: _ = deciding.history.undo(from: current)
        case .redo: _ = deciding.history.redo(from: current)
        }
        noteAsking(changed, kind)
        return [.engine(command, id: pending.add(frozenAfter))]
    }

    mutating func confirm(_ key: Key) -> [DashboardEffect] {
        guard let confirmation = deciding.confirmation else { return [] }
        switch key {
        case .character("y"), .character("Y"), .enter:
            deciding.confirmation = nil
            return request(confirmation.command, confirmation.kind, isConfirmed: true)
        case .character("n"), .character("N"), .escape, .character("q"): deciding.confirmation = nil
        default: break
        }
        return []
    }

    // MARK: The inspector follows the cursor

    /// What the engine has to be told about what is looked at.
    mutating func followInspection() -> [DashboardEffect] {
        var wanted: String?
        if isInspecting, isLive, hasMask, let node = cursorNode, tree.nodes[node].members.count == 1 {
            wanted = tree.parameters[tree.nodes[node].members[0]].name
        }
        guard wanted != deciding.inspecting, isLive else { return [] }
        deciding.inspecting = wanted
        return [.engine(.inspect(wanted))]
    }
}
