import Foundation
import Support
import Testing

@Suite struct LinesFromEndTests {
    /// The lines of a file of these bytes, as they come.
    private func lines(_ text: String, limit: Int = .max) throws -> [String] {
        let path = NSTemporaryDirectory() + "/support-\(UUID().uuidString)"
        defer { unlink(path) }
        try AtomicFile.write(Array(text.utf8), to: path)
        return try all(LinesFromEnd(path, limit: limit))
    }

    private func all(_ lines: LinesFromEnd) -> [String] {
        var result: [String] = []
        while let line = lines.next() { result.append(String(decoding: line, as: UTF8.self)) }
        return result
    }

    @Test func `the last line comes first, and one without a line break is none`() throws {
        #expect(try lines("a\nbb\n\nccc\nhalf") == ["ccc", "", "bb", "a"])
        #expect(try lines("\na\n") == ["a", ""])
        #expect(try lines("a\n") == ["a"])
        for text in ["", "half"] { #expect(try lines(text).isEmpty) }
        #expect(try lines("\n") == [""])
    }

    @Test(arguments: [1, 7, 4096, 262_143, 262_144, 262_145, 700_000])
    func `lines that lie across blocks are whole`(_ length: Int) throws {
        // Three blocks at least, and a length that puts the breaks at every place in a block.
        let count = max(5, min(900_000 / (length + 1), 3000))
        let expected = (0..<count).map { String(repeating: "\($0 % 10)", count: length + $0 % 3) }
        let found = try lines(expected.joined(separator: "\n") + "\n")
        #expect(found == expected.reversed())
    }

    @Test func `nothing before the limit is read, and a line that it cuts is left out`() throws {
        let text = (0..<100).map { "line \($0 % 10)\n" }.joined()
        #expect(try lines(text, limit: 7 * 3) == ["line 9", "line 8"])
        #expect(try lines(text, limit: 7 * 3 + 6).count == 3)
        #expect(try lines(text, limit: 700).count == 100)
        #expect(try lines(text, limit: 0).isEmpty)
    }

    @Test func `a line longer than any of ours ends it, in little memory`() throws {
        let path = NSTemporaryDirectory() + "/support-\(UUID().uuidString)"
        defer { unlink(path) }
        try AtomicFile.write(Array("first\n".utf8), to: path)
        // A hole larger than any memory in place of a line.
        #expect(truncate(path, 1 << 42) == 0)
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("\nlast but one\nlast\n".utf8))
        #expect(try all(LinesFromEnd(path, limit: .max)) == ["last", "last but one"])
        #expect(truncate(path, 1 << 42) == 0)
        #expect(try all(LinesFromEnd(path, limit: .max)).isEmpty)
    }

    @Test func `a file that is shortened meanwhile ends early`() throws {
        let path = NSTemporaryDirectory() + "/support-\(UUID().uuidString)"
        defer { unlink(path) }
        try AtomicFile.write(Array(repeating: UInt8(ascii: "\n"), count: 1 << 20), to: path)
        let lines = try LinesFromEnd(path, limit: .max)
        #expect(truncate(path, 5) == 0)
        var count = 0
        while lines.next() != nil { count += 1 }
        #expect(count > 0 && count < 1 << 20)
    }
}
