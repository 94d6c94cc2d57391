import Support

/// The entries of a zip file. torch.save stores them all and compresses none; in a TorchScript archive the program's text is
/// compressed, and only the tensors, which are stored, are read.
///
/// Sizes come from the central directory: local headers of torch files say 0 and leave them to a data descriptor. Source:
/// PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (ZIP64).
struct ZipArchive {
    struct Entry {
        /// Of the entry's bytes in the file.
        let range: Range<Int>
        let checksum: UInt32
        let isStored: Bool
    }

    let entries: [String: Entry]
    let file: FileContents

    private static let maximumEntries = 100_000

    init(_ file: FileContents) throws(CheckpointError) {
        self.file = file
        var (count, offset, size) = try Self.directory(of: file)
        guard count <= Self.maximumEntries else { throw file.damaged("it claims \(count) zip entries") }
        var entries: [String: Entry] = [:]
        let end = offset + size
        while count > 0 {
            guard offset + 46 <= end, try file.number(at: offset, width: 4) == 0x0201_4B50 else {
                throw file.damaged("the zip directory ends early")
            }
            let flags = try file.number(at: offset + 8, width: 2)
            let method = try file.number(at: offset + 10, width: 2)
            let checksum = UInt32(truncatingIfNeeded: try file.number(at: offset + 16, width: 4))
            var stored = try file.number(at: offset + 20, width: 4)
            var full = try file.number(at: offset + 24, width: 4)
            let nameLength = Int(try file.number(at: offset + 28, width: 2))
            let extraLength = Int(try file.number(at: offset + 30, width: 2))
            let commentLength = Int(try file.number(at: offset + 32, width: 2))
            var header = try file.number(at: offset + 42, width: 4)
            let nameStart = offset + 46
            let next = nameStart + nameLength + extraLength + commentLength
            guard next <= end else { throw file.damaged("the zip directory ends early") }
            let name = String(decoding: file.bytes[nameStart..<(nameStart + nameLength)], as: UTF8.self)
            try Self.readZip64(file, nameStart + nameLength, extraLength, full: &full, stored: &stored, header: &header)
            guard flags & 1 == 0 else {
                throw .unsupported(
                    file: file.name, found: "the zip entry '\(name)' is encrypted", advice: "save it anew")
            }
            let start = try Self.dataStart(file, header)
            guard let length = Int(exactly: stored), start <= file.bytes.count, length <= file.bytes.count - start
            else {
                throw file.damaged("the zip entry '\(name)' reaches beyond the end of the file")
            }
            guard entries[name] == nil else { throw file.damaged("the zip entry '\(name)' is there twice") }
            entries[name] = Entry(
                range: start..<(start + length), checksum: checksum, isStored: method == 0 && stored == full)
            offset = next
            count -= 1
        }
        self.entries = entries
        // Entries that share bytes would have each of them read for every one: a bomb of another kind.
        let ranges = entries.values.map(\.range).filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(ranges, ranges.dropFirst()) where next.lowerBound < one.upperBound {
            throw file.damaged("its zip entries overlap")
        }
    }

    /// The bytes of an entry, checked against its CRC-32 where it has one (torch can switch it off, leaving 0).
    ///
    /// Throws `.damaged` where it is missing or its checksum wrong, `.unsupported` where it is compressed.
    func verifiedRange(_ name: String) throws(CheckpointError) -> Range<Int> {
        guard let entry = entries[name] else { throw file.damaged("the zip entry '\(name)' is missing") }
        guard entry.isStored else {
            throw .unsupported(
                file: file.name, found: "the zip entry '\(name)' is compressed, which torch.save never does",
                advice: "load and save the weights with torch.save again")
        }
        if entry.checksum != 0 {
            let found = CRC32.zip.of(UnsafeRawBufferPointer(rebasing: file.bytes[entry.range]))
            guard found == entry.checksum else {
                throw file.damaged("the checksum of the zip entry '\(name)' is wrong")
            }
        }
        return entry.range
    }

    /// Number of entries, offset and size of the central directory.
    private static func directory(of file: FileContents) throws(CheckpointError) -> (Int, Int, Int) {
        let second = file.damaged("it has a second zip directory, or a gap before the first")
        // The end record is the last 22 bytes, before a comment of at most 65,535.
        var end = file.bytes.count - 22
        let lowest = max(0, end - 65_535)
        while end >= lowest, try file.number(at: end, width: 4) != 0x0605_4B50 { end -= 1 }
        guard end >= lowest else { throw file.damaged("the zip directory at its end is missing") }
        var count = try file.number(at: end + 10, width: 2)
        var size = try file.number(at: end + 12, width: 4)
        var offset = try file.number(at: end + 16, width: 4)
        var directoryEnd = end
        guard end + 22 + Int(try file.number(at: end + 20, width: 2)) == file.bytes.count else {
            throw file.damaged("something follows the end of the zip directory")
        }
        if end >= 20, try file.number(at: end - 20, width: 4) == 0x0706_4B50 {
            let record = try file.number(at: end - 12, width: 8)
            guard let at = Int(exactly: record), at <= end - 56, try file.number(at: at, width: 4) == 0x0606_4B50 else {
                throw file.damaged("the ZIP64 end record is missing")
            }
            // The record ends where its locator begins, or there are two of them.
            guard try file.number(at: at + 4, width: 8) == UInt64(clamping: end - 20 - at - 12) else { throw second }
            count = try file.number(at: at + 32, width: 8)
            size = try file.number(at: at + 40, width: 8)
            offset = try file.number(at: at + 48, width: 8)
            directoryEnd = at
        }
        guard let start = Int(exactly: offset), let length = Int(exactly: size), let number = Int(exactly: count),
            start <= directoryEnd, length <= directoryEnd - start
        else { throw file.damaged("the zip directory lies outside the file") }
        // Another directory in between would be one that other programs might read.
        guard start + length == directoryEnd else { throw second }
        return (number, start, length)
    }

    /// Takes 8-byte sizes and offset from the ZIP64 extra field where the 4-byte ones say "look there".
    private static func readZip64(
        _ file: FileContents, _ start: Int, _ length: Int, full: inout UInt64, stored: inout UInt64,
        header: inout UInt64
    ) throws(CheckpointError) {
        var at = start
        while at + 4 <= start + length {
            let kind = try file.number(at: at, width: 2)
            let size = Int(try file.number(at: at + 2, width: 2))
            guard at + 4 + size <= start + length else { return }
            if kind == 1 {
                var field = at + 4
                func take(_ value: inout UInt64) throws(CheckpointError) {
                    guard value == 0xFFFF_FFFF, field + 8 <= at + 4 + size else { return }
                    value = try file.number(at: field, width: 8)
                    field += 8
                }
                try take(&full)
                try take(&stored)
                try take(&header)
            }
            at += 4 + size
        }
    }

    /// The local header's own name and extra lengths tell where the data begins; they differ from the directory's.
    private static func dataStart(_ file: FileContents, _ header: UInt64) throws(CheckpointError) -> Int {
        guard let at = Int(exactly: header), at <= file.bytes.count - 30,
            try file.number(at: at, width: 4) == 0x0403_4B50
        else { throw file.damaged("a zip entry's header lies outside the file") }
        return at + 30 + Int(try file.number(at: at + 26, width: 2)) + Int(try file.number(at: at + 28, width: 2))
    }
}
