import TUI
import Support
import Dashboard
import Foundation
import Testing

@Suite("config.toml")
struct ConfigurationTests {
    func load(_ text: String) throws -> (configuration: Configuration, errors: [SettingsError]) {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("config-\(UUID().uuidString).toml")
        try text.write(to: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: path) }
        return Configuration.load(path: path.path)
    }

    @Test("Where there is no file, nothing is settled and nothing is wrong")
    func none() {
        let (configuration, errors) = Configuration.load(path: "/nowhere/config.toml")
        #expect(configuration.theme == nil && configuration.glyphs == nil && errors.isEmpty)
    }

    @Test("Theme, smoothing, glyphs, mouse and keys are taken")
    func all() throws {
        let (configuration, errors) = try load(
            """
            theme = "night"
            smoothing = "strong"
            glyphs = "block"
            mouse = false
            [keys]
            pause = "P"
            toggle = ["x", "space"]
            axis = []
            """)
        #expect(errors.isEmpty, "\(errors)")
        #expect(configuration.glyphs == .block && configuration.usesMouse == false)
        var state = Scenario.middle(glyphs: .unicode)
        state.apply(
            configuration,
            themes: ["frost", "night"].map { NamedTheme(name: $0, summary: "", theme: .builtIn) }, errors: [])
        #expect(state.settings.usesMouse == false)
        #expect(Scenario.press(&state, .character("p")) == [])
        #expect(Scenario.press(&state, .character("P")) == [.engine(.pause)])
        Scenario.press(&state, .character("G"))
        #expect(Scenario.press(&state, .character("x")).count == 1)
        let screen = render(state, theme: .builtIn, width: 160, height: 40).text
        #expect(screen.contains("P pause") && screen.contains(" ≈ "))
        Scenario.press(&state, .character("?"))
        let help = render(state, theme: .builtIn, width: 120, height: 60).text
        #expect(help.contains("│ space x "))
        // y is left to the line that had x too.
        #expect(help.contains("│ y  "))
        Scenario.press(&state, .escape, .character("t"))
        #expect(render(state, theme: .builtIn, width: 120, height: 40).text.contains("theme frost (1 of 2)"))
    }

    @Test(
        "A fault names file, line and key, and the rest of the file still counts",
        arguments: [
            ("mouse = true\nthemes = \"a\"\n", 2, "themes"),
            ("\nsmoothing = \"much\"\n", 2, "smoothing"),
            ("glyphs = 3\n", 1, "glyphs"),
            ("mouse = \"yes\"\n", 1, "mouse"),
            ("[keys]\npause = \"pp\"\n", 2, "keys.pause"),
            ("[keys]\n\npuase = \"p\"\n", 3, "keys.puase"),
            ("[keys]\npause = 7\n", 2, "keys.pause"),
            ("[keys]\ninterrupt = \"x\"\n", 2, "keys.interrupt"),
            ("[keys]\npause = \"x\"\nsave = \"x\"\n", 3, "keys.save"),
            ("theme = \"x\n", 1, nil),
        ] as [(String, Int, String?)])
    func faults(text: String, line: Int, key: String?) throws {
        let (_, errors) = try load(text)
        #expect(errors.count == 1, "\(errors)")
        #expect(errors.first?.line == line && errors.first?.key == key, "\(errors)")
        let (configuration, more) = try load("theme = \"night\"\n" + text)
        #expect(more.count == 1)
        if key != nil { #expect(configuration.theme == "night") }
    }

    @Test("What is wrong with the files is in the log of a dashboard that started all the same")
    func reported() {
        var state = Scenario.middle(glyphs: .unicode)
        state.apply(
            Configuration(), themes: [],
            errors: [SettingsError(path: "config.toml", line: 3, key: "mouse", reason: "must be true or false")])
        #expect(
            render(state, theme: .builtIn, width: 120, height: 40).text
                .contains("! config.toml:3: mouse: must be true or false"))
    }

    @Test("Every name that a user's file may hold by now goes on to mean its command")
    func lasting() {
        let names = [
            "toggle", "strategy-head", "strategy-partial", "strategy-full", "pattern", "undo", "redo", "range", "above",
            "below", "search", "next-match", "previous-match", "rate-up", "rate-down", "step", "validate", "worth",
            "auto", "mistakes", "overlay", "heat", "pause", "save", "enter", "up", "down", "unfold", "fold", "first",
            "last",
            "page-up", "page-down", "smoothing", "scale", "axis", "zoom-in", "zoom-out", "pan-left", "pan-right",
            "whole-run", "chart-cursor",
            "theme", "log", "palette", "help", "suspend", "redraw", "detach", "stop-run", "quit", "interrupt",
        ]
        #expect(KeyMap.names == names)
        for name in names where name != "interrupt" {
            var map = KeyMap()
            #expect(map.assign(name, [.character("§")]) == nil, "\(name)")
        }
    }

    @Test("Keys can be named, and their names are read back")
    func keyNames() {
        for name in ["space", "page-down", "^r", "?", "enter", "K", ":"] {
            #expect(Key(name: name).map { Key(name: $0.name) == $0 } == true, "\(name)")
        }
        #expect(Key(name: "") == nil && Key(name: "pp") == nil && Key(name: "^^") == nil)
    }
}
