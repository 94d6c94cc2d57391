import TUI
import Support
import Dashboard
import Foundation
import Testing

@Suite("Themes")
struct ThemeTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Writes a theme into a folder of its own, and takes it away afterwards.
    func with<T>(_ text: String, named name: String = "odd", _ body: (_ folder: String, _ path: String) throws -> T)
        throws -> T
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("themes-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent(name + ".toml")
        try text.write(to: file, atomically: true, encoding: .utf8)
        return try body(folder.path, file.path)
    }

    @Test("themes/frost.toml says the same as the built-in theme, and leaves no role out")
    func frost() throws {
        let path = Self.root + "/themes/frost.toml"
        #expect(try Theme.load(path: path) == Theme.builtIn)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        for role in Role.allCases { #expect(text.contains("\n\(role.name) = "), "\(role.name)") }
    }

    @Test("Every theme in themes/ can be read, says what it is for and names every role")
    func files() throws {
        let folder = Self.root + "/themes"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".toml") }
        #expect(names.count >= 8)
        let (themes, errors) = Theme.all(executable: folder, environment: ["FROSTLINE_THEMES": folder])
        #expect(errors.isEmpty, "\(errors)")
        #expect(themes.map(\.name) == names.map { String($0.dropLast(5)) }.sorted())
        for name in names {
            let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
            for role in Role.allCases { #expect(text.contains("\n\(role.name) = "), "\(name): \(role.name)") }
            #expect(text.contains("\nsummary = "), "\(name)")
        }
        let readme = try String(contentsOfFile: folder + "/README.md", encoding: .utf8)
        for theme in themes { #expect(readme.contains("`\(theme.name)`"), "themes/README.md: \(theme.name)") }
    }

    @Test("What is written can be told from its ground, in light themes and dark ones")
    func contrast() {
        func brightness(_ colour: RGB) -> Double {
            func part(_ value: UInt8) -> Double {
                let share = Double(value) / 255
                return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
            }
            return 0.2126 * part(colour.red) + 0.7152 * part(colour.green) + 0.0722 * part(colour.blue)
        }
        let light = ["daylight", "paper"]
        let (themes, _) = Theme.all(executable: "/", environment: ["FROSTLINE_THEMES": Self.root + "/themes"])
        for theme in themes where !["plain", "sixteen"].contains(theme.name) {
            let ground =
                theme.theme[.screen].background ?? (light.contains(theme.name) ? RGB(255, 255, 255) : RGB(0, 0, 0))
            #expect((brightness(ground) > 0.5) == light.contains(theme.name), "\(theme.name)")
            for role in Role.allCases where ![.border, .track, .band, .cursor].contains(role) {
                guard let colour = theme.theme[role].foreground, !theme.theme[role].reverse else { continue }
                let (a, b) = (brightness(ground) + 0.05, brightness(colour) + 0.05)
                #expect(max(a, b) / min(a, b) >= 4.5, "\(theme.name): \(role.name)")
            }
        }
    }

    @Test("The theme sixteen asks for nothing but the terminal's own sixteen colours, plain for none")
    func few() throws {
        for role in Role.allCases {
            for (name, allowed) in [("sixteen", true), ("plain", false)] {
                let style = try Theme.load(path: Self.root + "/themes/\(name).toml")[role]
                for colour in [style.foreground, style.background].compactMap(\.self) {
                    #expect(allowed && colour.terminalIndex != nil, "\(name): \(role.name)")
                }
            }
        }
    }

    @Test("A role that is changed changes, and one that is left out stays")
    func change() throws {
        try with("[palette]\nred = \"#ff0000\"\n[roles]\ntitle = { fg = \"red\", underline = true }\n") { _, path in
            let theme = try Theme.load(path: path)
            #expect(theme[.title] == Style(foreground: RGB(255, 0, 0), underline: true))
            #expect(theme[.border] == Theme.builtIn[.border])
        }
    }

    @Test(
        "An error names the file, the line and the key",
        arguments: [
            ("[roles]\ntitel = { bold = true }\n", 2, "roles.titel"),
            ("[roles]\n\ntitle = { fg = \"rde\" }\n", 3, "roles.title.fg"),
            ("[roles]\ntitle = { bold = 1 }\n", 2, "roles.title.bold"),
            ("[roles]\ntitle = { colour = 1 }\n", 2, "roles.title.colour"),
            ("[palette]\na = \"#12345\"\n", 2, "palette.a"),
            ("[palette]\na = \"#+12345\"\n", 2, "palette.a"),
            ("colors = 1\n", 1, "colors"),
            ("[roles\n", 1, nil),
        ] as [(String, Int, String?)])
    func errors(text: String, line: Int, key: String?) throws {
        try with(text) { _, path in
            let error = #expect(throws: SettingsError.self) { _ = try Theme.load(path: path) }
            #expect(error?.path == path)
            #expect(error?.line == line)
            #expect(error?.key == key)
            #expect(error?.description.hasPrefix("\(path):\(line): ") == true)
        }
    }

    @Test("Themes are looked for in the given folder first, and frost is built in where there is no file")
    func find() throws {
        try with("[roles]\ntitle = { bold = true }\n", named: "frost") { folder, _ in
            let found = try Theme.find(
                named: "", executable: "/nowhere/frostline", environment: ["FROSTLINE_THEMES": folder])
            #expect(found[.title] == Style(bold: true))
            #expect(try Theme.find(named: "frost", executable: "/nowhere/frostline", environment: [:]) == Theme.builtIn)
            let error = #expect(throws: SettingsError.self) {
                _ = try Theme.find(
                    named: "ember", executable: "/nowhere/frostline", environment: ["FROSTLINE_THEMES": folder])
            }
            #expect(error?.reason.contains(folder) == true)
        }
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("home-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: home) }
        for place in [".config/frostline/themes", "share/frostline/themes", "bin"] {
            try FileManager.default.createDirectory(
                at: home.appendingPathComponent(place), withIntermediateDirectories: true)
        }
        try "[roles]\ntext = { dim = true }\n".write(
            to: home.appendingPathComponent("share/frostline/themes/a.toml"), atomically: true, encoding: .utf8)
        try "[roles]\ntext = { bold = true }\n".write(
            to: home.appendingPathComponent(".config/frostline/themes/b.toml"), atomically: true, encoding: .utf8)
        let executable = home.appendingPathComponent("bin/frostline").path
        #expect(try Theme.find(named: "a", executable: executable, environment: [:])[.text] == Style(dim: true))
        #expect(
            try Theme.find(named: "b", executable: executable, environment: ["HOME": home.path])[.text]
                == Style(bold: true))
    }
}
