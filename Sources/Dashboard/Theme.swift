import Foundation
import TOMLKit

/// What a cell is for. A theme says how each of these looks.
package enum Role: String, CaseIterable, Sendable {
    case brand, title, border, text, dim
    case frozen, trainable, partly, pending, cached, norm
    case cursor
    case train, band = "train-band", validation, mark, axis
    case progress, track
    case notice, success, warning, error
    case key, label = "key-label"
}

public struct ThemeError: Error, Sendable, Equatable, CustomStringConvertible {
    public let path: String
    /// Counted from 1; nil where the fault has no single line.
    public let line: Int?
    /// `roles.title.fg`.
    public let key: String?
    public let reason: String

    public var description: String {
        let place = line.map { "\(path):\($0)" } ?? path
        return place + ": " + (key.map { "\($0): " } ?? "") + reason
    }
}

/// The dashboard's colours and attributes. Backgrounds that a theme does not name stay the terminal's own.
public struct Theme: Sendable, Equatable {
    package var styles: [Style]

    package subscript(role: Role) -> Style {
        get { styles[role.index] }
        set { styles[role.index] = newValue }
    }

    /// The theme `frost`, for a program that was installed without its files. `themes/frost.toml` says the same.
    public static let builtIn: Theme = {
        let ice = RGB(0x8F, 0xD8, 0xFF)
        let glacier = RGB(0x5B, 0xA8, 0xE5)
        let slate = RGB(0x5A, 0x6B, 0x7F)
        let mist = RGB(0x8A, 0x9B, 0xB0)
        let snow = RGB(0xE6, 0xEE, 0xF6)
        let ember = RGB(0xFF, 0xB4, 0x54)
        let rose = RGB(0xFF, 0x8F, 0xA3)
        let moss = RGB(0x9B, 0xD7, 0x7E)
        let violet = RGB(0xC4, 0xA7, 0xFF)
        var theme = Theme(styles: [Style](repeating: Style(), count: Role.allCases.count))
        theme[.brand] = Style(foreground: ice, bold: true)
        theme[.title] = Style(foreground: snow, bold: true)
        theme[.border] = Style(foreground: slate)
        theme[.text] = Style()
        theme[.dim] = Style(foreground: mist)
        theme[.frozen] = Style(foreground: ice)
        theme[.trainable] = Style(foreground: moss)
        theme[.partly] = Style(foreground: violet)
        theme[.pending] = Style(foreground: ember, bold: true)
        theme[.cached] = Style(foreground: glacier)
        theme[.norm] = Style(foreground: moss)
        theme[.cursor] = Style(background: RGB(0x24, 0x34, 0x47), bold: true)
        theme[.train] = Style(foreground: ice)
        theme[.band] = Style(foreground: RGB(0x3E, 0x6E, 0x96))
        theme[.validation] = Style(foreground: ember, bold: true)
        theme[.mark] = Style(foreground: violet)
        theme[.axis] = Style(foreground: mist)
        theme[.progress] = Style(foreground: glacier, bold: true)
        theme[.track] = Style(foreground: RGB(0x38, 0x46, 0x56))
        theme[.notice] = Style(foreground: mist)
        theme[.success] = Style(foreground: moss)
        theme[.warning] = Style(foreground: ember)
        theme[.error] = Style(foreground: rose, bold: true)
        theme[.key] = Style(foreground: ice, bold: true)
        theme[.label] = Style(foreground: mist)
        return theme
    }()

    /// Reads a theme file. A role that it leaves out looks as in the built-in theme; one that does not exist is an error.
    public static func load(path: String) throws(ThemeError) -> Theme {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ThemeError(path: path, line: nil, key: nil, reason: "cannot be read")
        }
        guard data.count <= 1 << 20, let text = String(data: data, encoding: .utf8) else {
            throw ThemeError(path: path, line: nil, key: nil, reason: "is not a UTF-8 text of at most a megabyte")
        }
        return try ThemeReader(path: path, text: text).read()
    }

    /// Looks for `named`.toml in $FROSTLINE_THEMES, the configuration folder, and the folders around the program. Where no
    /// file of the default name exists, the built-in theme is taken; any other name must be found.
    public static func find(
        named name: String, executable: String, environment: [String: String]
    ) throws(ThemeError) -> Theme {
        let name = name.isEmpty ? defaultName : name
        if name.contains("/") || name.hasSuffix(".toml") { return try load(path: name) }
        let folders = folders(executable: executable, environment: environment)
        for folder in folders {
            let path = folder + "/" + name + ".toml"
            if FileManager.default.fileExists(atPath: path) { return try load(path: path) }
        }
        if name == defaultName { return builtIn }
        throw ThemeError(
            path: name + ".toml", line: nil, key: nil,
            reason: "no theme of this name; looked in " + folders.joined(separator: ", "))
    }

    public static let defaultName = "frost"

    static func folders(executable: String, environment: [String: String]) -> [String] {
        var folders: [String] = []
        if let own = environment["FROSTLINE_THEMES"], !own.isEmpty { folders.append(own) }
        if let configuration = environment["XDG_CONFIG_HOME"], configuration.hasPrefix("/") {
            folders.append(configuration + "/frostline/themes")
        } else if let home = environment["HOME"], !home.isEmpty {
            folders.append(home + "/.config/frostline/themes")
        }
        var folder = URL(fileURLWithPath: executable).resolvingSymlinksInPath().deletingLastPathComponent().path
        while true {
            let prefix = folder == "/" ? "" : folder
            for place in ["/themes", "/share/frostline/themes"] {
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: prefix + place, isDirectory: &isFolder), isFolder.boolValue {
                    folders.append(prefix + place)
                }
            }
            guard folder != "/", !folder.isEmpty else { break }
            folder = URL(fileURLWithPath: folder).deletingLastPathComponent().path
        }
        return folders
    }
}

extension Role {
    var index: Int { Self.places[self] ?? 0 }
    private static let places = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) })
}

/// Reads one theme file and names what is wrong with it.
private struct ThemeReader {
    let path: String
    let text: String

    func read() throws(ThemeError) -> Theme {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw ThemeError(
                path: path, line: Int(error.source.begin.line), key: nil, reason: "not TOML: \(error.description)")
        } catch {
            throw ThemeError(path: path, line: nil, key: nil, reason: "not TOML: \(error)")
        }
        for key in table.keys where !["palette", "roles"].contains(key) {
            throw fault(key, "unknown; a theme has [palette] and [roles]")
        }
        var palette: [String: RGB] = [:]
        if table.contains(key: "palette") {
            guard let colours = table["palette"]?.table else { throw fault("palette", "must be a table") }
            for name in colours.keys {
                guard let value = colours[name]?.string, let colour = RGB(hex: value) else {
                    throw fault("palette.\(name)", "must be a colour like \"#8fd8ff\"")
                }
                palette[name] = colour
            }
        }
        var theme = Theme.builtIn
        if table.contains(key: "roles") {
            guard let roles = table["roles"]?.table else { throw fault("roles", "must be a table") }
            for name in roles.keys {
                guard let role = Role(rawValue: name) else {
                    throw fault(
                        "roles.\(name)",
                        "unknown; the roles are \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                guard let entry = roles[name]?.table else {
                    throw fault("roles.\(name)", "must be a table like { fg = \"#8fd8ff\", bold = true }")
                }
                theme[role] = try style(entry, at: "roles.\(name)", palette)
            }
        }
        return theme
    }

    private func style(_ entry: TOMLTable, at key: String, _ palette: [String: RGB]) throws(ThemeError) -> Style {
        var style = Style()
        for attribute in entry.keys {
            let place = "\(key).\(attribute)"
            switch attribute {
            case "fg", "bg":
                guard let value = entry[attribute]?.string else { throw fault(place, "must be a colour in quotes") }
                guard let colour = palette[value] ?? RGB(hex: value) else {
                    throw fault(place, "\"\(value)\" is neither in [palette] nor a colour like \"#8fd8ff\"")
                }
                if attribute == "fg" { style.foreground = colour } else { style.background = colour }
            case "bold", "dim", "reverse", "underline":
                guard let value = entry[attribute]?.bool else { throw fault(place, "must be true or false") }
                switch attribute {
                case "bold": style.bold = value
                case "dim": style.dim = value
                case "reverse": style.reverse = value
                default: style.underline = value
                }
            default: throw fault(place, "unknown; a style has fg, bg, bold, dim, reverse, underline")
            }
        }
        return style
    }

    /// The fault with the line of the key, found in the text, since the parser keeps none for what it accepted.
    private func fault(_ key: String, _ reason: String) -> ThemeError {
        let parts = key.split(separator: ".").map(String.init)
        var section = ""
        var found: Int?
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let bare = line.drop { $0 == " " || $0 == "\t" }
            if bare.hasPrefix("[") {
                section = bare.dropFirst().prefix { $0 != "]" }.filter { $0 != " " }
                if section == parts.prefix(2).joined(separator: ".") || (parts.count == 1 && section == key) {
                    found = found ?? number + 1
                }
                continue
            }
            let name = bare.prefix { $0 != "=" && $0 != " " && $0 != "\t" && $0 != "." }
                .trimmingCharacters(in: CharacterSet(charactersIn: "\"'"))
            let inside = section.isEmpty ? name : section + "." + name
            if inside == key || (parts.count > 1 && inside == parts.prefix(2).joined(separator: ".")) {
                found = number + 1
                break
            }
        }
        return ThemeError(path: path, line: found, key: key, reason: reason)
    }
}

extension RGB {
    /// `#8fd8ff`.
    init?(hex: String) {
        guard hex.hasPrefix("#"), hex.utf8.count == 7, let value = UInt32(hex.dropFirst(), radix: 16),
            hex.dropFirst().allSatisfy(\.isHexDigit)
        else { return nil }
        self.init(UInt8(value >> 16), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF))
    }
}
