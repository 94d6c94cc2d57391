extension DashboardState {
    /// What in this state contradicts itself; nil where nothing does. No action may lead to anything else.
    package var contradiction: String? {
        let (tree, rows) = (layers.tree, selection.rows)
        if layers.frozen.count != tree.parameters.count { return "a mask of \(layers.frozen.count) parameters" }
        if gradients.norms.count != tree.nodes.count { return "norms of \(gradients.norms.count) rows" }
        if !rows.isEmpty, selection.cursorNode == nil { return "the cursor on row \(selection.cursorRow)" }
        if rows.contains(where: { !tree.nodes.indices.contains($0) }) { return "a row without a node" }
        if dialogs.prompt != nil, dialogs.palette != nil { return "two lines being typed" }
        if run.jobEnded, !layers.pending.isEmpty { return "a command in flight after the end" }
        if !settings.themes.isEmpty, !settings.themes.indices.contains(settings.themeIndex) {
            return "theme \(settings.themeIndex) of \(settings.themes.count)"
        }
        if let window = charts.view.window {
            if !(window.span >= ChartView.leastSpan) || !window.span.isFinite { return "a window of \(window.span)" }
            if let end = window.end, !end.isFinite { return "a window that ends at \(end)" }
        }
        if messages.entries.count > MessageLog.limit { return "\(messages.entries.count) messages" }
        if charts.marks.count > ChartState.markLimit { return "\(charts.marks.count) marks" }
        if dialogs.overlayScroll < 0 { return "scrolled to \(dialogs.overlayScroll)" }
        return nil
    }
}
