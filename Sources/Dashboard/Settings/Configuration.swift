import TUI
import Support
import Foundation

/// What is set once: `config.toml` in the settings folder. The command line wins over it.
package struct Configuration: Sendable {
    package var theme: String?
    package var glyphs: GlyphSet?
    package var usesMouse: Bool?
    /// Whether a run goes on where its terminal goes away.
    package var detachesOnHangUp: Bool?
    package var smoothing: Smoothing?
    package var keys = KeyMap()

    package init() {}

    /// A key of config.toml, how its values are written, and what it sets.
    package static let settings: [(name: String, values: String, help: String)] = [
        ("theme", "\"NAME\"", "The colours, as --theme."),
        ("smoothing", "\"off\", \"light\" or \"strong\"", "How the curves of steps are smoothed at first."),
        ("glyphs", "\"auto\", \"braille\", \"block\" or \"ascii\"", "The characters to draw with, as --glyphs."),
        ("mouse", "true or false", "Whether the dashboard listens to the mouse."),
        ("detach-on-hangup", "true or false", "Whether a run goes on where its terminal goes away."),
        ("keys", "a table", "Keys of the dashboard's commands."),
    ]

    /// Reads the file; where there is none, nothing is set. Each fault is reported, and what is right is taken all the
    /// same: a slip in one line must not keep the program from starting.
    package static func load(path: String) -> (Configuration, [SettingsError]) {
        var configuration = Configuration()
        guard FileManager.default.fileExists(atPath: path) else { return (configuration, []) }
        let file: SettingsFile
        do throws(SettingsError) { file = try SettingsFile(path: path) } catch { return (configuration, [error]) }
        var errors: [SettingsError] = []
        func take(_ body: () throws(SettingsError) -> Void) {
            do throws(SettingsError) { try body() } catch { errors.append(error) }
        }
        let known = settings.map(\.name)
        for key in file.table.keys.sorted() where !known.contains(key) {
            errors.append(file.fault(key, "unknown; there are \(known.joined(separator: ", "))"))
        }
        take { () throws(SettingsError) in configuration.theme = try file.string("theme") }
        take { () throws(SettingsError) in configuration.usesMouse = try file.bool("mouse") }
        take { () throws(SettingsError) in configuration.detachesOnHangUp = try file.bool("detach-on-hangup") }
        take { () throws(SettingsError) in
            guard let word = try file.string("smoothing") else { return }
            guard let smoothing = Smoothing(rawValue: word) else {
                throw file.fault("smoothing", "must be \"off\", \"light\" or \"strong\"")
            }
            configuration.smoothing = smoothing
        }
        take { () throws(SettingsError) in
            guard let word = try file.string("glyphs"), word != "auto" else { return }
            guard let glyphs = GlyphSet(option: word) else {
                throw file.fault("glyphs", "must be \"auto\", \"braille\", \"block\" or \"ascii\"")
            }
            configuration.glyphs = glyphs
        }
        if file.table.contains(key: "keys") {
            guard let table = file.table["keys"]?.table else {
                return (configuration, errors + [file.fault("keys", "must be a table")])
            }
            for name in table.keys.sorted() {
                take { () throws(SettingsError) in
                    let keys = try keys(table, name, file)
                    if let reason = configuration.keys.assign(name, keys) { throw file.fault("keys.\(name)", reason) }
                }
            }
        }
        return (configuration, errors)
    }

    /// One key in quotes, or several in brackets; none takes the command's keys away.
    private static func keys(
        _ table: TOMLTable, _ name: String, _ file: SettingsFile
    ) throws(SettingsError) -> [Key] {
        let place = "keys.\(name)"
        guard let value = table[name], let entries = value.string == nil ? value.array : [value] else {
            throw file.fault(place, "must be a key in quotes, or several in brackets")
        }
        var keys: [Key] = []
        for entry in entries {
            guard let word = entry.string else { throw file.fault(place, "must be keys in quotes") }
            guard let key = Key(name: word) else {
                throw file.fault(
                    place, "\"\(word)\" is no key; there are characters, ^A to ^Z, space, enter, tab, up, page-up, …")
            }
            keys.append(key)
        }
        return keys
    }
}

extension DashboardState {
    /// Takes over what was set and which themes there are; what is wrong with the files is logged, not fatal.
    package mutating func apply(_ configuration: Configuration, themes: [NamedTheme], errors: [SettingsError]) {
        settings.keys = configuration.keys
        charts.view.smoothing = configuration.smoothing ?? charts.view.smoothing
        settings.usesMouse = configuration.usesMouse ?? true
        settings.themes = themes
        func index(_ name: String) -> Int? { themes.firstIndex { $0.name == name } }
        settings.themeIndex = index(configuration.theme ?? Theme.defaultName) ?? index(Theme.defaultName) ?? 0
        for error in errors { record(.warning, error.description) }
        if let name = configuration.theme, index(name) == nil {
            record(.warning, "no theme \(name); there are \(themes.map(\.name).joined(separator: ", "))")
        }
    }
}
