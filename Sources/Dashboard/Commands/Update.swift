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
        state.receive(event)
        return state.followInspection()
    case .other(let place, let event):
        if state.others.indices.contains(place) { state.others[place].receive(event) }
        return []
    case .mouse(let event): return state.point(event)
    case .resized(let width, let height):
        state.resize(width: width, height: height)
        return []
    case .requestStop: return state.stop(insisting: true)
    case .jobEnded:
        state.jobEnded = true
        state.prompt = nil
        state.deciding.confirmation = nil
        state.deciding.search.isTyping = false
        state.forgetRequests()
        if state.isStopping { return [.leave] }
        if case .failed = state.phase { return [.leave] }
        return []
    }
}

extension DashboardState {
    // MARK: Keys

    mutating func stop(insisting: Bool) -> [DashboardEffect] {
        if jobEnded { return [.leave] }
        if isStopping { return insisting ? [.leave] : [] }
        isStopping = true
        prompt = nil
        palette = nil
        deciding.confirmation = nil
        // Nothing has to be finished or saved where somebody else trains.
        if isReadOnly { return [.engine(.stop), .leave] }
        return [.engine(.stop)]
    }

    mutating func press(_ key: Key) -> [DashboardEffect] {
        // What leads out or belongs to the terminal works everywhere, also while something is typed.
        switch command(for: key) {
        case .interrupt: return stop(insisting: true)
        case .suspend: return [.suspend]
        case .redraw: return [.redraw]
        default: break
        }
        if prompt != nil { return type(key) }
        if palette != nil { return typeCommand(key) }
        if deciding.confirmation != nil { return confirm(key) }
        if deciding.search.isTyping {
            typeSearch(key)
            return []
        }
        guard let command = command(for: key) else {
            if key == .escape { stepBack() }
            return []
        }
        if overlay != nil { return look(command) }
        if moveChartCursor(command) { return [] }
        return perform(command)
    }

    /// What escape leaves, the topmost first.
    private mutating func stepBack() {
        if overlay != nil {
            overlay = nil
        } else if view.cursor != nil {
            view.cursor = nil
        } else {
            escape()
        }
    }

    mutating func perform(_ command: KeyCommand) -> [DashboardEffect] {
        guard isAvailable(command) else {
            if !isStopping { notify("\(command.rawValue): not possible now") }
            return []
        }
        switch command {
        case .up: moveCursor(to: cursorRow - 1)
        case .down: moveCursor(to: cursorRow + 1)
        case .first: moveCursor(to: 0)
        case .last: moveCursor(to: rows.count - 1)
        case .pageUp where deciding.view == .mistakes: deciding.viewScroll = max(0, deciding.viewScroll - 1)
        case .pageDown where deciding.view == .mistakes: deciding.viewScroll = min(12, deciding.viewScroll + 1)
        case .pageUp: moveCursor(to: cursorRow - 10)
        case .pageDown: moveCursor(to: cursorRow + 10)
        case .unfold: setFold(open: true)
        case .fold: setFold(open: false)
        case .enter:
            guard let node = cursorNode else { break }
            if tree.nodes[node].children.isEmpty {
                isInspecting.toggle()
            } else {
                toggleFold(node)
            }
        case .toggle: return toggleSelection()
        case .range: deciding.anchor = deciding.anchor == nil ? cursor ?? cursorNode.map { tree.nodes[$0].path } : nil
        case .above: return toggleBeyond(above: true)
        case .below: return toggleBeyond(above: false)
        case .strategyHead: return setStrategy(.head)
        case .strategyPartial: return setStrategy(.partial)
        case .strategyFull: return setStrategy(.full)
        case .pattern: prompt = Prompt()
        case .undo: return travel(.undo)
        case .redo: return travel(.redo)
        case .search:
            deciding.search = DecidingState.Search(isTyping: true, origin: cursorNode.map { tree.nodes[$0].path })
        case .nextMatch: seek(forward: true)
        case .previousMatch: seek(forward: false)
        case .rateUp: return ask(.scaleLearningRate(by: Self.rateStep), "for a higher learning rate")
        case .rateDown: return ask(.scaleLearningRate(by: 1 / Self.rateStep), "for a lower learning rate")
        case .step: return ask(.stepOnce, "for one step")
        case .validate: return ask(.validate, "for a validation")
        case .pause:
            guard !pausePending else { break }
            pausePending = true
            return isPaused ? ask(.resume, "to go on") : ask(.pause, "to pause")
        case .save:
            let id = pending.nextID()
            saveRequest = id
            return ask(.save, "to save", id: id)
        case .mistakes: show(deciding.view == .mistakes ? .charts : .mistakes)
        case .heat:
            switch deciding.view {
            case .heat(.gradientNorm): show(.heat(.updateRatio))
            case .heat(.updateRatio): show(.charts)
            default: show(.heat(.gradientNorm))
            }
        case .smoothing, .scale, .axis, .zoomIn, .zoomOut, .panLeft, .panRight, .wholeRun, .chartCursor, .theme, .log:
            changeLook(command)
        case .palette: palette = PaletteLine()
        case .help:
            overlay = .help
            overlayScroll = 0
        case .quit: return stop(insisting: false)
        case .interrupt, .suspend, .redraw: break
        }
        return []
    }

    /// Keys while the help or the messages lie over the panes.
    private mutating func look(_ command: KeyCommand) -> [DashboardEffect] {
        switch command {
        case .up: overlayScroll = max(0, overlayScroll - 1)
        case .down: overlayScroll = min(overlayLimit, overlayScroll + 1)
        case .pageUp: overlayScroll = max(0, overlayScroll - 10)
        case .pageDown: overlayScroll = min(overlayLimit, overlayScroll + 10)
        case .first: overlayScroll = 0
        case .last: overlayScroll = overlayLimit
        case .log where overlay != .messages:
            overlay = .messages
            overlayScroll = 0
        case .help where overlay != .help:
            overlay = .help
            overlayScroll = 0
        case .help, .log, .quit, .enter: overlay = nil
        default: break
        }
        return []
    }

    /// More than can be shown is harmless, since drawing stops at the last line.
    var overlayLimit: Int { overlay == .help ? keyTable.count + 2 : messages.count * 4 }

    /// Keys while a pattern is typed.
    private mutating func type(_ key: Key) -> [DashboardEffect] {
        guard let typed = prompt else { return [] }
        switch key {
        case .escape: prompt = nil
        case .tab: prompt?.freezing.toggle()
        case .backspace, .delete:
            if typed.text.isEmpty { prompt = nil } else { prompt?.text.removeLast() }
        case .control("u"): prompt?.text = ""
        case .character(let character):
            let isControl = character.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
            if !isControl, typed.text.utf8.count < 200 { prompt?.text.append(character) }
        case .enter:
            let names = ParameterPattern(typed.text).matching(parameterNames)
            // Nothing to send where nothing matches; the prompt stays, its count says why.
            guard !names.isEmpty else { return [] }
            prompt = nil
            return request(.setFrozen(names, typed.freezing))
        default: break
        }
        return []
    }

    func matchCount(_ pattern: ParameterPattern) -> Int { pattern.matching(parameterNames).count }

    /// Sends what changes no mask, and says so until the answer is there.
    private mutating func ask(_ command: TrainingCommand, _ what: String, id: CommandID? = nil) -> [DashboardEffect] {
        notify("asked " + what)
        return [.engine(command, id: id)]
    }

    /// No answer comes any more: the run is over, or another begins.
    mutating func forgetRequests() {
        pending.removeAll()
        pausePending = false
        saveRequest = nil
    }

    // MARK: Rows

    mutating func layRows() {
        rows = []
        var open = Array(tree.roots.reversed())
        while let node = open.popLast() {
            rows.append(node)
            if unfolded.contains(tree.nodes[node].path) {
                open.append(contentsOf: tree.nodes[node].children.reversed())
            }
        }
        // The row itself, or the nearest ancestor that is in sight.
        var path = cursor
        while let wanted = path {
            if let row = rows.firstIndex(where: { tree.nodes[$0].path == wanted }) {
                cursorRow = row
                return
            }
            path = wanted.lastIndex(of: ".").map { String(wanted[..<$0]) }
        }
        cursorRow = max(0, min(cursorRow, rows.count - 1))
    }

    mutating func moveCursor(to row: Int) {
        guard !rows.isEmpty else { return }
        pinnedTop = nil
        cursorRow = max(0, min(rows.count - 1, row))
        cursor = tree.nodes[rows[cursorRow]].path
    }

    mutating func toggleFold(_ node: Int) {
        let path = tree.nodes[node].path
        if unfolded.remove(path) == nil { unfolded.insert(path) }
        cursor = path
        layRows()
    }

    private mutating func setFold(open: Bool) {
        guard let number = cursorNode else { return }
        let node = tree.nodes[number]
        let isOpen = unfolded.contains(node.path)
        if open {
            if node.children.isEmpty { return }
            if isOpen { moveCursor(to: cursorRow + 1) } else { toggleFold(number) }
        } else if isOpen, !node.children.isEmpty {
            toggleFold(number)
        } else if let parent = node.parent, let row = rows.firstIndex(of: parent) {
            moveCursor(to: row)
        }
    }
}
