import Support
import TUI

/// The tree of layers with counts, gradient norms and sparklines; below it what toggling the selection would do.
struct LayerPane {
    let layers: LayerState
    let gradients: GradientState
    let selection: Selection
    let costModel: CostModel
    /// Whether a run is open, takes commands, has made a step.
    let isOpen: Bool
    let isLive: Bool
    let hasSteps: Bool

    func draw(_ canvas: inout Canvas, _ area: Area) {
        let theme = canvas.theme
        var right: [Span] = []
        if !layers.tree.parameters.isEmpty {
            right = [
                Span(Numbers.count(layers.trainableCount), theme[.trainable]), Span(" of ", theme[.dim]),
                Span(Numbers.count(layers.totalCount), theme[.text]), Span(" train", theme[.dim]),
            ]
        }
        canvas.box(area, title: "Layers", right: right)
        let inner = area.inset()
        guard inner.width >= 12, inner.height >= 1 else { return }

        let notes = notes(inner, theme, canvas.glyphs)
        let list = Area(x: inner.x, y: inner.y, width: inner.width, height: inner.height - notes.count)
        for (index, spans) in notes.enumerated() {
            canvas.put(inner.x + 1, list.bottom + index, spans, limit: inner.right)
        }
        if selection.rows.isEmpty {
            canvas.putFitted(
                list.x + 2, list.y, !isOpen ? "waiting for the network" : "no parameters", theme[.dim],
                width: list.width - 3)
            return
        }
        let top = selection.firstRow(visible: list.height)
        let scale = HeatScale(gradients.norms)
        let selected = selection.anchor == nil ? nil : selection.selectedRows(layers.tree)
        for row in top..<min(top + list.height, selection.rows.count) {
            let line = Area(x: list.x, y: list.y + row - top, width: list.width, height: 1)
            drawRow(&canvas, selection.rows[row], line, scale)
            if selected?.contains(row) == true {
                canvas.put(line.x, line.y, canvas.isUnicode ? "│" : "|", theme[.pending])
                canvas.underlay(line, theme[.cursor])
            }
            if row == selection.cursorRow {
                canvas.put(line.x, line.y, canvas.isUnicode ? "▌" : ">", theme[.key])
                canvas.underlay(line, theme[.cursor])
            }
        }
        if selection.rows.count > list.height { drawScrollbar(&canvas, list, top: top) }
    }

    /// Where the rows of the tree stand.
    func rowArea(in pane: Area) -> Area {
        let inner = pane.inset()
        // How many notes there are depends on their width, not on their characters.
        let count = notes(inner, .builtIn, .unicode).count
        return Area(x: inner.x, y: inner.y, width: inner.width, height: max(0, inner.height - count))
    }

    /// What space would do: thaw where all of the selection is (or will be) frozen, otherwise freeze.
    var willFreezeSelection: Bool { !selection.members(layers.tree).allSatisfy(layers.willBeFrozen) }

    /// The rows come first: of the lines below them, only as many as leave half of the pane; what is inspected stands first.
    private func notes(_ inner: Area, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        let lines = LayerNotes(pane: self, width: inner.width - 2, theme: theme, glyphs: glyphs).lines
        let room = max(1, inner.height / 2)
        return Array(selection.isInspecting ? lines.prefix(room) : lines.suffix(room))
    }

    private func drawScrollbar(_ canvas: inout Canvas, _ list: Area, top: Int) {
        let size = max(1, list.height * list.height / selection.rows.count)
        let travel = list.height - size
        let start = (selection.rows.count - list.height) == 0 ? 0 : travel * top / (selection.rows.count - list.height)
        for line in start..<start + size {
            canvas.set(list.right, list.y + line, canvas.isUnicode ? "┃" : "#", canvas.theme[.axis])
        }
    }

    private func sparkWidth(in list: Area) -> Int {
        list.width >= 44 ? min(GradientState.recentCount, list.width - 39) : 0
    }

    /// Columns per level; a narrow pane has no room to spend on depth.
    func indent(in list: Area) -> Int { sparkWidth(in: list) > 0 ? 2 : 1 }

    private func drawRow(_ canvas: inout Canvas, _ number: Int, _ area: Area, _ scale: HeatScale?) {
        let theme = canvas.theme
        let node = layers.tree.nodes[number]
        let y = area.y
        let isFrozen = layers.isFrozen(number)
        let (box, role): (String, Role) =
            if layers.isPending(number) {
                (canvas.isUnicode ? "[…]" : "[?]", .pending)
            } else if isFrozen {
                (canvas.glyphs.sign("[❄]", block: "[x]", ascii: "[x]"), .frozen)
            } else {
                node.members.contains { layers.frozen[$0] } ? ("[~]", .partly) : ("[ ]", .trainable)
            }

        // From the right: the norm, the sparkline, the count; the name takes what is left.
        let normWidth = 7
        let sparkWidth = sparkWidth(in: area)
        let countEnd = area.right - normWidth - 2 - (sparkWidth > 0 ? sparkWidth + 2 : 0)
        let count = padded(Numbers.count(layers.tree.count(number)))
        var x = area.x + 1 + indent(in: area) * node.depth
        if !node.children.isEmpty {
            let arrow =
                selection.unfolded.contains(node.path)
                ? canvas.glyphs.sign("▾", block: "▼", ascii: "v") : canvas.glyphs.sign("▸", block: "►", ascii: "+")
            canvas.put(x, y, arrow, theme[.dim])
        }
        x = canvas.put(x + 2, y, box, theme[role])
        canvas.putFitted(
            x + 1, y, node.label, theme[role == .frozen ? .dim : .text], width: countEnd - count.utf8.count - 2 - x)
        canvas.putRight(countEnd, y, count, theme[.dim])

        if isFrozen {
            if drawWorth(&canvas, node, right: area.right - 1, y), sparkWidth == 0 { return }
            if layers.isCached(number) { canvas.put(countEnd + 2, y, "cached", theme[.cached], limit: area.right - 1) }
            return
        }
        if sparkWidth > 0 { drawSpark(&canvas, number, x: countEnd + 2, y, sparkWidth, scale) }
        let latest = gradients.recent(number, 1)[0]
        if hasSteps, gradients.norms[number].last != nil || latest.isInfinite {
            let text = latest.isFinite ? Numbers.norm(Double(latest)) : latest.isNaN ? "nan" : "inf"
            canvas.putRight(area.right - 1, y, text, latest.isFinite ? theme[.norm] : theme[.error])
        }
    }

    /// One or two figures, four characters at most: `12`, `1.2`, `0.12`, `2e-3`.
    private static func gain(_ value: Double) -> String {
        guard value.isFinite, value < 1e4 else { return "many" }
        if value >= 9.95 { return Numbers.fixed(value, 0) }
        if value >= 0.995 { return Numbers.fixed(value, 1) }
        return value >= 0.00995 ? Numbers.fixed(value, 2) : Numbers.scientific(value, places: 0)
    }

    /// Nats a second that thawing the row would add, after a probe; the best row is marked. Returns whether there is one.
    private func drawWorth(_ canvas: inout Canvas, _ node: LayerTree.Node, right: Int, _ y: Int) -> Bool {
        guard let probe = costModel.decisions.probe, let group = probe.group(node.path) else { return false }
        let isBest = probe.best?.name == group.name
        let mark = isBest ? (canvas.glyphs == .unicode ? "★" : "*") : ""
        guard group.worth.isSignificant, let gain = probe.gainPerSecond(group) else {
            canvas.putRight(right, y, mark + "noise", canvas.theme[isBest ? .success : .dim])
            return true
        }
        canvas.putRight(right, y, mark + Self.gain(gain) + "/s", canvas.theme[isBest ? .success : .norm])
        return true
    }

    /// `128  ` under `9.4 K`, so that the digits stand in one column.
    private func padded(_ count: String) -> String { count.contains(" ") ? count : count + "  " }

    /// The latest norms, least to greatest over the height of a character.
    private func drawSpark(_ canvas: inout Canvas, _ node: Int, x: Int, _ y: Int, _ width: Int, _ scale: HeatScale?) {
        var values = gradients.recent(node, width)
        // Blanks before the first value stand at the right, so the line grows from the left.
        let finite = values.filter(\.isFinite)
        guard let least = finite.min(), let greatest = finite.max() else { return }
        while let first = values.first, !first.isFinite { values.removeFirst() }
        let levels = canvas.glyphs == .unicode ? sparkUnicode : canvas.glyphs == .block ? sparkBlock : sparkASCII
        for (place, value) in values.enumerated() where value.isFinite {
            let share = greatest > least ? (value - least) / (greatest - least) : 0.5
            let level = max(0, min(levels.count - 1, Int(share * Float(levels.count - 1) + 0.5)))
            // The height is within the row, the colour is the same scale for all rows: a heat map beside the tree.
            let style = scale.map { $0.style($0.place(Double(value))) } ?? canvas.theme[.train]
            canvas.set(x + place, y, levels[level], style)
        }
    }
}

private let sparkUnicode = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
private let sparkBlock = ["_", "▄", "█"]
private let sparkASCII = ["_", ".", "-", "=", "+", "*", "%", "#"]
