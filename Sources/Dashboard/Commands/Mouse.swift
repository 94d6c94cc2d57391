import TUI
extension DashboardState {
    mutating func resize(width: Int, height: Int) {
        settings.screenWidth = max(0, width)
        settings.screenHeight = max(0, height)
        settings.isDraggingDivider = false
    }

    /// A click selects a row, on its box toggles it, on its arrow folds it; the wheel scrolls what is under it; the line
    /// between layers and charts can be dragged; a click on a chart puts the chart cursor there.
    mutating func point(_ event: MouseEvent) -> [DashboardEffect] {
        guard settings.usesMouse, dialogs.prompt == nil, dialogs.palette == nil,
            let layout = Layout(self, width: settings.screenWidth, height: settings.screenHeight)
        else { return [] }
        if dialogs.overlay != nil {
            switch event.kind {
            case .wheelUp: scrollOverlay(by: -3)
            case .wheelDown: scrollOverlay(by: 3)
            case .press: dialogs.open(nil)
            case .drag, .release: break
            }
            return []
        }
        switch event.kind {
        case .release: settings.isDraggingDivider = false
        case .drag:
            if settings.isDraggingDivider {
                settings.layerWidth = max(
                    Layout.leastLayerWidth, min(settings.screenWidth - Layout.leastChartWidth, event.x + 1))
            } else {
                pointAtChart(event, layout)
            }
        case .press:
            settings.isDraggingDivider = false
            let edge = layout.layers.right
            if event.x == edge || event.x == edge - 1, layout.layers.contains(y: event.y) {
                settings.isDraggingDivider = true
            } else if layout.layers.contains(event.x, event.y) {
                return pressRow(event, layout)
            } else if layout.log?.contains(event.x, event.y) == true {
                cycleLog()
            } else {
                pointAtChart(event, layout)
            }
        case .wheelUp, .wheelDown:
            if layout.layers.contains(event.x, event.y) {
                scrollRows(event.kind == .wheelUp ? -3 : 3, layout)
            } else if layout.right.contains(event.x, event.y), settings.rightView == .mistakes {
                return perform(event.kind == .wheelUp ? .pageUp : .pageDown)
            } else if layout.right.contains(event.x, event.y) {
                charts.view.zoom(in: event.kind == .wheelUp, stepBounds)
                notifyWindow()
            }
        }
        return []
    }

    private mutating func pressRow(_ event: MouseEvent, _ layout: Layout) -> [DashboardEffect] {
        let pane = layerPane
        let list = pane.rowArea(in: layout.layers)
        let top = selection.firstRow(visible: list.height)
        let row = top + event.y - list.y
        guard list.contains(event.x, event.y), selection.rows.indices.contains(row) else { return [] }
        selection.move(to: row, layers.tree)
        // The list does not move under the pointer.
        selection.pinnedTop = top
        let node = layers.tree.nodes[selection.rows[row]]
        let arrow = list.x + 1 + pane.indent(in: list) * node.depth
        if (arrow + 2..<arrow + 5).contains(event.x) { return perform(.toggle) }
        if !node.children.isEmpty, (arrow..<arrow + 2).contains(event.x) {
            selection.toggleFold(selection.rows[row], layers.tree)
        }
        return []
    }

    private mutating func scrollRows(_ by: Int, _ layout: Layout) {
        let visible = layerPane.rowArea(in: layout.layers).height
        guard selection.rows.count > visible, visible > 0 else {
            return selection.move(to: selection.cursorRow + by, layers.tree)
        }
        let top = max(0, min(selection.rows.count - visible, selection.firstRow(visible: visible) + by))
        selection.move(to: max(top, min(top + visible - 1, selection.cursorRow)), layers.tree)
        selection.pinnedTop = top
    }

    private mutating func pointAtChart(_ event: MouseEvent, _ layout: Layout) {
        guard layout.right.contains(event.x, event.y), settings.rightView == .charts, run.lastStep != nil
        else { return }
        // Where exactly the plot begins depends on the labels; a few columns are not worth a second drawing.
        let plot = layout.right.inset()
        let steps = StepAxis(run, charts, labelRoom: 2)
        let left = plot.x + min(6, plot.width / 3)
        let share = Double(event.x - left) / Double(max(1, plot.right - 2 - left))
        charts.view.moveCursor(to: steps.from + min(1, max(0, share)) * (steps.to - steps.from), stepBounds)
    }
}

extension Area {
    func contains(_ x: Int, _ y: Int) -> Bool { x >= self.x && x < right && contains(y: y) }
    func contains(y: Int) -> Bool { y >= self.y && y < bottom }
}
