/// Where the cursor stands in the tree of layers, and which rows are unfolded and selected.
struct Selection: Sendable {
    /// Path of the row under the cursor, which survives a new run.
    var cursor: String?
    var unfolded: Set<String> = []
    var hasFolds = false
    /// Visible rows as nodes, and the cursor's place among them.
    private(set) var rows: [Int] = []
    private(set) var cursorRow = 0
    /// The other end of a range selection, as a path.
    var anchor: String?
    var isInspecting = false
    /// The first visible row, where the mouse chose it.
    var pinnedTop: Int?

    var cursorNode: Int? { rows.indices.contains(cursorRow) ? rows[cursorRow] : nil }

    /// The rows between the range's ends; the cursor's alone where there is no range.
    func selectedRows(_ tree: LayerTree) -> ClosedRange<Int>? {
        guard rows.indices.contains(cursorRow) else { return nil }
        guard let anchor, let other = rows.firstIndex(where: { tree.nodes[$0].path == anchor }) else {
            return cursorRow...cursorRow
        }
        return min(other, cursorRow)...max(other, cursorRow)
    }

    /// Their parameters, in order.
    func members(_ tree: LayerTree) -> [Int] {
        guard let selected = selectedRows(tree) else { return [] }
        return Set(selected.flatMap { tree.nodes[rows[$0]].members }).sorted()
    }

    /// The first row that is in sight: the cursor stays in the middle of a list that does not fit, unless the mouse has
    /// chosen what is in sight.
    func firstRow(visible: Int) -> Int {
        let most = max(0, rows.count - visible)
        if let pinnedTop { return max(0, min(most, max(cursorRow - visible + 1, min(cursorRow, pinnedTop)))) }
        return max(0, min(cursorRow - visible / 2, most))
    }

    /// A new run: the cursor and the folds stay where they were.
    mutating func begin(_ tree: LayerTree) {
        anchor = nil
        if !hasFolds, !tree.nodes.isEmpty {
            // The stages open, their blocks closed: what one freezes is in sight, and still fits 24 rows.
            hasFolds = true
            for root in tree.roots where tree.nodes[root].children.contains(where: { !tree.nodes[$0].children.isEmpty })
            {
                unfolded.insert(tree.nodes[root].path)
            }
        }
        layRows(tree)
    }

    mutating func layRows(_ tree: LayerTree) {
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

    mutating func move(to row: Int, _ tree: LayerTree) {
        guard !rows.isEmpty else { return }
        pinnedTop = nil
        cursorRow = max(0, min(rows.count - 1, row))
        cursor = tree.nodes[rows[cursorRow]].path
    }

    mutating func toggleFold(_ node: Int, _ tree: LayerTree) {
        let path = tree.nodes[node].path
        if unfolded.remove(path) == nil { unfolded.insert(path) }
        cursor = path
        layRows(tree)
    }

    mutating func setFold(open: Bool, _ tree: LayerTree) {
        guard let number = cursorNode else { return }
        let node = tree.nodes[number]
        let isOpen = unfolded.contains(node.path)
        if open {
            if node.children.isEmpty { return }
            if isOpen { move(to: cursorRow + 1, tree) } else { toggleFold(number, tree) }
        } else if isOpen, !node.children.isEmpty {
            toggleFold(number, tree)
        } else if let parent = node.parent, let row = rows.firstIndex(of: parent) {
            move(to: row, tree)
        }
    }

    /// Puts the cursor on a node, opening the groups that it lies in.
    mutating func reveal(_ node: Int, _ tree: LayerTree) {
        var parent = tree.nodes[node].parent
        while let number = parent {
            unfolded.insert(tree.nodes[number].path)
            parent = tree.nodes[number].parent
        }
        cursor = tree.nodes[node].path
        layRows(tree)
    }
}
