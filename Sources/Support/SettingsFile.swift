import Foundation

/// What is wrong with a theme or a configuration file, and where.
package struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    /// Counted from 1; nil where the fault has no single line.
    package let line: Int?
    /// `roles.title.fg`.
    package let key: String?
    package let reason: String

    package init(path: String, line: Int?, key: String?, reason: String) {
        self.path = path
        self.line = line
        self.key = key
        self.reason = reason
    }

    package var description: String {
        let place = line.map { "\(path):\($0)" } ?? path
        return place + ": " + (key.map { "\($0): " } ?? "") + reason
    }
}

/// A TOML file, and the lines of its keys.
package struct SettingsFile {
    package let path: String
    package let text: String
    package let table: TOMLTable

    package init(path: String) throws(SettingsError) {
        func refused(_ reason: String) -> SettingsError {
            SettingsError(path: path, line: nil, key: nil, reason: reason)
        }
        let notText = "is not a UTF-8 text of at most a megabyte"
        // Looked at first: a pipe would be waited for, a device read for ever.
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refused("is no file that can be read")
        }
        guard status.st_size <= 1 << 20 else { throw refused(notText) }
        guard let data = FileManager.default.contents(atPath: path) else { throw refused("cannot be read") }
        guard let text = String(data: data, encoding: .utf8) else { throw refused(notText) }
        self.path = path
        self.text = text
        do throws(TOMLReader.Failure) {
            table = try TOMLReader.read(text)
        } catch {
            throw SettingsError(path: path, line: error.line, key: nil, reason: "not TOML: \(error.problem)")
        }
    }

    package func string(_ key: String) throws(SettingsError) -> String? {
        if let value = table[key], value.string == nil { throw fault(key, "must be a text in quotes") }
        return table[key]?.string
    }

    package func bool(_ key: String) throws(SettingsError) -> Bool? {
        if let value = table[key], value.bool == nil { throw fault(key, "must be true or false") }
        return table[key]?.bool
    }

    /// The fault with the line of the key, found in the text, since the parser keeps none for what it accepted.
    package func fault(_ key: String, _ reason: String) -> SettingsError {
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
        return SettingsError(path: path, line: found, key: key, reason: reason)
    }
}

/// The folder of settings: `$XDG_CONFIG_HOME/frostline`, else `~/.config/frostline`.
package func settingsFolder(environment: [String: String]) -> String? {
    if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") { return folder + "/frostline" }
    if let home = environment["HOME"], !home.isEmpty { return home + "/.config/frostline" }
    return nil
}
