import TUI
import Support

/// The command line at the foot of the screen while something is typed into it.
struct PaletteLine: Sendable, Equatable {
    var typed = LineEditor()
    /// Which of the completions stands in the line; nil where it is what was typed.
    var chosen: Int?
}

/// A way to go on from what is typed: the whole line, and what it does.
struct Completion: Equatable {
    var line: String
    var summary: String
}

extension DashboardState {
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
            case .theme: settings.themes.map { ($0.name, $0.summary) }
            case .layer: layers.tree.nodes.enumerated().map { ($1.path, Numbers.count(layers.tree.count($0))) }
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

    /// What has a key can be typed by name too.
    private var keyCommandCompletions: [Completion] {
        let taken = Set(paletteTable.map(\.name))
        return keyTable.flatMap { binding in
            binding.keys.map(\.1.rawValue).uniqued.filter { !taken.contains($0) && $0 != "palette" }.map {
                Completion(line: $0, summary: "\(settings.keys.label(binding, settings.glyphs)): \(binding.long)")
            }
        }
    }

    /// The line as it is shown and as enter would run it.
    func line(of palette: PaletteLine) -> LineEditor {
        guard let chosen = palette.chosen else { return palette.typed }
        let all = completions(of: palette.typed.text)
        return all.indices.contains(chosen) ? LineEditor(all[chosen].line) : palette.typed
    }

    /// Keys while a command is typed.
    mutating func typeCommand(_ key: Key) -> [DashboardEffect] {
        guard let open = dialogs.palette else { return [] }
        var line = line(of: open)
        switch line.handle(key) {
        case .cancelled, .leftEmpty: dialogs.palette = nil
        case .edited: dialogs.palette = PaletteLine(typed: line)
        case .submitted:
            dialogs.palette = nil
            return run(line: line.text)
        case .ignored:
            let all = completions(of: open.typed.text)
            guard !all.isEmpty else { break }
            switch key {
            case .tab where all.count == 1, .down where all.count == 1:
                dialogs.palette = PaletteLine(typed: LineEditor(all[0].line))
            case .tab, .down: dialogs.palette?.chosen = ((open.chosen ?? -1) + 1) % all.count
            case .up: dialogs.palette?.chosen = ((open.chosen ?? 0) + all.count - 1) % all.count
            default: break
            }
        }
        return []
    }
}
