import Dashboard
import Foundation
import FuzzSupport
import Testing

/// Spoiled themes end in an error that names the file, or in a theme, never in a crash.
@Suite struct ThemeFuzzTests {
    @Test func `TOML`() throws {
        let corpus = Mutator.files(URL(fileURLWithPath: ThemeTests.root + "/themes"))
        #expect(!corpus.isEmpty)
        let temporary = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        let path = "\(temporary)/frostline-fuzz-\(UUID().uuidString).toml"
        defer { unlink(path) }
        var (read, refused) = (0, 0)
        Mutator(corpus).run("toml", count: Mutator.count(otherwise: 500)) { bytes in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            close(descriptor)
            do throws(SettingsError) {
                _ = try Theme.load(path: path)
                read += 1
            } catch {
                refused += 1
                if error.path != path { Issue.record("\(error)") }
            }
        }
        #expect(read > 0 && refused > 0)
    }
}
