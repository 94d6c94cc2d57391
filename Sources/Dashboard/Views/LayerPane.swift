import Support
import TUI
import TrainingEvents

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

        let foot = visibleFootLines(inner, theme, canvas.glyphs)
        let list = Area(x: inner.x, y: inner.y, width: inner.width, height: inner.height - foot.count)
        for (index, spans) in foot.enumerated() {
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
        // How many lines there are below depends on their width, not on their characters.
        let foot = visibleFootLines(inner, .builtIn, .unicode).count
        return Area(x: inner.x, y: inner.y, width: inner.width, height: max(0, inner.height - foot))
    }

    /// What space would do: thaw where all of the selection is (or will be) frozen, otherwise freeze.
    var willFreezeSelection: Bool { !selection.members(layers.tree).allSatisfy(layers.willBeFrozen) }

    /// The rows come first: of the lines below them, only as many as leave half of the pane.
    private func visibleFootLines(_ inner: Area, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        var foot = footLines(inner.width - 2, theme, glyphs)
        let room = max(1, inner.height / 2)
        if foot.count > room {
            // What is inspected stands first.
            foot = Array(selection.isInspecting ? foot.prefix(room) : foot.suffix(room))
        }
        return foot
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

    private enum Mask { case frozen, trainable, partly }

    private func mask(_ node: Int) -> Mask {
        let members = layers.tree.nodes[node].members
        let count = members.count { layers.frozen[$0] }
        return count == members.count ? .frozen : count == 0 ? .trainable : .partly
    }

    private func drawRow(_ canvas: inout Canvas, _ number: Int, _ area: Area, _ scale: HeatScale?) {
        let theme = canvas.theme
        let node = layers.tree.nodes[number]
        let y = area.y
        let mask = mask(number)
        let isWaiting = layers.isPending(number)
        let boxStyle =
            isWaiting
            ? theme[.pending] : mask == .frozen ? theme[.frozen] : mask == .partly ? theme[.partly] : theme[.trainable]
        let box =
            if isWaiting { canvas.isUnicode ? "[…]" : "[?]" } else {
                switch mask {
                case .frozen: canvas.glyphs.sign("[❄]", block: "[x]", ascii: "[x]")
                case .trainable: "[ ]"
                case .partly: "[~]"
                }
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
        x = canvas.put(x + 2, y, box, boxStyle)
        let nameStyle = mask == .frozen && !isWaiting ? theme[.dim] : theme[.text]
        canvas.putFitted(x + 1, y, node.label, nameStyle, width: countEnd - count.utf8.count - 2 - x)
        canvas.putRight(countEnd, y, count, theme[.dim])

        if mask == .frozen {
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

    // MARK: Below the rows

    private func footLines(_ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        guard isOpen else { return [] }
        var lines: [[Span]] = []
        if selection.isInspecting, let node = selection.cursorNode {
            lines += inspection(of: node, width, theme, glyphs)
        }
        if let node = selection.cursorNode, !layers.frozen.isEmpty, isLive {
            lines += selectionLines(node, width, theme, glyphs)
        }
        return lines + cacheLines(width, theme, glyphs) + proofLines(width, theme, glyphs)
    }

    /// What toggling the selection would do, and what the last change did.
    private func selectionLines(_ node: Int, _ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        let dot = glyphs == .unicode ? " · " : ", "
        let freezing = willFreezeSelection
        var after = 0
        for parameter in layers.frozen.indices where !layers.willBeFrozen(parameter) {
            after += layers.tree.size(parameter)
        }
        var change = 0
        var mask = layers.wantedMask
        for parameter in selection.members(layers.tree) where layers.willBeFrozen(parameter) != freezing {
            change += layers.tree.size(parameter)
            mask[parameter] = freezing
        }
        after += freezing ? -change : change
        let start = layers.isPending(node) ? "pending" + (glyphs.isUnicode ? " · " : " - ") : ""
        let arrow = glyphs.isUnicode ? " → " : " -> "
        let text = "\(freezing ? "freezes" : "thaws") \(Numbers.count(change))\(arrow)\(Numbers.count(after)) train"
        var lines = [
            [
                Span(start, theme[.pending]), Span("space ", theme[.key]),
                Span(fitted(text, width - 6 - start.count, glyphs), theme[.text]),
            ]
        ]
        if let preview = costModel.preview(mask) { lines += previewLines(preview, width, theme, glyphs) }
        if let outcome = costModel.decisions.outcomes.last, let predicted = outcome.predicted,
            let measured = outcome.measured
        {
            let text =
                "predicted " + Numbers.time(milliseconds: predicted) + dot + "measured "
                + Numbers.time(milliseconds: measured)
            lines.append([Span(fitted(text, width, glyphs), theme[.dim])])
        }
        return lines
    }

    private func previewLines(
        _ preview: CostPreview, _ width: Int, _ theme: Theme, _ glyphs: GlyphSet
    ) -> [[Span]] {
        let arrow = glyphs == .unicode ? " → " : " -> "
        var time = "step " + Self.change(Numbers.time, preview.milliseconds, arrow)
        if let epoch = preview.secondsPerEpoch {
            let more =
                (glyphs == .unicode ? " · " : ", ") + "epoch "
                + Self.change(Numbers.time, (epoch.now * 1000, epoch.then * 1000), arrow)
            if displayWidth(time + more, glyphs) <= width { time += more }
        }
        let isSlower = preview.milliseconds.then > preview.milliseconds.now * 1.02
        let memory = Self.change(Numbers.bytes, preview.bytes, arrow)
        var lines = [
            [Span(fitted(time, width, glyphs), theme[isSlower ? .warning : .success])],
            [Span("memory ", theme[.dim]), Span(fitted(memory, width - 7, glyphs), theme[.text])],
        ]
        switch preview.cache {
        case .success(let cache)?:
            let text =
                Numbers.bytes(cache.bytesPerImage) + (glyphs == .unicode ? " × " : " x ")
                + "\(costModel.decisions.costs?.pictures ?? 0) = " + Numbers.bytes(cache.bytes) + ", "
                + Numbers.time(milliseconds: cache.seconds * 1000)
            let label = "cacheable: "
            lines.append([
                Span(label, theme[.dim]), Span(fitted(text, width - label.count, glyphs), theme[.cached]),
            ])
        case .failure(let refusal)?:
            lines.append([Span(fitted("no cache: \(refusal)", width, glyphs), theme[.dim])])
        case nil: break
        }
        return lines
    }

    /// `57 → 98 ms`: the unit once where both have the same.
    private static func change<Value>(
        _ write: (Value) -> String, _ values: (now: Value, then: Value), _ arrow: String
    ) -> String {
        let (now, then) = (write(values.now), write(values.then))
        let unit = now.drop { $0 != " " }
        return (!unit.isEmpty && then.hasSuffix(unit) ? String(now.dropLast(unit.count)) : now) + arrow + then
    }

    private func cacheLines(_ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        switch layers.cache {
        case .on(let line, let bytes, let cached, let total)?:
            let times = glyphs.isUnicode ? " × " : " x "
            let count = cached < total ? "\(cached)/\(total)" : "\(cached)"
            let name = line.isEmpty ? "" : line + ", "
            let size = name + Numbers.bytes(bytes) + times + count
            // Where it is tight the label goes before the numbers.
            let forms = [
                ("frost line: ", size + " cached"), ("frost: ", size + " cached"), ("", size + " cached"), ("", size),
            ]
            let (label, value) =
                forms.first { displayWidth($0.0 + $0.1, glyphs) <= width } ?? ("", fitted(size, width, glyphs))
            return [[Span(label, theme[.dim]), Span(value, theme[.cached])]]
        case .off(let reason)?: return [[Span(fitted("not cached: " + reason, width, glyphs), theme[.dim])]]
        case nil:
            guard let line = layers.frostLine else { return [] }
            let text = fitted(line.isEmpty ? "below everything" : line, width - 12, glyphs)
            return [[Span("frost line: ", theme[.dim]), Span(text, theme[.cached])]]
        }
    }

    private func proofLines(_ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        guard let proof = layers.proof else { return [] }
        if proof.broken.isEmpty {
            let text = "frozen bits verified at step \(proof.step)"
            let short = "frozen bits held at \(proof.step)"
            return [[Span(text.utf8.count <= width ? text : fitted(short, width, glyphs), theme[.success])]]
        }
        var style = theme[.error]
        style.reverse = true
        let count = proof.broken.count
        let text = "FROZEN BITS CHANGED at step \(proof.step): \(count) tensor\(count == 1 ? "" : "s")"
        return [[Span(fitted(text, width, glyphs), style)]]
    }

    private func inspection(of number: Int, _ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        let node = layers.tree.nodes[number]
        let times = glyphs.isUnicode ? "×" : "x"
        func line(_ name: String, _ value: String, _ style: Style? = nil) -> [Span] {
            let label = name + String(repeating: " ", count: max(1, 14 - name.count))
            return [Span(label, theme[.dim]), Span(fitted(value, width - 14, glyphs), style ?? theme[.text])]
        }
        let single = node.members.count == 1 ? node.members[0] : nil
        let name = single.map { layers.tree.parameters[$0].name } ?? node.path
        var lines = [[Span(fitted(name, width, glyphs), theme[.title])]]
        if let single {
            lines.append(
                line(
                    "shape",
                    layers.tree.parameters[single].shape.map(String.init).joined(separator: times) + " = "
                        + Numbers.count(layers.tree.size(single))))
        } else {
            lines.append(
                line("parameters", "\(Numbers.count(layers.tree.count(number))) in \(node.members.count) tensors"))
        }
        if node.members.allSatisfy({ layers.frozen[$0] }) {
            let since = node.members.map { layers.frozenSince[$0] }.max() ?? 0
            lines.append(line("frozen", since == 0 ? "from the start" : "since step \(since)", theme[.frozen]))
        } else {
            lines.append(line("gradient norm", gradients.norms[number].last.map { Numbers.norm($0) } ?? "-"))
            let ratios = node.members.map { gradients.updateRatios[$0] }.filter(\.isFinite)
            let text = ratios.max().map { Numbers.scientific($0, places: 2) } ?? "-"
            lines.append(line("update/weight", ratios.count > 1 ? "at most " + text : text))
        }
        return lines
    }
}

private let sparkUnicode = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
private let sparkBlock = ["_", "▄", "█"]
private let sparkASCII = ["_", ".", "-", "=", "+", "*", "%", "#"]
