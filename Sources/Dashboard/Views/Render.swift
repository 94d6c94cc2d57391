import Support
import TUI
import TrainingEvents

/// The screen for a state: a header, the layers at the left, the charts at the right, a line for messages, the keys.
///
/// What there is no room for is left out in the order that `Layout` says. Below 60×15 a line has the essentials.
package func render(_ state: DashboardState, theme: Theme, width: Int, height: Int) -> Frame {
    // A terminal that claims more than this is not one; memory stays bounded.
    let width = max(0, min(width, 2000))
    let height = max(0, min(height, 1000))
    var canvas = Canvas(width: width, height: height, theme: theme, glyphs: state.settings.glyphs)
    let (health, story) = (state.health, state.storyLines)
    guard let layout = Layout(state, width: width, height: height, health: health, story: story) else {
        EssentialsLine(run: state.run).draw(&canvas)
        return canvas.finished
    }
    let (dialogs, settings, available) = (state.dialogs, state.settings, state.availableCommands)
    HeaderView(run: state.run, strategy: state.layers.strategy).draw(&canvas)
    state.layerPane.draw(&canvas, layout.layers)
    state.drawRight(&canvas, layout.right)
    if let log = layout.log { LogPane(messages: state.messages).draw(&canvas, log) }
    if let overlay = dialogs.overlay {
        OverlayView(
            overlay: overlay, scroll: dialogs.overlayScroll, messages: state.messages, keys: settings.keys,
            available: available
        ).draw(&canvas, layout.panes)
    }
    StoryView(lines: story)
        .draw(&canvas, y: layout.status - layout.health - layout.story, rows: layout.story)
    HealthView(lines: health).draw(&canvas, y: layout.status - layout.health, rows: layout.health)
    StatusLine(messages: state.messages).draw(&canvas, y: layout.status)
    FooterView(
        run: state.run, tree: state.layers.tree, selection: state.selection, dialogs: dialogs, keys: settings.keys,
        available: available, willFreeze: state.layerPane.willFreezeSelection,
        paletteLine: dialogs.palette.map(state.line) ?? LineEditor()
    ).draw(&canvas, y: layout.footer)
    if let palette = dialogs.palette {
        CompletionBox(completions: state.completions(of: palette.typed.text), chosen: palette.chosen)
            .draw(&canvas, above: layout.status)
    }
    return canvas.finished
}

extension DashboardState {
    var layerPane: LayerPane {
        LayerPane(
            layers: layers, gradients: gradients, selection: selection, costModel: costModel,
            isOpen: run.description != nil, isLive: run.isLive, hasSteps: run.lastStep != nil)
    }

    /// The view that was chosen, with the inspector below it while that is open.
    fileprivate func drawRight(_ canvas: inout Canvas, _ area: Area) {
        var upper = area
        if let report = inspected {
            // Two charts are worth keeping where there is room; the inspector comes first.
            let rows = area.height >= InspectorView.rows + 6 ? InspectorView.rows : area.height
            upper.height -= rows
            let ratio = layers.tree.names.firstIndex(of: report.name).map { gradients.updateRatios[$0] } ?? .nan
            InspectorView(report: report, updateRatio: ratio, outcome: decisions.outcomes.last)
                .draw(&canvas, Area(x: area.x, y: upper.bottom, width: area.width, height: rows))
            if upper.height == 0 { return }
        }
        switch settings.rightView {
        case .charts:
            ChartPane(
                run: run, charts: charts, layers: layers, gradients: gradients, cursorNode: selection.cursorNode,
                story: story
            ).draw(&canvas, upper)
        case .heat(let quantity):
            HeatMapView(
                quantity: quantity, run: run, charts: charts, tree: layers.tree, gradients: gradients,
                selection: selection
            ).draw(&canvas, upper)
        case .mistakes:
            MistakesView(
                report: decisions.mistakes, run: run, scroll: settings.rightScroll, heat: settings.mistakeHeat,
                isMonochrome: settings.isMonochrome
            ).draw(&canvas, upper)
        }
    }

    /// The parameter under the cursor, where the engine has looked closely at it and the inspector is open.
    private var inspected: ParameterInspection? {
        guard selection.isInspecting, let node = selection.cursorNode, let inspection = decisions.inspection,
            inspection.name == layers.tree.name(of: node)
        else { return nil }
        return inspection
    }
}

/// What a terminal too small for panes shows.
struct EssentialsLine {
    let run: RunState

    func draw(_ canvas: inout Canvas) {
        let theme = canvas.theme
        var spans: [Span] = []
        if run.isStopping, !run.jobEnded {
            spans.append(Span("stopping  ", theme[.pending]))
        } else if let reason = run.pauseReason {
            spans.append(Span("paused\(reason.suffix)  ", theme[reason.isFailure ? .error : .pending]))
        }
        if let step = run.lastStep {
            spans += [
                Span("step ", theme[.dim]), Span("\(step.step)", theme[.text]), Span("  loss ", theme[.dim]),
                Span(Numbers.fixed(step.loss, 3), step.loss.isFinite ? theme[.text] : theme[.error]),
                Span("  ", theme[.dim]), Span(Numbers.percent(step.accuracy), theme[.text]),
                Span("  ", theme[.dim]),
            ]
        } else {
            spans.append(Span(run.isOver ? "finished  " : "starting  ", theme[.dim]))
        }
        let times = canvas.isUnicode ? "×" : "x"
        spans += [
            Span("q", theme[.key]), Span(" quit  ", theme[.label]),
            Span("panes need \(leastWidth)\(times)\(leastHeight)", theme[.dim]),
        ]
        canvas.put(0, 0, spans, limit: canvas.frame.width)
    }
}
