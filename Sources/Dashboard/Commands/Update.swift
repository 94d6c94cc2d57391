import Network
import TUI
import TrainingEvents

/// What can happen to the dashboard.
package enum DashboardAction: Sendable {
    case key(Key)
    case event(TrainingEvent)
    /// Of the run that lies behind at this place of `others`.
    case other(Int, TrainingEvent)
    case mouse(MouseEvent)
    /// The terminal has this size now.
    case resized(width: Int, height: Int)
    /// SIGINT, SIGTERM or SIGHUP came.
    case requestStop
    /// The job is over; no further run follows.
    case jobEnded
}

/// What the loop around the dashboard must do.
package enum DashboardEffect: Sendable, Equatable {
    /// The id is set where an answer is waited for.
    case engine(TrainingCommand, id: CommandID? = nil)
    /// Draw every cell anew.
    case redraw
    /// Give the terminal back and stop until `fg`.
    case suspend
    /// Listen to the mouse, or leave it to the terminal.
    case mouse(Bool)
    /// Leave the run to itself.
    case detach
    /// The dashboard is over.
    case leave
}

/// The next state. Nothing else changes it, and it touches nothing outside.
package func update(_ state: inout DashboardState, _ action: DashboardAction) -> [DashboardEffect] {
    switch action {
    case .key(let key):
        let effects = state.press(key)
        return effects + state.followInspection()
    case .event(let event):
        state.handle(event)
        return state.followInspection()
    case .other(let place, let event):
        if state.charts.others.indices.contains(place) { state.charts.others[place].take(event) }
        return []
    case .mouse(let event): return state.point(event)
    case .resized(let width, let height):
        state.resize(width: width, height: height)
        return []
    case .requestStop: return state.stop(insisting: true)
    case .jobEnded:
        state.run.jobEnded = true
        state.dialogs.prompt = nil
        state.dialogs.confirmation = nil
        state.dialogs.search.isTyping = false
        state.forgetRequests()
        if state.run.isStopping { return [.leave] }
        if case .failed = state.run.phase { return [.leave] }
        return []
    }
}

extension DashboardState {
    // MARK: Keys

    mutating func stop(insisting: Bool) -> [DashboardEffect] {
        if run.jobEnded { return [.leave] }
        // Another process finishes and saves.
        if run.tie == .attached || run.tie == .readOnly { return [.detach, .leave] }
        if run.isStopping { return insisting ? [.leave] : [] }
        run.isStopping = true
        dialogs.prompt = nil
        dialogs.palette = nil
        dialogs.confirmation = nil
        return [.engine(.stop)]
    }

    mutating func press(_ key: Key) -> [DashboardEffect] {
        // What leads out or belongs to the terminal works everywhere, also while something is typed.
        let command = settings.keys.command(for: key)
        if let command, [.interrupt, .suspend, .redraw].contains(command) { return perform(command) }
        if dialogs.prompt != nil { return typePattern(key) }
        if dialogs.palette != nil { return typeCommand(key) }
        if dialogs.confirmation != nil { return confirm(key) }
        if dialogs.search.isTyping {
            typeSearch(key)
            return []
        }
        guard let command else {
            if key == .escape { stepBack() }
            return []
        }
        if dialogs.overlay != nil { return scrollOverlay(command) }
        if moveChartCursor(command) { return [] }
        return perform(command)
    }

    /// What escape leaves, the topmost first.
    private mutating func stepBack() {
        if dialogs.overlay != nil {
            dialogs.open(nil)
        } else if charts.view.cursor != nil {
            charts.view.cursor = nil
        } else if selection.anchor != nil {
            selection.anchor = nil
        } else if settings.rightView != .charts {
            settings.show(.charts)
        }
    }

    mutating func perform(_ command: KeyCommand) -> [DashboardEffect] {
        guard isAvailable(command) else {
            if !run.isStopping { notify("\(command.rawValue): not possible now") }
            return []
        }
        let tree = layers.tree
        let cursorPath = selection.cursorNode.map { tree.nodes[$0].path }
        switch command {
        case .up: selection.move(to: selection.cursorRow - 1, tree)
        case .down: selection.move(to: selection.cursorRow + 1, tree)
        case .first: selection.move(to: 0, tree)
        case .last: selection.move(to: .max, tree)
        case .pageUp where settings.rightView == .mistakes: settings.rightScroll = max(0, settings.rightScroll - 1)
        case .pageDown where settings.rightView == .mistakes: settings.rightScroll = min(12, settings.rightScroll + 1)
        case .pageUp: selection.move(to: selection.cursorRow - 10, tree)
        case .pageDown: selection.move(to: selection.cursorRow + 10, tree)
        case .unfold: selection.setFold(open: true, tree)
        case .fold: selection.setFold(open: false, tree)
        case .enter:
            guard let node = selection.cursorNode else { break }
            if tree.nodes[node].children.isEmpty {
                selection.isInspecting.toggle()
            } else {
                selection.toggleFold(node, tree)
            }
        case .toggle: return toggleSelection()
        case .range: selection.anchor = selection.anchor == nil ? selection.cursor ?? cursorPath : nil
        case .above: return toggleBeyond(above: true)
        case .below: return toggleBeyond(above: false)
        case .strategyHead: return setStrategy(.head)
        case .strategyPartial: return setStrategy(.partial)
        case .strategyFull: return setStrategy(.full)
        case .pattern: dialogs.prompt = DialogState.Prompt()
        case .undo: return travel(.undo)
        case .redo: return travel(.redo)
        case .search: dialogs.search = DialogState.Search(isTyping: true, origin: cursorPath)
        case .nextMatch: seek(forward: true)
        case .previousMatch: seek(forward: false)
        case .rateUp: return ask(.scaleLearningRate(by: Self.rateStep), "for a higher learning rate")
        case .rateDown: return ask(.scaleLearningRate(by: 1 / Self.rateStep), "for a lower learning rate")
        case .step: return ask(.stepOnce, "for one step")
        case .validate: return ask(.validate, "for a validation")
        case .auto: return ask(.auto, "auto to take over")
        case .worth: return ask(.probe, "what thawing is worth")
        case .pause:
            guard !run.pausePending else { break }
            run.pausePending = true
            return run.isPaused ? ask(.resume, "to go on") : ask(.pause, "to pause")
        case .save:
            let id = layers.pending.nextID()
            run.saveRequest = id
            return ask(.save, "to save", id: id)
        case .mistakes: settings.show(settings.rightView == .mistakes ? .charts : .mistakes)
        case .overlay: changeOverlay()
        case .heat:
            switch settings.rightView {
            case .heat(.gradientNorm): settings.show(.heat(.updateRatio))
            case .heat(.updateRatio): settings.show(.charts)
            default: settings.show(.heat(.gradientNorm))
            }
        case .smoothing, .scale, .axis, .zoomIn, .zoomOut, .panLeft, .panRight, .wholeRun, .chartCursor, .theme, .log:
            changeView(command)
        case .palette: dialogs.palette = PaletteLine()
        case .help: dialogs.open(.help)
        case .detach: return [.detach, .leave]
        case .stopRun:
            dialogs.confirmation = DialogState.Confirmation(
                command: .stop, loss: "finishes the step, saves and ends the run", kind: .change)
        case .quit: return stop(insisting: false)
        case .interrupt: return stop(insisting: true)
        case .suspend: return [.suspend]
        case .redraw: return [.redraw]
        }
        return []
    }

    /// Keys while the help or the messages lie over the panes.
    private mutating func scrollOverlay(_ command: KeyCommand) -> [DashboardEffect] {
        switch command {
        case .up: scrollOverlay(by: -1)
        case .down: scrollOverlay(by: 1)
        case .pageUp: scrollOverlay(by: -10)
        case .pageDown: scrollOverlay(by: 10)
        case .first: dialogs.overlayScroll = 0
        case .last: dialogs.overlayScroll = overlayLimit
        case .log where dialogs.overlay != .messages: dialogs.open(.messages)
        case .help where dialogs.overlay != .help: dialogs.open(.help)
        case .help, .log, .quit, .enter: dialogs.open(nil)
        default: break
        }
        return []
    }

    mutating func scrollOverlay(by rows: Int) {
        dialogs.overlayScroll = max(0, min(overlayLimit, dialogs.overlayScroll + rows))
    }

    /// More than can be shown is harmless, since drawing stops at the last line.
    private var overlayLimit: Int { dialogs.overlay == .help ? keyTable.count + 2 : messages.entries.count * 4 }

    /// Keys while a pattern is typed.
    private mutating func typePattern(_ key: Key) -> [DashboardEffect] {
        guard var prompt = dialogs.prompt else { return [] }
        if key == .tab { prompt.freezing.toggle() }
        let outcome = prompt.line.handle(key)
        dialogs.prompt = outcome == .cancelled || outcome == .leftEmpty ? nil : prompt
        guard outcome == .submitted else { return [] }
        let names = ParameterPattern(prompt.line.text).matching(layers.tree.names)
        // Nothing to send where nothing matches; the prompt stays, its count shows why.
        guard !names.isEmpty else { return [] }
        dialogs.prompt = nil
        return request(.setFrozen(names, prompt.freezing))
    }

    /// Sends a command that changes no mask, and shows it until the answer is there.
    private mutating func ask(_ command: TrainingCommand, _ what: String, id: CommandID? = nil) -> [DashboardEffect] {
        notify("asked " + what, awaitsAnswer: true)
        return [.engine(command, id: id)]
    }
}
