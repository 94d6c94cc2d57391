import TUI
import TrainingEvents

/// Keys that help to decide; each is a line in `keyTable`, and a case in `decide`.
enum DecisionCommand: Sendable, Equatable {
    case undo, redo
    case range, above, below
    case search, nextMatch, previousMatch
    case rateUp, rateDown, step, validate
    case mistakes, heat
}

extension DashboardState {
    /// A quarter up, and exactly back: three presses double the rate.
    static let rateStep = 1.25

    func isAvailable(_ command: DecisionCommand) -> Bool {
        switch command {
        case .undo: isLive && !deciding.history.past.isEmpty
        case .redo: isLive && !deciding.history.future.isEmpty
        case .range, .above, .below: isLive && !rows.isEmpty
        case .search: !rows.isEmpty
        case .nextMatch, .previousMatch: !rows.isEmpty && !deciding.search.text.isEmpty
        case .rateUp, .rateDown, .step, .validate: isLive && hasMask
        case .mistakes, .heat: run != nil
        }
    }

    mutating func decide(_ command: DecisionCommand) -> [DashboardEffect] {
        switch command {
        case .undo: return travel(.undo)
        case .redo: return travel(.redo)
        case .range: deciding.anchor = deciding.anchor == nil ? cursor ?? cursorNode.map { tree.nodes[$0].path } : nil
        case .above: return toggleBeyond(above: true)
        case .below: return toggleBeyond(above: false)
        case .search:
            deciding.search = DecidingState.Search(isTyping: true, origin: cursorNode.map { tree.nodes[$0].path })
        case .nextMatch: seek(forward: true)
        case .previousMatch: seek(forward: false)
        case .rateUp:
            note("asked for a higher learning rate")
            return [.engine(.scaleLearningRate(by: Self.rateStep))]
        case .rateDown:
            note("asked for a lower learning rate")
            return [.engine(.scaleLearningRate(by: 1 / Self.rateStep))]
        case .step:
            note("asked for one step")
            return [.engine(.stepOnce)]
        case .validate:
            note("asked for a validation")
            return [.engine(.validate)]
        case .mistakes: show(deciding.view == .mistakes ? .charts : .mistakes)
        case .heat:
            switch deciding.view {
            case .heat(.gradientNorm): show(.heat(.updateRatio))
            case .heat(.updateRatio): show(.charts)
            default: show(.heat(.gradientNorm))
            }
        }
        return []
    }

    private mutating func show(_ view: RightView) {
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
        let freezing = !members.allSatisfy(willBeFrozen)
        return ask(.setFrozen(members.map { tree.parameters[$0].name }, freezing), about: members) { _ in freezing }
    }

    private mutating func toggleBeyond(above: Bool) -> [DashboardEffect] {
        let members = selectedMembers
        guard let first = members.first, let last = members.last else { return [] }
        let beyond = above ? Array(0..<first) : Array((last + 1)..<max(last + 1, frozen.count))
        if beyond.isEmpty { say(.notice, above ? "nothing is above this row" : "nothing is below this row") }
        return toggle(beyond)
    }

    // MARK: Undo and redo

    var wantedMask: [Bool] { frozen.indices.map(willBeFrozen) }

    private mutating func travel(_ kind: DecidingState.ChangeKind) -> [DashboardEffect] {
        let history = deciding.history
        guard let mask = kind == .undo ? history.past.last : history.future.last, mask.count == frozen.count else {
            return []
        }
        var wanted: Wanted = [:]
        for parameter in mask.indices where mask[parameter] != willBeFrozen(parameter) {
            wanted[parameter] = mask[parameter]
        }
        let trainable = mask.indices.filter { !mask[$0] }.map { tree.parameters[$0].name }
        return request(.mask(trainable: trainable), wanted, kind)
    }

    /// Sends a change of the mask, unless something would be lost by it: then y must be pressed first.
    mutating func request(
        _ command: TrainingCommand, _ wanted: Wanted, _ kind: DecidingState.ChangeKind, isConfirmed: Bool = false
    ) -> [DashboardEffect] {
        if !isConfirmed, let loss = lossOf(wanted) {
            deciding.confirmation = DecidingState.Confirmation(
                command: command, wanted: wanted, loss: loss, kind: kind)
            return []
        }
        let current = wantedMask
        switch kind {
        case .change: if !wanted.isEmpty { deciding.history.leave(current) }
        case .undo: _ = deciding.history.undo(from: current)
        case .redo: _ = deciding.history.redo(from: current)
        }
        noteAsking(wanted, kind)
        inFlight.append(wanted)
        pending.merge(wanted) { $1 }
        return [.engine(command)]
    }

    mutating func confirm(_ key: Key) -> [DashboardEffect] {
        guard let confirmation = deciding.confirmation else { return [] }
        switch key {
        case .character("y"), .character("Y"), .enter:
            deciding.confirmation = nil
            return request(confirmation.command, confirmation.wanted, confirmation.kind, isConfirmed: true)
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
