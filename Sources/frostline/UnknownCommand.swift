import ArgumentParser

/// A first word that is no command, which the parser would take for an argument of the demonstration.
enum UnknownCommand {
    /// What to say of it; nil for a command, an option, and nothing.
    static func problem(_ word: String?) -> String? {
        guard let word, !word.hasPrefix("-") else { return nil }
        let all = Frostline.configuration.subcommands.map { $0.configuration }
        let names = all.compactMap(\.commandName) + ["help"]
        guard !names.contains(word) else { return nil }
        let shown = all.filter(\.shouldDisplay).compactMap(\.commandName)
        let near = shown.map { ($0, distance(word.lowercased(), $0)) }.min { $0.1 < $1.1 }
        if let (name, distance) = near, distance <= max(1, name.count / 2) {
            return "unknown command \(word); did you mean frostline \(name)?"
        }
        return "unknown command \(word); there are \(shown.joined(separator: ", "))"
    }

    /// Letters to insert, delete, change or swap with their neighbour (optimal string alignment).
    static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.prefix(40)), Array(b))
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var best = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
                row.append(best)
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
