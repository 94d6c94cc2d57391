import Glibc

/// The lines of a file, the last one first, read from its end in blocks: of a file of hundreds of megabytes only what is
/// asked for. What follows the last line break is no line yet.
package final class LinesFromEnd {
    private let descriptor: Int32
    /// Where the bytes begin in the file.
    private var offset: Int
    /// Nothing before it is read.
    private let first: Int
    private var bytes: [UInt8] = []
    /// Where in the bytes the next line ends; nil where there is none.
    private var end: Int?

    private static let block = 256 << 10
    /// A longer line, and what stands before it, is not read.
    private static let longestLine = 1 << 20
    private static let lineBreak = UInt8(ascii: "\n")

    /// Reads `limit` bytes at most.
    package init(_ path: String, limit: Int) throws(FileError) {
        let (descriptor, size) = try RegularFile.open(path)
        self.descriptor = descriptor
        offset = size
        first = max(0, size - limit)
        let lowest = size - Self.longestLine
        while end == nil, offset > lowest, let block = blockBefore() {
            end = block.lastIndex(of: Self.lineBreak)
            bytes = block
        }
    }

    deinit { close(descriptor) }

    package func next() -> ArraySlice<UInt8>? {
        while let end {
            if let start = bytes[..<end].lastIndex(of: Self.lineBreak) {
                self.end = start
                return bytes[(start + 1)..<end]
            }
            if offset == 0 {
                self.end = nil
                return bytes[..<end]
            }
            guard end <= Self.longestLine, let block = blockBefore() else {
                self.end = nil
                return nil
            }
            bytes = block + bytes[..<end]
            self.end = end + block.count
        }
        return nil
    }

    /// nil at the beginning, and where the file was shortened meanwhile.
    private func blockBefore() -> [UInt8]? {
        let count = min(Self.block, offset - first)
        guard count > 0 else { return nil }
        var block = [UInt8](repeating: 0, count: count)
        let read = block.withUnsafeMutableBytes { readAll(into: $0, from: descriptor, at: offset - count).count }
        guard read == count else { return nil }
        offset -= count
        return block
    }
}
