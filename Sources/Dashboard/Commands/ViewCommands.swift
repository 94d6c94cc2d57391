import TUI
import Support
import TrainingEvents

extension DashboardState {
    /// Keys that change how things look and nothing else.
    mutating func changeLook(_ command: KeyCommand) {
        let (first, last) = stepBounds
        switch command {
        case .smoothing:
            setSmoothing(view.smoothing.next)
        case .scale:
            setScale(view.scale.next)
        case .axis:
            view.countsSteps.toggle()
            notify(view.countsSteps ? "the lower axis counts steps" : "the lower axis counts epochs")
        case .zoomIn, .zoomOut:
            view.zoom(in: command == .zoomIn, first, last)
            noteWindow()
        case .panLeft, .panRight:
            view.pan(right: command == .panRight, first, last)
            noteWindow()
        case .wholeRun:
            view.window = nil
            noteWindow()
        case .chartCursor:
            if view.cursor == nil {
                view.moveCursor(to: view.edges(first, last)?.to ?? last, first, last)
                notify("chart cursor: left and right move it, tab takes it away")
            } else {
                view.cursor = nil
                notify("chart cursor off")
            }
        case .theme: chooseTheme(themes.isEmpty ? 0 : (themeIndex + 1) % themes.count)
        case .log: cycleLog()
        default: break
        }
    }

    /// While the chart cursor is on, the keys that go left and right move it.
    /// - Returns: whether the key was for it.
    mutating func moveChartCursor(_ command: KeyCommand) -> Bool {
        guard let cursor = view.cursor else { return false }
        let (first, last) = stepBounds
        let (from, to) = view.edges(first, last) ?? (first, last)
        let stride = max(1, ((to - from) / 100).rounded())
        switch command {
        case .fold: view.moveCursor(to: Double(cursor) - stride, first, last)
        case .unfold: view.moveCursor(to: Double(cursor) + stride, first, last)
        default: return false
        }
        return true
    }

    mutating func setSmoothing(_ smoothing: Smoothing) {
        view.smoothing = smoothing
        notify(
            smoothing == .off
                ? "smoothing off" : "smoothing \(smoothing.rawValue), weight \(Numbers.fixed(smoothing.weight, 2))")
    }

    mutating func setScale(_ scale: ChartView.Scale) {
        view.scale = scale
        switch scale {
        case .automatic: notify("loss linear, gradient norms logarithmic")
        case .logarithmic: notify("loss and gradient norms logarithmic")
        case .linear: notify("loss and gradient norms linear")
        }
    }

    mutating func noteWindow() {
        let (first, last) = stepBounds
        guard let (from, to) = view.edges(first, last) else { return notify("the whole run") }
        notify(
            "steps \(Numbers.whole(from)) to \(Numbers.whole(to))"
                + (view.window?.end == nil ? ", following the latest" : ""))
    }

    mutating func chooseTheme(_ index: Int) {
        guard themes.indices.contains(index) else { return }
        themeIndex = index
        let chosen = themes[index]
        notify(
            "theme \(chosen.name)" + (chosen.summary.isEmpty ? "" : ": \(chosen.summary)")
                + " (\(index + 1) of \(themes.count))")
    }

    /// Hidden, a pane where there is room for one, everything.
    mutating func cycleLog() {
        let hasRoom = screenHeight == 0 || screenHeight >= Layout.logNeedsHeight
        if log == .hidden, hasRoom {
            log = .pane
        } else {
            log = .hidden
            overlay = .messages
            overlayScroll = 0
        }
    }

    /// What the last key or click did. It stays in the status line, and does not fill the log.
    mutating func notify(_ text: String, _ kind: Message.Kind = .notice) {
        status = Message(kind: kind, text: text, step: lastStep?.step)
    }
}
