import TUI
/// Which key does what: the table, and what the configuration changes in it.
package struct KeyMap: Sendable {
    private var commands: [Key: KeyCommand] = [:]
    /// Commands whose keys were configured.
    private var own: Set<KeyCommand> = []

    package init() {
        for binding in keyTable { for (key, command) in binding.keys { commands[key] = command } }
    }

    func command(for key: Key) -> KeyCommand? { commands[key] }

    /// The key for a command, in the order of the table where several are; nil where it has none.
    func key(for command: KeyCommand) -> Key? {
        let usual = keyTable.lazy.flatMap(\.keys).first { $0.1 == command && commands[$0.0] == command }
        return usual?.0 ?? commands.filter { $0.value == command }.keys.min { $0.name < $1.name }
    }

    /// Every command that has a key of its own in the table, by name.
    package static var names: [String] { keyTable.flatMap { $0.keys.map(\.1.rawValue) }.uniqued }

    /// Gives a command exactly these keys; what they did before is without them.
    /// - Returns: what is wrong with that, if anything.
    package mutating func assign(_ name: String, _ keys: [Key]) -> String? {
        guard let command = KeyCommand(rawValue: name) else {
            return "unknown; the commands are \(Self.names.joined(separator: ", "))"
        }
        if command == .interrupt || keys.contains(.control("c")) { return "^C always stops, and only that" }
        for key in keys {
            if let other = commands[key], own.contains(other), other != command {
                return "\(key.name) is given to \(other.rawValue) as well"
            }
        }
        commands = commands.filter { $0.value != command }
        for key in keys { commands[key] = command }
        own.insert(command)
        return nil
    }

    /// How the keys of a line of the table are written; empty where a configuration took all of them away.
    func label(_ binding: KeyBinding, _ glyphs: GlyphSet) -> String {
        let isUsual =
            own.isEmpty
            || binding.keys.allSatisfy { commands[$0.0] == $0.1 } && !binding.keys.contains { own.contains($0.1) }
        if isUsual { return glyphs == .unicode ? binding.label : binding.asciiLabel }
        var names: [String] = []
        for command in binding.keys.map(\.1).uniqued {
            names += commands.filter { $0.value == command }.map(\.key.name).sorted()
        }
        return names.joined(separator: " ")
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
