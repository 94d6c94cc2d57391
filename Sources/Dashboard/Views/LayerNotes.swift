import Support
import TUI
import TrainingEvents

/// The lines below the tree: the row that is inspected, what toggling the selection would do, the cache, the proof.
struct LayerNotes {
    let pane: LayerPane
    let width: Int
    let theme: Theme
    let glyphs: GlyphSet

    var lines: [[Span]] {
        guard pane.isOpen else { return [] }
        var lines: [[Span]] = []
        if let node = pane.selection.cursorNode {
            if pane.selection.isInspecting { lines += inspection(of: node) }
            if !pane.layers.frozen.isEmpty, pane.isLive { lines += change(node) }
        }
        if let cache { lines.append(cache) }
        if let proof { lines.append(proof) }
        return lines
    }

    private func line(_ label: String, _ value: String, _ role: Role = .text) -> [Span] {
        [Span(label, theme[.dim]), Span(fitted(value, width - label.count, glyphs), theme[role])]
    }

    private func line(_ text: String, _ role: Role) -> [Span] { [Span(fitted(text, width, glyphs), theme[role])] }

    private func inspection(of number: Int) -> [[Span]] {
        let (layers, tree) = (pane.layers, pane.layers.tree)
        let members = tree.nodes[number].members
        func fact(_ name: String, _ value: String, _ role: Role = .text) -> [Span] {
            line(name + String(repeating: " ", count: max(1, 14 - name.count)), value, role)
        }
        var lines = [line(tree.name(of: number), .title)]
        let count = Numbers.count(tree.count(number))
        if members.count == 1 {
            let shape = tree.parameters[members[0]].shape.map(String.init)
            lines.append(fact("shape", shape.joined(separator: glyphs.isUnicode ? "×" : "x") + " = " + count))
        } else {
            lines.append(fact("parameters", "\(count) in \(members.count) tensors"))
        }
        if layers.isFrozen(number) {
            let since = members.map { layers.frozenSince[$0] }.max() ?? 0
            lines.append(fact("frozen", since == 0 ? "from the start" : "since step \(since)", .frozen))
        } else {
            lines.append(fact("gradient norm", pane.gradients.norms[number].last.map(Numbers.norm) ?? "-"))
            let ratios = members.map { pane.gradients.updateRatios[$0] }.filter(\.isFinite)
            let text = ratios.max().map { Numbers.scientific($0, places: 2) } ?? "-"
            lines.append(fact("update/weight", ratios.count > 1 ? "at most " + text : text))
        }
        return lines
    }

    /// What toggling the selection would do, and what the last change did.
    private func change(_ node: Int) -> [[Span]] {
        let layers = pane.layers
        let freezing = pane.willFreezeSelection
        var mask = layers.wantedMask
        var change = 0
        for parameter in pane.selection.members(layers.tree) where mask[parameter] != freezing {
            change += layers.tree.size(parameter)
            mask[parameter] = freezing
        }
        let after = mask.indices.reduce(0) { $0 + (mask[$1] ? 0 : layers.tree.size($1)) }
        let start = layers.isPending(node) ? "pending" + (glyphs.isUnicode ? " · " : " - ") : ""
        let arrow = glyphs.isUnicode ? " → " : " -> "
        let text = "\(freezing ? "freezes" : "thaws") \(Numbers.count(change))\(arrow)\(Numbers.count(after)) train"
        var lines = [
            [
                Span(start, theme[.pending]), Span("space ", theme[.key]),
                Span(fitted(text, width - 6 - start.count, glyphs), theme[.text]),
            ]
        ]
        if let preview = pane.costModel.preview(mask) { lines += costs(preview) }
        if let probe = pane.costModel.decisions.probe { lines.append(worth(probe)) }
        if let outcome = pane.costModel.decisions.outcomes.last, let forecast = outcome.forecast,
            let came = MaskChangeOutcome.slope(outcome.after)
        {
            let numbers = [-forecast * 10, came / 10].map { Numbers.fixed($0, 3) }
            lines.append(
                line(
                    "10 steps: forecast \(numbers[0])" + (glyphs == .unicode ? " · " : ", ") + "came \(numbers[1])",
                    .dim))
        }
        if let outcome = pane.costModel.decisions.outcomes.last, let predicted = outcome.predicted,
            let measured = outcome.measured
        {
            let (predicted, measured) = (Numbers.time(milliseconds: predicted), Numbers.time(milliseconds: measured))
            lines.append(
                line("predicted \(predicted)" + (glyphs == .unicode ? " · " : ", ") + "measured \(measured)", .dim))
        }
        return lines
    }

    /// The best group of the probe, as far as there is room.
    private func worth(_ probe: ProbeReport) -> [Span] {
        guard let best = probe.best else { return line("worth: ", "thawing more gains nothing") }
        var value = best.name
        let ratio = probe.speedUp(best)
        if best.worth.isSignificant, ratio.isFinite {
            value += " " + Numbers.fixed(ratio, 1) + (glyphs.isUnicode ? "×" : "x")
        }
        if let before = probe.milliseconds, let after = best.milliseconds, after >= before {
            value += ", +" + Numbers.time(milliseconds: after - before)
        }
        return line("worth: ", value, .success)
    }

    private func costs(_ preview: CostPreview) -> [[Span]] {
        let arrow = glyphs == .unicode ? " → " : " -> "
        var time = "step " + Self.change(Numbers.time, preview.milliseconds, arrow)
        if let epoch = preview.secondsPerEpoch {
            let more =
                (glyphs == .unicode ? " · " : ", ") + "epoch "
                + Self.change(Numbers.time, (epoch.now * 1000, epoch.then * 1000), arrow)
            if displayWidth(time + more, glyphs) <= width { time += more }
        }
        let isSlower = preview.milliseconds.then > preview.milliseconds.now * 1.02
        let lines = [
            line(time, isSlower ? .warning : .success),
            line("memory ", Self.change(Numbers.bytes, preview.bytes, arrow)),
        ]
        switch preview.cache {
        case .success(let cache)?:
            let text =
                Numbers.bytes(cache.bytesPerImage) + (glyphs == .unicode ? " × " : " x ")
                + "\(pane.costModel.decisions.costs?.pictures ?? 0) = " + Numbers.bytes(cache.bytes) + ", "
                + Numbers.time(milliseconds: cache.seconds * 1000)
            return lines + [line("cacheable: ", text, .cached)]
        case .failure(let refusal)?: return lines + [line("no cache: \(refusal)", .dim)]
        case nil: return lines
        }
    }

    /// `57 → 98 ms`: the unit once where both have the same.
    private static func change<Value>(
        _ write: (Value) -> String, _ values: (now: Value, then: Value), _ arrow: String
    ) -> String {
        let (now, then) = (write(values.now), write(values.then))
        let unit = now.drop { $0 != " " }
        return (!unit.isEmpty && then.hasSuffix(unit) ? String(now.dropLast(unit.count)) : now) + arrow + then
    }

    private var cache: [Span]? {
        switch pane.layers.cache {
        case .on(let name, let bytes, let cached, let total)?:
            let size =
                (name.isEmpty ? "" : name + ", ") + Numbers.bytes(bytes) + (glyphs.isUnicode ? " × " : " x ")
                + (cached < total ? "\(cached)/\(total)" : "\(cached)")
            // Where it is tight the label goes before the numbers.
            let forms = [("frost line: ", size + " cached"), ("frost: ", size + " cached"), ("", size + " cached")]
            let (label, value) = forms.first { displayWidth($0.0 + $0.1, glyphs) <= width } ?? ("", size)
            return line(label, value, .cached)
        case .off(let reason)?: return line("not cached: " + reason, .dim)
        case nil:
            return pane.layers.frostLine.map { line("frost line: ", $0.isEmpty ? "below everything" : $0, .cached) }
        }
    }

    private var proof: [Span]? {
        guard let proof = pane.layers.proof else { return nil }
        if proof.broken.isEmpty {
            let text = "frozen bits verified at step \(proof.step)"
            return line(text.utf8.count <= width ? text : "frozen bits held at \(proof.step)", .success)
        }
        let count = proof.broken.count
        var text = line("FROZEN BITS CHANGED at step \(proof.step): \(count) tensor\(count == 1 ? "" : "s")", .error)
        text[0].style.reverse = true
        return text
    }
}
