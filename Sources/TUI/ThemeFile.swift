import Support
/// A theme with the name that it is chosen by.
package struct NamedTheme: Sendable, Equatable {
    package var name: String
    /// What it is for, in a few words.
    package var summary: String
    package var theme: Theme

    package init(name: String, summary: String, theme: Theme) {
        self.name = name
        self.summary = summary
        self.theme = theme
    }
}

extension Theme {
    /// Reads a theme file. A role that it leaves out looks as in the built-in theme; one that does not exist is an error.
    package static func load(path: String) throws(SettingsError) -> Theme { try read(path: path).theme }

    /// The theme with its summary; the name is the file's.
    package static func read(path: String) throws(SettingsError) -> NamedTheme {
        let file = try SettingsFile(path: path)
        let known = ["summary", "base", "palette", "roles"]
        for key in file.table.keys where !known.contains(key) {
            throw file.fault(key, "unknown; a theme has summary, base, [palette] and [roles]")
        }
        var theme = Theme.builtIn
        switch try file.string("base") {
        case nil, "frost"?: break
        case "none"?: theme = Theme(styles: [Style](repeating: Style(), count: Role.allCases.count))
        default: throw file.fault("base", "must be \"frost\" or \"none\": what the roles are that are left out")
        }
        let palette = try readPalette(file)
        if file.table.contains(key: "roles") {
            guard let roles = file.table["roles"]?.table else { throw file.fault("roles", "must be a table") }
            for name in roles.keys {
                guard let role = Role(name: name) else {
                    throw file.fault(
                        "roles.\(name)",
                        "unknown; the roles are \(Role.allCases.map(\.name).joined(separator: ", "))")
                }
                guard let entry = roles[name]?.table else {
                    throw file.fault("roles.\(name)", "must be a table like { fg = \"#8fd8ff\", bold = true }")
                }
                theme[role] = try readStyle(entry, at: "roles.\(name)", file, palette)
            }
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return NamedTheme(
            name: name.hasSuffix(".toml") ? String(name.dropLast(5)) : name,
            summary: try file.string("summary") ?? "", theme: theme)
    }

    private static func readPalette(_ file: SettingsFile) throws(SettingsError) -> [String: RGB] {
        guard file.table.contains(key: "palette") else { return [:] }
        guard let colours = file.table["palette"]?.table else { throw file.fault("palette", "must be a table") }
        var palette: [String: RGB] = [:]
        for name in colours.keys {
            guard let value = colours[name]?.string, let colour = RGB(hex: value) ?? RGB(terminal: value) else {
                throw file.fault(
                    "palette.\(name)", "must be a colour like \"#8fd8ff\" or one of the terminal's like \"bright-cyan\""
                )
            }
            palette[name] = colour
        }
        return palette
    }

    private static func readStyle(
        _ entry: TOMLTable, at key: String, _ file: SettingsFile, _ palette: [String: RGB]
    ) throws(SettingsError) -> Style {
        var style = Style()
        for attribute in entry.keys {
            let place = "\(key).\(attribute)"
            switch attribute {
            case "fg", "bg":
                guard let value = entry[attribute]?.string else {
                    throw file.fault(place, "must be a colour in quotes")
                }
                guard let colour = palette[value] ?? RGB(hex: value) ?? RGB(terminal: value) else {
                    throw file.fault(
                        place,
                        "\"\(value)\" is neither in [palette] nor a colour like \"#8fd8ff\" or \"bright-cyan\"")
                }
                if attribute == "fg" { style.foreground = colour } else { style.background = colour }
            case "bold", "dim", "reverse", "underline":
                guard let value = entry[attribute]?.bool else { throw file.fault(place, "must be true or false") }
                switch attribute {
                case "bold": style.bold = value
                case "dim": style.dim = value
                case "reverse": style.reverse = value
                default: style.underline = value
                }
            default: throw file.fault(place, "unknown; a style has fg, bg, bold, dim, reverse, underline")
            }
        }
        return style
    }
}

extension RGB {
    /// `#8fd8ff`.
    package init?(hex: String) {
        guard hex.hasPrefix("#"), hex.utf8.count == 7, let value = UInt32(hex.dropFirst(), radix: 16),
            hex.dropFirst().allSatisfy(\.isHexDigit)
        else { return nil }
        self.init(value)
    }

    private static let terminalNames = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
    /// What terminals usually show for their sixteen.
    package static let sixteen = [
        0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD, 0x00CDCD, 0xE5E5E5, 0x7F7F7F, 0xFF0000, 0x00FF00,
        0xFFFF00, 0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF,
    ].map { RGB($0) }

    /// One of the terminal's own sixteen colours, by name: `cyan`, `bright-cyan`.
    package init?(terminal name: String) {
        let bright = name.hasPrefix("bright-")
        guard let place = Self.terminalNames.firstIndex(of: bright ? String(name.dropFirst(7)) : name) else {
            return nil
        }
        let index = place + (bright ? 8 : 0)
        self = Self.sixteen[index]
        terminalIndex = UInt8(index)
    }
}
