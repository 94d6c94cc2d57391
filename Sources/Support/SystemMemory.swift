import Foundation

/// Files in which the kernel tells about itself. They have no size, which `FileManager.contents` minds on some systems.
enum ProcFile {
    /// The first 64 KiB; nil where there is no such file.
    static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The number in a line `Name:   1234 kB`.
    static func kibibytes(_ name: String, in path: String) -> Int? {
        let line = text(path)?.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
    }
}
