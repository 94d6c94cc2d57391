import TUI
import Support

extension DashboardState {
    func drawLayers(_ canvas: inout Canvas, _ area: Area) {
        let theme = canvas.theme
        var right: [Span] = []
        if !tree.parameters.isEmpty {
            right = [
                Span(Numbers.count(trainableCount), theme[.trainable]), Span(" of ", theme[.dim]),
                Span(Numbers.count(totalCount), theme[.text]), Span(" train", theme[.dim]),
            ]
        }
        canvas.box(area, title: "Layers", right: right)
        let inner = area.inset()
        guard inner.width >= 12, inner.height >= 1 else { return }

        let foot = visibleFootLines(inner, theme)
        let footTop = inner.bottom - foot.count
        for (index, spans) in foot.enumerated() {
            canvas.put(inner.x + 1, footTop + index, spans, limit: inner.right)
        }

        let list = Area(x: inner.x, y: inner.y, width: inner.width, height: inner.height - foot.count)
        if rows.isEmpty {
            canvas.putFitted(
                list.x + 2, list.y, run == nil ? "waiting for the network" : "no parameters", theme[.dim],
                width: list.width - 3)
            return
        }
        let top = firstRow(visible: list.height)
        for line in 0..<min(list.height, rows.count - top) {
            drawRow(&canvas, rows[top + line], Area(x: list.x, y: list.y + line, width: list.width, height: 1))
            if deciding.anchor != nil, selectedRows?.contains(top + line) == true {
                canvas.put(list.x, list.y + line, canvas.isUnicode ? "│" : "|", theme[.pending])
                canvas.underlay(Area(x: list.x, y: list.y + line, width: list.width, height: 1), theme[.cursor])
            }
            if top + line == cursorRow {
                canvas.put(list.x, list.y + line, canvas.isUnicode ? "▌" : ">", theme[.key])
                canvas.underlay(Area(x: list.x, y: list.y + line, width: list.width, height: 1), theme[.cursor])
            }
        }
        if rows.count > list.height {
            drawScrollbar(&canvas, list, top: top)
        }
    }

    /// The rows come first: of the lines below them, only as many as leave half of the pane.
    func visibleFootLines(_ inner: Area, _ theme: Theme) -> [[Span]] {
        var foot = footLines(inner.width - 2, theme, glyphs)
        let room = max(1, inner.height / 2)
        if foot.count > room {
            // Who inspects wants to see that first.
            if isInspecting { foot.removeLast(foot.count - room) } else { foot.removeFirst(foot.count - room) }
        }
        return foot
    }

    private func drawScrollbar(_ canvas: inout Canvas, _ list: Area, top: Int) {
        let size = max(1, list.height * list.height / rows.count)
        let travel = list.height - size
        let start = (rows.count - list.height) == 0 ? 0 : travel * top / (rows.count - list.height)
        for line in start..<start + size {
            canvas.set(list.right, list.y + line, canvas.isUnicode ? "┃" : "#", canvas.theme[.axis])
        }
    }

    private func sparkWidth(in list: Area) -> Int {
        list.width >= 44 ? min(Self.recentCount, list.width - 39) : 0
    }

    /// Columns per level; a narrow pane has no room to spend on depth.
    func indent(in list: Area) -> Int { sparkWidth(in: list) > 0 ? 2 : 1 }

    private enum Mask { case frozen, trainable, partly }

    private func mask(_ node: Int) -> Mask {
        let members = tree.nodes[node].members
        let count = members.count { frozen[$0] }
        return count == members.count ? .frozen : count == 0 ? .trainable : .partly
    }

    private func drawRow(_ canvas: inout Canvas, _ number: Int, _ area: Area) {
        let theme = canvas.theme
        let node = tree.nodes[number]
        let y = area.y
        let mask = mask(number)
        let isWaiting = isPending(number)
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
        let count = padded(Numbers.count(tree.count(number)))
        var x = area.x + 1 + indent(in: area) * node.depth
        if !node.children.isEmpty {
            let arrow =
                unfolded.contains(node.path)
                ? canvas.glyphs.sign("▾", block: "▼", ascii: "v") : canvas.glyphs.sign("▸", block: "►", ascii: "+")
            canvas.put(x, y, arrow, theme[.dim])
        }
        x = canvas.put(x + 2, y, box, boxStyle)
        let nameStyle = mask == .frozen && !isWaiting ? theme[.dim] : theme[.text]
        canvas.putFitted(x + 1, y, node.label, nameStyle, width: countEnd - count.utf8.count - 2 - x)
        canvas.putRight(countEnd, y, count, theme[.dim])

        if mask == .frozen {
            if isCached(number) { canvas.put(countEnd + 2, y, "cached", theme[.cached], limit: area.right - 1) }
            return
        }
        if sparkWidth > 0 { drawSpark(&canvas, number, x: countEnd + 2, y, sparkWidth) }
        let latest = recent[number * Self.recentCount + (recentEnd + Self.recentCount - 1) % Self.recentCount]
        if lastStep != nil, norms[number].last != nil || latest.isInfinite {
            let text = latest.isFinite ? Numbers.norm(Double(latest)) : latest.isNaN ? "nan" : "inf"
            canvas.putRight(area.right - 1, y, text, latest.isFinite ? theme[.norm] : theme[.error])
        }
    }

    /// `128  ` under `9.4 K`, so that the digits stand in one column.
    private func padded(_ count: String) -> String { count.contains(" ") ? count : count + "  " }

    /// The latest norms, least to greatest over the height of a character.
    private func drawSpark(_ canvas: inout Canvas, _ node: Int, x: Int, _ y: Int, _ width: Int) {
        let start = node * Self.recentCount
        var values: [Float] = []
        for back in (0..<width).reversed() {
            values.append(recent[start + (recentEnd + 2 * Self.recentCount - 1 - back) % Self.recentCount])
        }
        // Blanks before the first value stand at the right, so the line grows from the left.
        let finite = values.filter(\.isFinite)
        guard let least = finite.min(), let greatest = finite.max() else { return }
        while let first = values.first, !first.isFinite { values.removeFirst() }
        let levels = glyphs == .unicode ? sparkUnicode : glyphs == .block ? sparkBlock : sparkASCII
        let scale = HeatScale(norms)
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
        guard run != nil else { return [] }
        let dot = glyphs.isUnicode ? " · " : " - "
        let arrow = glyphs.isUnicode ? " → " : " -> "
        var lines: [[Span]] = []
        if isInspecting, let node = cursorNode { lines += inspection(of: node, width, theme, glyphs) }

        if let node = cursorNode, !frozen.isEmpty, isLive {
            let freezing = willFreezeSelection
            let waiting = isPending(node)
            var after = 0
            for parameter in frozen.indices where !willBeFrozen(parameter) { after += tree.size(parameter) }
            var change = 0
            var mask = wantedMask
            for parameter in selectedMembers where willBeFrozen(parameter) != freezing {
                change += tree.size(parameter)
                mask[parameter] = freezing
            }
            after += freezing ? -change : change
            let start = waiting ? "pending" + dot : ""
            lines.append([
                Span(start, theme[.pending]), Span("space ", theme[.key]),
                Span(
                    fitted(
                        (freezing ? "freezes " : "thaws ") + Numbers.count(change) + arrow + Numbers.count(after)
                            + " train",
                        width - 6 - start.count, glyphs), theme[.text]),
            ])
            lines += previewLines(mask, width, theme, glyphs)
            if let line = outcomeLine(width, theme, glyphs) { lines.append(line) }
        }

        switch cache {
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
            lines.append([Span(label, theme[.dim]), Span(value, theme[.cached])])
        case .off(let reason)?:
            lines.append([Span(fitted("not cached: " + reason, width, glyphs), theme[.dim])])
        case nil:
            if let frostLine {
                lines.append([
                    Span("frost line: ", theme[.dim]),
                    Span(
                        fitted(frostLine.isEmpty ? "below everything" : frostLine, width - 12, glyphs), theme[.cached]),
                ])
            }
        }
        if let proof {
            if proof.broken.isEmpty {
                let text = "frozen bits verified at step \(proof.step)"
                let short = "frozen bits held at \(proof.step)"
                lines.append([
                    Span(text.utf8.count <= width ? text : fitted(short, width, glyphs), theme[.success])
                ])
            } else {
                var style = theme[.error]
                style.reverse = true
                let count = proof.broken.count
                lines.append([
                    Span(
                        fitted(
                            "FROZEN BITS CHANGED at step \(proof.step): \(count) tensor\(count == 1 ? "" : "s")", width,
                            glyphs), style)
                ])
            }
        }
        return lines
    }

    private func inspection(of number: Int, _ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        let node = tree.nodes[number]
        let times = glyphs.isUnicode ? "×" : "x"
        func line(_ name: String, _ value: String, _ style: Style? = nil) -> [Span] {
            let label = name + String(repeating: " ", count: max(1, 14 - name.count))
            return [Span(label, theme[.dim]), Span(fitted(value, width - 14, glyphs), style ?? theme[.text])]
        }
        let single = node.members.count == 1 ? node.members[0] : nil
        let name = single.map { tree.parameters[$0].name } ?? node.path
        var lines = [[Span(fitted(name, width, glyphs), theme[.title])]]
        if let single {
            lines.append(
                line(
                    "shape",
                    tree.parameters[single].shape.map(String.init).joined(separator: times) + " = "
                        + Numbers.count(tree.size(single))))
        } else {
            lines.append(line("parameters", "\(Numbers.count(tree.count(number))) in \(node.members.count) tensors"))
        }
        if node.members.allSatisfy({ frozen[$0] }) {
            let since = node.members.map { frozenSince[$0] }.max() ?? 0
            lines.append(line("frozen", since == 0 ? "from the start" : "since step \(since)", theme[.frozen]))
        } else {
            lines.append(line("gradient norm", norms[number].last.map { Numbers.norm($0) } ?? "-"))
            let ratios = node.members.map { updateRatios[$0] }.filter(\.isFinite)
            let text = ratios.max().map { Numbers.scientific($0, places: 2) } ?? "-"
            lines.append(line("update/weight", ratios.count > 1 ? "at most " + text : text))
        }
        return lines
    }
}

private let sparkUnicode = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
private let sparkBlock = ["_", "▄", "█"]
private let sparkASCII = ["_", ".", "-", "=", "+", "*", "%", "#"]
