import TUI
import Support
import Dashboard
import Foundation
import Testing

/// What a settings file may hold, and what is refused with its line.
@Suite struct TOMLTests {
    private func errors(_ text: String) throws -> [SettingsError] {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("toml-\(UUID().uuidString).toml")
        defer { try? FileManager.default.removeItem(at: path) }
        try Data(text.utf8).write(to: path)
        return Configuration.load(path: path.path).1
    }

    @Test(arguments: [
        "", "\n\n# nothing\n", "\u{FEFF}mouse = true", "mouse=true\r\ntheme='a'\r\n", "\"mouse\" = true",
        "'mouse' = true",
        "keys.pause = \"p\"", "keys . \"pause\" = 'p'", "keys = { pause = \"p\", save = [] }",
        "[keys]\npause = [\n  \"x\", # one\n  'y',\n]", "[ keys ]\npause = \"\\u0078\"",
        "theme = \"\"\"\na\\\n  b\"\"\"",
        "theme = '''\n''quoted'''''", "theme = \"\\t\\\"\\U0001F98A\"",
    ]) func `what TOML allows is taken`(_ text: String) throws { #expect(try errors(text) == []) }

    /// Some of these ended the program once, by assertions of a library.
    @Test(arguments: [
        ("[=", 1), ("[}]", 1), ("\n[.a]", 2), ("[\u{1}]", 1), ("mouse = [}]", 1), ("a = 1979-05-27T'7", 1),
        ("theme = \"x\n", 1), ("theme = x", 1), ("theme = ", 1), ("theme", 1), ("= 1", 1), ("theme = \"a\" b", 1),
        ("theme = \"a\"\ntheme = \"b\"", 2), ("[keys]\n[keys]", 2), ("mouse = true\n[mouse]", 2),
        ("keys = {}\n[keys]", 2), ("keys = { pause = \"p\"", 1), ("keys = { pause }", 1), ("[keys", 1), ("[[keys]]", 1),
        ("theme = \"\\x\"", 1), ("theme = \"\\ud800\"", 1), ("theme = \"\\u12\"", 1), ("theme = \"\u{7}\"", 1),
        ("\n\ntheme = \"\"\"\nnever closed", 3), ("theme = \"\"\"a\\ b\"\"\"", 1), ("\"\"\"a\"\"\" = 1", 1),
    ]) func `what it does not allow is refused with its line`(_ text: String, _ line: Int) throws {
        try refused(text, line)
    }

    @Test(arguments: [("a = ", "[", ""), ("", "a.", "b = 1"), ("a = ", "{a=", "")])
    func `nesting a hundred thousand deep is refused`(_ start: String, _ repeated: String, _ end: String) throws {
        try refused(start + String(repeating: repeated, count: 100_000) + end, 1)
    }

    private func refused(_ text: String, _ line: Int) throws {
        let found = try errors(text)
        #expect(found.count == 1 && found.first?.line == line, "\(found)")
        #expect(found.first?.reason.hasPrefix("not TOML: ") == true)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a megabyte of keys is read in time, more is refused, and so is what is no text or no file`() throws {
        #expect(try errors("[k]\n" + (0..<60_000).map { "k\($0) = 1\n" }.joined()).count == 1)
        #expect(try errors((0..<60_000).map { "k.k\($0) = 1\n" }.joined()).count == 1)
        #expect(try errors(String(repeating: "#", count: 1 << 21)).first?.reason.contains("megabyte") == true)
        let folder = FileManager.default.temporaryDirectory.path + "/settings-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data([0x61, 0xFF, 0x0A]).write(to: URL(fileURLWithPath: folder + "/bytes"))
        #expect(Configuration.load(path: folder + "/bytes").1.first?.reason.contains("UTF-8") == true)
        #expect(mkfifo(folder + "/pipe", 0o600) == 0)
        symlink("/dev/zero", folder + "/endless")
        for path in [folder + "/pipe", folder + "/endless", folder] {
            let found = Configuration.load(path: path).1
            #expect(found.count == 1 && found.first?.path == path, "\(found)")
            #expect(throws: SettingsError.self) { try Theme.load(path: path) }
        }
    }
}
