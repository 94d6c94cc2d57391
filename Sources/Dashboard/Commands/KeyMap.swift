import TUI
/// Which key does what: the table, and what a person's configuration changes in it.
package struct KeyMap: Sendable {
    private var commands: [Key: KeyCommand] = [:]
    /// Names of commands whose keys are a person's own.
    private var own: Set<String> = []

    package init() {
        for binding in keyTable { for (key, command) in binding.keys { commands[key] = command } }
    }

    func command(for key: Key) -> KeyCommand? { commands[key] }

    /// Every command that has a key of its own in the table, by name.
    package static var names: [String] { keyTable.flatMap { $0.keys.map { $0.1.name } }.uniqued }

    /// Gives a command exactly these keys; what they did before is without them.
    /// - Returns: what is wrong with that, if anything.
    package mutating func assign(_ name: String, _ keys: [Key]) -> String? {
        guard let command = keyTable.lazy.flatMap({ $0.keys.map { $0.1 } }).first(where: { $0.name == name }) else {
            return "unknown; the commands are \(Self.names.joined(separator: ", "))"
        }
        if command == .interrupt || keys.contains(.control("c")) { return "^C always stops, and only that" }
        for key in keys {
            if let other = commands[key], own.contains(other.name), other.name != name {
                return "\(key.name) is given to \(other.name) as well"
            }
        }
        commands = commands.filter { $0.value != command }
        for key in keys { commands[key] = command }
        own.insert(name)
        return nil
    }

    /// How the keys of a line of the table are written; empty where a configuration took all of them away.
    func label(_ binding: KeyBinding, _ glyphs: GlyphSet) -> String {
        let isUsual =
            own.isEmpty
            || binding.keys.allSatisfy { commands[$0.0] == $0.1 } && !binding.keys.contains { own.contains($0.1.name) }
        if isUsual { return glyphs == .unicode ? binding.label : binding.asciiLabel }
        var names: [String] = []
        for command in binding.keys.map({ $0.1.name }).uniqued {
            names += commands.filter { $0.value.name == command }.map(\.key.name).sorted()
        }
        return names.joined(separator: " ")
    }
}

extension KeyCommand {
    /// As configuration files and the palette say it: `page-up`, `strategy-head`; of a group of commands the member.
    var name: String {
        if case .strategy(let strategy) = self { return "strategy-" + strategy.rawValue }
        let whole = "\(self)"
        let payload = whole.split(separator: "(").dropFirst().first?.prefix { $0 != ")" }
        let word = payload?.split(separator: ".").last.map(String.init) ?? whole
        var result = ""
        for character in word {
            if character.isUppercase { result += "-" }
            result += character.lowercased()
        }
        return result
    }
}

extension Key {
    private static let named: [(String, Key)] = [
        ("space", .character(" ")), ("up", .up), ("down", .down), ("left", .left), ("right", .right), ("home", .home),
        ("end", .end), ("page-up", .pageUp), ("page-down", .pageDown), ("enter", .enter), ("escape", .escape),
        ("tab", .tab), ("backspace", .backspace), ("delete", .delete),
    ]

    /// `space`, `page-up`, `^R`, or the character itself.
    package init?(name: String) {
        if let (_, key) = Self.named.first(where: { $0.0 == name.lowercased() }) {
            self = key
        } else if name.count == 1, let character = name.first {
            self = .character(character)
        } else if name.count == 2, name.first == "^", let letter = name.lowercased().last, letter.isASCII,
            letter.isLetter
        {
            self = .control(letter)
        } else {
            return nil
        }
    }

    package var name: String {
        if let (name, _) = Self.named.first(where: { $0.1 == self }) { return name }
        switch self {
        case .character(let character): return String(character)
        case .control(let letter): return "^" + letter.uppercased()
        default: return "?"
        }
    }
}

extension Array where Element: Hashable {
    /// The first of each, in order.
    var uniqued: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
