import Network
import TUI

/// The last line: what is being typed or asked, else the keys that do something now.
struct FooterView {
    let run: RunState
    let tree: LayerTree
    let selection: Selection
    let dialogs: DialogState
    let keys: KeyMap
    let available: Set<KeyCommand>
    /// Whether space would freeze the selected rows.
    let willFreeze: Bool
    /// The palette's line, with the chosen completion.
    let paletteLine: LineEditor

    func draw(_ canvas: inout Canvas, y: Int) {
        if let prompt = dialogs.prompt { return drawPrompt(prompt, &canvas, y) }
        if dialogs.palette != nil { return drawPalette(&canvas, y) }
        if let confirmation = dialogs.confirmation { return drawConfirmation(confirmation, &canvas, y) }
        if dialogs.search.isTyping { return drawSearch(&canvas, y) }
        let width = canvas.frame.width
        let lead = leadSpans(canvas)
        let start = lead.isEmpty ? 0 : canvas.width(lead) + 2
        let parts =
            dialogs.overlay == nil
            ? keyParts(canvas) : [LinePart(spans: canvas.keyHints([("esc", "back")]), weight: 10)]
        var x = canvas.put(1, y, lead, limit: width) + (lead.isEmpty ? 0 : 2)
        for part in parts.fitting(width - start - 2, least: 0, canvas) {
            x = canvas.put(x, y, part.spans, limit: width) + 2
        }
    }

    private func leadSpans(_ canvas: Canvas) -> [Span] {
        let theme = canvas.theme
        if run.isStopping, !run.jobEnded {
            let text = canvas.isUnicode ? "finishing the step, saving…" : "finishing the step, saving..."
            return [Span(text, theme[.pending]), Span("  ", theme[.label])]
                + canvas.keyHints([("^C", "leave at once")])
        }
        if selection.anchor != nil {
            let count = selection.selectedRows(tree)?.count ?? 0
            return [Span("\(count) row\(count == 1 ? "" : "s")", theme[.pending]), Span("  ", theme[.label])]
                + canvas.keyHints([("space", willFreeze ? "freeze" : "thaw"), ("esc", "leave it")])
        }
        if run.jobEnded {
            return [Span("finished", theme[.success]), Span(canvas.isUnicode ? " · " : " - ", theme[.label])]
                + canvas.keyHints([("q", "quits")])
        }
        return run.isSaving ? [Span(canvas.isUnicode ? "saving…" : "saving...", theme[.pending])] : []
    }

    private func keyParts(_ canvas: Canvas) -> [LinePart] {
        keyTable.compactMap { binding in
            guard var short = binding.short, let command = binding.keys.first?.1, available.contains(command),
                command != .quit || !run.jobEnded
            else { return nil }
            if command == .pause { short = run.isPaused ? "resume" : "pause" }
            if command == .enter, let node = selection.cursorNode, !tree.nodes[node].children.isEmpty {
                short = selection.unfolded.contains(tree.nodes[node].path) ? "fold" : "unfold"
            }
            let label = keys.label(binding, canvas.glyphs)
            return label.isEmpty ? nil : LinePart(spans: canvas.keyHints([(label, short)]), weight: binding.weight)
        }
    }

    // MARK: Typed lines

    private func drawPrompt(_ prompt: DialogState.Prompt, _ canvas: inout Canvas, _ y: Int) {
        let theme = canvas.theme
        let verb = prompt.freezing ? "freeze" : "thaw"
        let x = canvas.put(
            1, y, verb + (canvas.frame.width < 100 ? ": " : " names matching: "),
            theme[prompt.freezing ? .frozen : .trainable])
        let text = prompt.line.text
        let count = ParameterPattern(text).matching(tree.names).count
        let tally = text.isEmpty ? "part of a name, or *?[]" : "\(count) of \(tree.parameters.count)"
        let hints = [("enter", verb), ("tab", prompt.freezing ? "thaw" : "freeze"), ("esc", "cancel")]
        var right = putHints(hints, &canvas, y, least: x + 12 + canvas.width(tally) + 2)
        canvas.putRight(right, y, tally, theme[text.isEmpty ? .dim : count > 0 ? .success : .warning])
        right -= canvas.width(tally) + 2
        prompt.line.draw(&canvas, x, y, right: right)
    }

    private func drawPalette(_ canvas: inout Canvas, _ y: Int) {
        let right = putHints([("tab", "complete"), ("enter", "run"), ("esc", "cancel")], &canvas, y, least: 37)
        paletteLine.draw(&canvas, canvas.put(1, y, ":", canvas.theme[.key]), y, right: right)
    }

    private func drawSearch(_ canvas: inout Canvas, _ y: Int) {
        let theme = canvas.theme
        let text = dialogs.search.line.text
        let count = tree.matches(text).count
        let tally = text.isEmpty ? "part of a name, or *?[]" : count == 1 ? "1 row" : "\(count) rows"
        let hints = [("enter", "stay"), ("esc", "back"), ("n N", "next, previous")]
        let right = putHints(hints, &canvas, y, least: tally.utf8.count + 27)
        canvas.putRight(right, y, tally, theme[text.isEmpty ? .dim : count > 0 ? .success : .warning])
        let x = canvas.put(1, y, "/", theme[.key])
        dialogs.search.line.draw(&canvas, x, y, right: max(x, right - canvas.width(tally) - 3))
    }

    private func drawConfirmation(_ confirmation: DialogState.Confirmation, _ canvas: inout Canvas, _ y: Int) {
        let keys = canvas.keyHints([("y", "do it"), ("n", "leave it")])
        let x = canvas.putFitted(
            1, y, "this " + confirmation.loss, canvas.theme[.warning],
            width: max(0, canvas.frame.width - canvas.width(keys) - 4))
        canvas.put(x + 2, y, keys)
    }

    /// Key hints at the right end, where they leave `least` columns.
    /// - Returns: where what stands before them ends.
    private func putHints(
        _ hints: [(key: String, label: String)], _ canvas: inout Canvas, _ y: Int, least: Int
    ) -> Int {
        let spans = canvas.keyHints(hints)
        let (width, size) = (canvas.frame.width, canvas.width(spans))
        guard least + size + 3 <= width else { return width - 1 }
        canvas.put(width - 1 - size, y, spans, limit: width)
        return width - 3 - size
    }
}
