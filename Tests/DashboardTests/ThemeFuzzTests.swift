import TUI
import Support
import Dashboard
import Foundation
import FuzzSupport
import Testing

/// Spoiled themes and configurations end in errors that name the file, or are taken, never in a crash, and in bounded
/// memory.
@Suite struct ThemeFuzzTests {
    private static let bound = 3 << 30
    private static let configurations = [
        """
        theme = "night"
        smoothing = "strong" # a word
        glyphs = 'block'
        mouse = false
        [keys]
        pause = "P"
        toggle = ["x", "space",]
        axis = []
        """,
        """
        a.b."c d" = { e = 1, f = [[2.5, -3e7], {g.h = true}], i = 1979-05-27T07:32:00Z }
        long = \"\"\"
        one \\u00e9 \\
           two\"\"\"\"
        other = '''raw'''
        date = 1979-05-27 07:32:00
        """,
    ]

    private func fuzz(_ name: String, _ corpus: [[UInt8]], _ load: (String) -> [SettingsError]) {
        #expect(!corpus.isEmpty)
        let temporary = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        let path = "\(temporary)/frostline-fuzz-\(UUID().uuidString).toml"
        defer { unlink(path) }
        var (read, refused) = (0, 0)
        Mutator(corpus).run(name, count: Mutator.count(otherwise: 3000)) { bytes in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            close(descriptor)
            let errors = load(path)
            if errors.isEmpty { read += 1 } else { refused += 1 }
            for error in errors where error.path != path { Issue.record("\(error)") }
        }
        #expect(read > 0 && refused > 0)
        #expect(ProcessMemory.peak < Self.bound)
    }

    @Test func `TOML of themes`() {
        // Their first lines: what a theme repeats forty times need not be spoiled forty times.
        let themes = Mutator.files(URL(fileURLWithPath: ThemeTests.root + "/themes"))
        let corpus = themes.map { file in Array(file.prefix(700).prefix { $0 != 0 }) + Array("\n".utf8) }
        let short = "[palette]\nred = \"#ff0000\"\n[roles]\ntitle = { fg = \"red\", underline = true }\n"
        fuzz("theme", corpus + [Array(short.utf8)]) { path in
            do throws(SettingsError) {
                _ = try Theme.load(path: path)
                return []
            } catch {
                return [error]
            }
        }
    }

    @Test func `TOML of configurations`() {
        fuzz("config", Self.configurations.map { Array($0.utf8) }) { Configuration.load(path: $0).1 }
    }
}
