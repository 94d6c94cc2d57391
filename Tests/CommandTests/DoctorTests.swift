import Foundation
import Support
import Testing

@testable import Terminal
@testable import frostline

@Suite struct DoctorTests {
    @Test func `a line has a sign, what was found and what to do`() {
        #expect(
            DoctorCommand.lines(.bad("weights", "none", "fetch some"), isUTF8: true) == [
                "✗ weights       none → fetch some"
            ])
        #expect(DoctorCommand.lines(.good("cores", "2 cores"), isUTF8: false) == ["+ cores         2 cores"])
    }

    @Test func `the command says all there is, and ends with 0 where nothing is broken`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let result = try harness.run(["doctor", "--json"])
        #expect(result.code == 0 && result.error.isEmpty, "\(result.error)")
        let report = try #require(JSON.parse(Data(result.output.utf8)))
        #expect(report["works"]?.flag == true)
        let names = report["findings"]?.items?.compactMap { $0["name"]?.text } ?? []
        for name in [
            "program", "processor", "openblas", "memory", "cores", "pictures", "locale", "terminal", "configuration",
            "themes", "weights", "run folder",
        ] { #expect(names.contains(name), "\(name)") }
        // Nothing is left of what was tried in the folder.
        let left = try FileManager.default.contentsOfDirectory(atPath: harness.folder)
        #expect(!left.contains { $0.hasPrefix(".frostline-doctor") })
    }

    @Test func `a folder that nothing can be written in is said`() {
        let finding = FolderCheck.finding("/proc/1")
        #expect(finding.state == .bad && finding.text.contains("nothing can be written"))
    }

    @Test func `quotas of control groups are read`() {
        #expect(CoreQuota.quota("150000 100000\n") == 1.5)
        #expect(CoreQuota.quota("max 100000\n") == nil)
        #expect(CoreQuota.quota("-1\n 100000\n") == nil)
        #expect(CoreQuota.quota("x") == nil)
    }

    @Test func `answers of terminals are understood`() {
        var kitty = TerminalTraits.blank
        kitty.take("\u{1B}[?2026;2$y\u{1B}[?0u\u{1B}[?62;c")
        #expect(kitty.answers && kitty.isSynchronised && kitty.hasKeyboardProtocol)
        var old = TerminalTraits.blank
        old.take("\u{1B}[?2026;0$y\u{1B}[?1;2c")
        #expect(old.answers && !old.isSynchronised && !old.hasKeyboardProtocol)
        var silent = TerminalTraits.blank
        silent.take("q")
        #expect(!silent.answers)
    }
}

@Suite struct PictureArgumentTests {
    @Test func `names come a line or a zero byte each`() {
        let text = Array("a b.jpg\r\n\nc\n".utf8)
        #expect(
            PictureArguments.names(text, zero: false).map { String(decoding: $0, as: UTF8.self) } == ["a b.jpg", "c"])
        let zeros = Array("a\nb\0c".utf8)
        #expect(PictureArguments.names(zeros, zero: true).map { String(decoding: $0, as: UTF8.self) } == ["a\nb", "c"])
    }

    @Test func `a folder stands for its pictures, in the order of their names`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let folder = harness.folder + "/drawn"
        try DrawnFolder.write(to: folder, seed: 1)
        let found = try PictureArguments.paths([Array((folder + "/task-b/val").utf8)], zero: false)
        #expect(
            found.count == 120
                && found.map { String(decoding: $0, as: UTF8.self) }.sorted()
                    == found.map { String(decoding: $0, as: UTF8.self) }
        )
        // A folder that is there is not written into.
        #expect(throws: (any Error).self) { try DrawnFolder.write(to: folder, seed: 1) }
    }
}
