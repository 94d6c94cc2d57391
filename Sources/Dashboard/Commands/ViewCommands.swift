import TUI
import Support

extension DashboardState {
    /// Keys that change what is shown and nothing else.
    mutating func changeView(_ command: KeyCommand) {
        switch command {
        case .smoothing: setSmoothing(charts.view.smoothing.next)
        case .scale: setScale(charts.view.scale.next)
        case .axis:
            charts.view.countsSteps.toggle()
            notify(charts.view.countsSteps ? "the lower axis counts steps" : "the lower axis counts epochs")
        case .zoomIn, .zoomOut:
            charts.view.zoom(in: command == .zoomIn, stepBounds)
            notifyWindow()
        case .panLeft, .panRight:
            charts.view.pan(right: command == .panRight, stepBounds)
            notifyWindow()
        case .wholeRun:
            charts.view.window = nil
            notifyWindow()
        case .chartCursor:
            if charts.view.cursor == nil {
                charts.view.moveCursor(to: charts.view.edges(stepBounds)?.to ?? stepBounds.last, stepBounds)
                notify("chart cursor: left and right move it, tab takes it away")
            } else {
                charts.view.cursor = nil
                notify("chart cursor off")
            }
        case .theme: chooseTheme(settings.themes.isEmpty ? 0 : (settings.themeIndex + 1) % settings.themes.count)
        case .log: cycleLog()
        default: break
        }
    }

    /// While the chart cursor is on, the keys that go left and right move it.
    /// - Returns: whether the key was for it.
    mutating func moveChartCursor(_ command: KeyCommand) -> Bool {
        guard let cursor = charts.view.cursor else { return false }
        let (from, to) = charts.view.edges(stepBounds) ?? stepBounds
        let stride = max(1, ((to - from) / 100).rounded())
        switch command {
        case .fold: charts.view.moveCursor(to: Double(cursor) - stride, stepBounds)
        case .unfold: charts.view.moveCursor(to: Double(cursor) + stride, stepBounds)
        default: return false
        }
        return true
    }

    /// No map over the mistakes, that of the predicted class, that of the true one.
    mutating func changeOverlay() {
        settings.mistakeHeat = settings.mistakeHeat.next
        let mistakes = decisions.mistakes?.mistakes ?? []
        guard settings.mistakeHeat != .off, mistakes.contains(where: { $0.picture != nil }),
            mistakes.allSatisfy({ $0.predictedHeat == nil && $0.actualHeat == nil })
        else { return }
        notify("nothing to lay over: small pictures are one place to layer4, and an older Frostline sends no maps")
    }

    mutating func setSmoothing(_ smoothing: Smoothing) {
        charts.view.smoothing = smoothing
        notify(
            smoothing == .off
                ? "smoothing off" : "smoothing \(smoothing.rawValue), weight \(Numbers.fixed(smoothing.weight, 2))")
    }

    mutating func setScale(_ scale: ChartView.Scale) {
        charts.view.scale = scale
        switch scale {
        case .automatic: notify("loss linear, gradient norms logarithmic")
        case .logarithmic: notify("loss and gradient norms logarithmic")
        case .linear: notify("loss and gradient norms linear")
        }
    }

    mutating func notifyWindow() {
        guard let (from, to) = charts.view.edges(stepBounds) else { return notify("the whole run") }
        notify(
            "steps \(Numbers.whole(from)) to \(Numbers.whole(to))"
                + (charts.view.window?.end == nil ? ", following the latest" : ""))
    }

    mutating func chooseTheme(_ index: Int) {
        guard settings.themes.indices.contains(index) else { return }
        settings.themeIndex = index
        let chosen = settings.themes[index]
        notify(
            "theme \(chosen.name)" + (chosen.summary.isEmpty ? "" : ": \(chosen.summary)")
                + " (\(index + 1) of \(settings.themes.count))")
    }

    /// Hidden, a pane where there is room for one, everything.
    mutating func cycleLog() {
        let hasRoom = settings.screenHeight == 0 || settings.screenHeight >= Layout.logNeedsHeight
        if !settings.showsLog, hasRoom {
            settings.showsLog = true
        } else {
            settings.showsLog = false
            dialogs.open(.messages)
        }
    }
}
