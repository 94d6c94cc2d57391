import TUI
import Support

/// The command line at the foot of the screen while something is typed into it.
struct PaletteLine: Sendable, Equatable {
    var typed = ""
    /// Which of the completions stands in the line; nil where it is what was typed.
    var chosen: Int?
}

extension DashboardState {
    /// A way to go on from what is typed: the whole line, and what it does.
    struct Completion: Equatable {
        var line: String
        var summary: String
    }

    /// What the line could become, best first.
    func completions(of typed: String) -> [Completion] {
        guard let blank = typed.firstIndex(of: " ") else {
            let all =
                paletteTable.map { command in
                    Completion(line: command.name + (command.argument == .none ? "" : " "), summary: command.summary)
                } + keyCommandCompletions
            return Self.matching(typed, all)
        }
        let name = String(typed[..<blank])
        guard let command = paletteTable.first(where: { $0.name == name }) else { return [] }
        let rest = typed[typed.index(after: blank)...].drop { $0 == " " }
        let values: [(String, String)] =
            switch command.argument {
            case .none, .text: []
            case .choice(let words): words.map { ($0, "") }
            case .theme: themes.map { ($0.name, $0.summary) }
            case .layer: tree.nodes.map { ($0.path, "\(Numbers.count($0.members.reduce(0) { $0 + tree.size($1) }))") }
            }
        return Self.matching(String(rest), values.map { Completion(line: $0.0, summary: $0.1) }).map {
            Completion(line: name + " " + $0.line, summary: $0.summary)
        }
    }

    /// Those that begin with the text, then those that have it somewhere.
    private static func matching(_ text: String, _ all: [Completion]) -> [Completion] {
        if text.isEmpty { return all }
        return all.filter { $0.line.hasPrefix(text) }
            + all.filter { !$0.line.hasPrefix(text) && $0.line.contains(text) }
    }

    /// What has a key can be said by name too.
    private var keyCommandCompletions: [Completion] {
        let taken = Set(paletteTable.map(\.name))
        return keyTable.flatMap { binding in
            binding.keys.map(\.1.rawValue).uniqued.filter { !taken.contains($0) && $0 != "palette" }.map {
                Completion(line: $0, summary: "\(keys.label(binding, glyphs)): \(binding.long)")
            }
        }
    }

    /// The line as it is shown and as enter would run it.
    func line(of palette: PaletteLine) -> String {
        guard let chosen = palette.chosen else { return palette.typed }
        let all = completions(of: palette.typed)
        return all.indices.contains(chosen) ? all[chosen].line : palette.typed
    }

    /// Keys while a command is typed.
    mutating func typeCommand(_ key: Key) -> [DashboardEffect] {
        guard let open = palette else { return [] }
        let all = completions(of: open.typed)
        switch key {
        case .escape: palette = nil
        case .tab, .down:
            if all.count == 1 {
                palette = PaletteLine(typed: all[0].line)
            } else if !all.isEmpty {
                palette?.chosen = ((open.chosen ?? -1) + 1) % all.count
            }
        case .up:
            if !all.isEmpty { palette?.chosen = ((open.chosen ?? 0) + all.count - 1) % all.count }
        case .backspace, .delete:
            var text = line(of: open)
            if text.isEmpty {
                palette = nil
            } else {
                text.removeLast()
                palette = PaletteLine(typed: text)
            }
        case .control("u"): palette = PaletteLine()
        case .character(let character):
            let isControl = character.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
            let text = line(of: open)
            if !isControl, text.utf8.count < 200 { palette = PaletteLine(typed: text + String(character)) }
        case .enter:
            let text = line(of: open)
            palette = nil
            return run(line: text)
        default: break
        }
        return []
    }

    // MARK: Drawing

    func drawPalette(_ palette: PaletteLine, _ canvas: inout Canvas, y: Int) {
        let theme = canvas.theme
        let width = canvas.frame.width
        var right = width - 1
        let keys = [
            Span("tab", theme[.key]), Span(" complete  ", theme[.label]), Span("enter", theme[.key]),
            Span(" run  ", theme[.label]), Span("esc", theme[.key]), Span(" cancel", theme[.label]),
        ]
        let size = keys.reduce(0) { $0 + canvas.width($1.text) }
        if width >= size + 40 {
            right -= size
            canvas.put(right, y, keys, limit: width)
            right -= 2
        }
        let start = canvas.put(1, y, ":", theme[.key])
        var shown = TUI.glyphs(of: line(of: palette), glyphs)
        var used = shown.reduce(0) { $0 + $1.width }
        while used > max(1, right - start - 1), !shown.isEmpty { used -= shown.removeFirst().width }
        let end = canvas.put(start, y, shown.map(\.text).joined(), theme[.title], limit: right)
        canvas.put(end, y, canvas.glyphs.sign("▏", block: "_", ascii: "_"), theme[.key])
    }

    /// The completions in a box over the panes, the chosen one in sight.
    func drawCandidates(_ canvas: inout Canvas, above bottom: Int) {
        guard let palette else { return }
        let theme = canvas.theme
        let all = completions(of: palette.typed)
        guard !all.isEmpty else { return }
        let rows = min(all.count, 10, bottom - 3)
        guard rows > 0 else { return }
        let names = all.map { canvas.width($0.line) }.max() ?? 0
        let column = min(names, 28)
        let width = min(canvas.frame.width - 2, column + 2 + (all.map { canvas.width($0.summary) }.max() ?? 0) + 4)
        let area = Area(x: 1, y: bottom - rows - 2, width: max(20, width), height: rows + 2)
        let top = max(0, min((palette.chosen ?? 0) - rows / 2, all.count - rows))
        canvas.fill(area)
        canvas.box(area, title: "Commands", right: all.count > rows ? [Span("\(all.count)", theme[.dim])] : [])
        for row in 0..<rows {
            let isChosen = palette.chosen == top + row
            let y = area.y + 1 + row
            let end = canvas.putFitted(
                area.x + 2, y, all[top + row].line, theme[isChosen ? .key : .text], width: column)
            canvas.putFitted(
                max(end + 2, area.x + 4 + column), y, all[top + row].summary, theme[.dim],
                width: area.right - 2 - max(end + 2, area.x + 4 + column))
            if isChosen {
                canvas.underlay(Area(x: area.x + 1, y: y, width: area.width - 2, height: 1), theme[.cursor])
            }
        }
    }
}
