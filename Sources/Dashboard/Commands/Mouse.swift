import TUI
extension DashboardState {
    mutating func resize(width: Int, height: Int) {
        screenWidth = max(0, width)
        screenHeight = max(0, height)
        isDraggingDivider = false
    }

    /// A click selects a row, on its box toggles it, on its arrow folds it; the wheel scrolls what is under it; the line
    /// between layers and charts can be dragged; a click on a chart puts the chart cursor there.
    mutating func point(_ event: MouseEvent) -> [DashboardEffect] {
        guard usesMouse, prompt == nil, palette == nil,
            let layout = layout(width: screenWidth, height: screenHeight)
        else { return [] }
        if overlay != nil {
            switch event.kind {
            case .wheelUp: overlayScroll = max(0, overlayScroll - 3)
            case .wheelDown: overlayScroll = min(overlayLimit, overlayScroll + 3)
            case .press: overlay = nil
            case .drag, .release: break
            }
            return []
        }
        switch event.kind {
        case .release: isDraggingDivider = false
        case .drag:
            if isDraggingDivider {
                layerWidth = max(Layout.leastLayerWidth, min(screenWidth - Layout.leastChartWidth, event.x + 1))
            } else {
                pointAtChart(event, layout)
            }
        case .press:
            isDraggingDivider = false
            let edge = layout.layers.right
            if event.x == edge || event.x == edge - 1, layout.layers.contains(y: event.y) {
                isDraggingDivider = true
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
            } else if layout.right.contains(event.x, event.y), deciding.view == .mistakes {
                return perform(event.kind == .wheelUp ? .pageUp : .pageDown)
            } else if layout.right.contains(event.x, event.y) {
                let (first, last) = stepBounds
                view.zoom(in: event.kind == .wheelUp, first, last)
                noteWindow()
            }
        }
        return []
    }

    private mutating func pressRow(_ event: MouseEvent, _ layout: Layout) -> [DashboardEffect] {
        let list = rowArea(in: layout.layers)
        let top = firstRow(visible: list.height)
        let row = top + event.y - list.y
        guard list.contains(event.x, event.y), rows.indices.contains(row) else { return [] }
        moveCursor(to: row)
        // The list does not move under the pointer.
        pinnedTop = top
        let node = tree.nodes[rows[row]]
        let arrow = list.x + 1 + indent(in: list) * node.depth
        if (arrow + 2..<arrow + 5).contains(event.x) { return perform(.toggle) }
        if !node.children.isEmpty, (arrow..<arrow + 2).contains(event.x) { toggleFold(rows[row]) }
        return []
    }

    private mutating func scrollRows(_ by: Int, _ layout: Layout) {
        let visible = rowArea(in: layout.layers).height
        guard rows.count > visible, visible > 0 else { return moveCursor(to: cursorRow + by) }
        let top = max(0, min(rows.count - visible, firstRow(visible: visible) + by))
        moveCursor(to: max(top, min(top + visible - 1, cursorRow)))
        pinnedTop = top
    }

    private mutating func pointAtChart(_ event: MouseEvent, _ layout: Layout) {
        guard layout.right.contains(event.x, event.y), deciding.view == .charts, lastStep != nil else { return }
        // Where exactly the plot begins depends on the labels; a few columns are not worth a second drawing.
        let plot = layout.right.inset()
        let steps = steps(labelRoom: 2)
        let left = plot.x + min(6, plot.width / 3)
        let share = Double(event.x - left) / Double(max(1, plot.right - 2 - left))
        let (first, last) = stepBounds
        view.moveCursor(to: steps.from + min(1, max(0, share)) * (steps.to - steps.from), first, last)
    }

    /// Where the rows of the tree stand.
    func rowArea(in pane: Area) -> Area {
        let inner = pane.inset()
        let foot = visibleFootLines(inner, .builtIn).count
        return Area(x: inner.x, y: inner.y, width: inner.width, height: max(0, inner.height - foot))
    }

    /// The cursor stays in the middle of a list that does not fit, unless the mouse has chosen what is in sight.
    func firstRow(visible: Int) -> Int {
        let most = max(0, rows.count - visible)
        if let pinnedTop {
            return max(0, min(most, max(cursorRow - visible + 1, min(cursorRow, pinnedTop))))
        }
        return max(0, min(cursorRow - visible / 2, most))
    }
}

extension Area {
    func contains(_ x: Int, _ y: Int) -> Bool { x >= self.x && x < right && contains(y: y) }
    func contains(y: Int) -> Bool { y >= self.y && y < bottom }
}
