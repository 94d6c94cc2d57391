import Support
import Foundation

extension Theme {
    package static let defaultName = "frost"

    /// Looks for `named`.toml in $FROSTLINE_THEMES, the configuration folder, and the folders around the program. Where no
    /// file of the default name exists, the built-in theme is taken; any other name must be found.
    package static func find(
        named name: String, executable: String, environment: [String: String]
    ) throws(SettingsError) -> Theme {
        let name = name.isEmpty ? defaultName : name
        if name.contains("/") || name.hasSuffix(".toml") { return try load(path: name) }
        let folders = folders(executable: executable, environment: environment)
        for folder in folders {
            let path = folder + "/" + name + ".toml"
            if FileManager.default.fileExists(atPath: path) { return try load(path: path) }
        }
        if name == defaultName { return builtIn }
        throw SettingsError(
            path: name + ".toml", line: nil, key: nil,
            reason: "no theme of this name; looked in " + folders.joined(separator: ", "))
    }

    /// Every theme there is, by name; of two of the same name the first folder's. What cannot be read is left out, with
    /// the reason.
    package static func all(
        executable: String, environment: [String: String]
    ) -> (themes: [NamedTheme], errors: [SettingsError]) {
        var themes: [String: NamedTheme] = [
            defaultName: NamedTheme(name: defaultName, summary: "cool, for dark terminals", theme: builtIn)
        ]
        var errors: [SettingsError] = []
        var seen: Set<String> = []
        for folder in folders(executable: executable, environment: environment) {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for name in names.sorted() where name.hasSuffix(".toml") && !name.hasPrefix(".") {
                guard seen.insert(name).inserted else { continue }
                do throws(SettingsError) {
                    let theme = try read(path: folder + "/" + name)
                    themes[theme.name] = theme
                } catch {
                    errors.append(error)
                }
            }
        }
        return (themes.values.sorted { $0.name < $1.name }, errors)
    }

    package static func folders(executable: String, environment: [String: String]) -> [String] {
        var folders: [String] = []
        if let own = environment["FROSTLINE_THEMES"], !own.isEmpty { folders.append(own) }
        if let settings = settingsFolder(environment: environment) { folders.append(settings + "/themes") }
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
