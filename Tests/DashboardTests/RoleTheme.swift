import TUI
import Dashboard

extension Theme {
    /// A theme in which each role has a colour that no other has, so that a cell's style tells its role; the cursor's bar
    /// is a background alone, which leaves the colour that was there.
    static let roles: Theme = {
        var theme = Theme.builtIn
        theme[.screen] = Style()
        for role in Role.allCases where role != .screen { theme[role] = Style(foreground: colour(of: role)) }
        theme[.cursor] = Style(background: colour(of: .cursor))
        return theme
    }()

    private static func colour(of role: Role) -> RGB { RGB(UInt8(role.rawValue), 1, 2) }
}

/// The roles of a frame's cells that was drawn with `Theme.roles`: a letter a cell, an upper-case one under the cursor's
/// bar, `.` for none. Rows end at the last letter; a row like the one above is `"`.
struct RolePlane {
    private(set) var legend = ""
    private(set) var rows: [String] = []
    /// Over all cells that are no plain role (gradients, pictures, reversed ones), which show as `#`.
    private(set) var others: UInt64 = 0xCBF2_9CE4_8422_2325

    private static let letters = Array("abcdefghijklmnopqrstuvwxyz")

    init(_ frame: Frame) {
        var letters: [Style: Character] = [Style(): "."]
        let bar = Theme.roles[.cursor].background
        for role in Role.allCases where role != .screen {
            let letter = Self.letters[role.rawValue]
            letters[Theme.roles[role]] = role == .cursor ? Character(letter.uppercased()) : letter
            guard role != .cursor else { continue }
            letters[Style(foreground: Theme.roles[role].foreground, background: bar)] = Character(letter.uppercased())
        }
        var seen: Set<Character> = []
        for y in 0..<frame.height {
            var row = ""
            for x in 0..<frame.width {
                let style = frame[x, y].style
                if letters[style] == nil { add(x, y, style) }
                row.append(letters[style] ?? "#")
            }
            seen.formUnion(row.lowercased())
            while row.last == "." { row.removeLast() }
            rows.append(row)
        }
        legend = Role.allCases.filter { seen.contains(Self.letters[$0.rawValue]) }
            .map { "\(Self.letters[$0.rawValue]) \($0.name)" }.joined(separator: ", ")
        if seen.contains("#") { legend += ", # others \(String(others, radix: 16))" }
    }

    /// FNV-1a over what the terminal would be sent.
    private mutating func add(_ x: Int, _ y: Int, _ style: Style) {
        func parts(_ colour: RGB?) -> [Int] {
            colour.map { [Int($0.red), Int($0.green), Int($0.blue), Int($0.terminalIndex ?? 255)] } ?? [-1]
        }
        let flags = [style.bold, style.dim, style.reverse, style.underline].map { $0 ? 1 : 0 }
        for value in [x, y] + parts(style.foreground) + parts(style.background) + flags {
            others = (others ^ UInt64(truncatingIfNeeded: value)) &* 0x100_0000_01B3
        }
    }

    var text: String {
        let short = rows.indices.map { $0 > 0 && rows[$0] == rows[$0 - 1] && !rows[$0].isEmpty ? "\"" : rows[$0] }
        return "--- roles: \(legend)\n" + short.joined(separator: "\n") + "\n"
    }
}
