import TUI
extension DashboardState {
    /// What in this state contradicts itself; nil where nothing does. No action may lead to anything else.
    package var contradiction: String? {
        if frozen.count != tree.parameters.count { return "a mask of \(frozen.count) parameters" }
        if norms.count != tree.nodes.count { return "norms of \(norms.count) rows" }
        if !rows.isEmpty, !rows.indices.contains(cursorRow) { return "the cursor on row \(cursorRow) of \(rows.count)" }
        if rows.contains(where: { !tree.nodes.indices.contains($0) }) { return "a row without a node" }
        if prompt != nil, palette != nil { return "two lines being typed" }
        if jobEnded, !pending.isEmpty { return "a command in flight after the end" }
        if !themes.isEmpty, !themes.indices.contains(themeIndex) { return "theme \(themeIndex) of \(themes.count)" }
        if let window = view.window {
            if !(window.span >= ChartView.leastSpan) || !window.span.isFinite { return "a window of \(window.span)" }
            if let end = window.end, !end.isFinite { return "a window that ends at \(end)" }
        }
        if messages.count > Self.messageLimit { return "\(messages.count) messages" }
        if marks.count > Self.markLimit { return "\(marks.count) marks" }
        if overlayScroll < 0 { return "scrolled to \(overlayScroll)" }
        return nil
    }
}
