import Support

/// Writes a zip file that stores and does not compress, each entry's bytes aligned as torch.save aligns them.
///
/// Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.16 (end record). Without ZIP64, so
/// that 4 GiB is the limit; a ResNet18 takes 45 MiB.
struct ZipWriter {
    private struct Directory {
        var name: [UInt8]
        var checksum: UInt32
        var count: Int
        var offset: Int
    }

    /// Takes the bytes, in the order of the file.
    typealias Sink = (UnsafeRawBufferPointer) throws -> Void

    private var written = 0
    private var entries: [Directory] = []

    /// torch maps storages from the file, and wants them at multiples of this.
    private static let alignment = 64
    private static let limit = Int(UInt32.max)
    /// The first day that a zip can name; a fixed one, so that the same weights make the same file.
    private static let date: UInt16 = 0x21

    /// Throws `Oversize` where the file would outgrow the format, and what the sink throws.
    mutating func add(_ name: String, _ bytes: UnsafeRawBufferPointer, to sink: Sink) throws {
        let name = Array(name.utf8)
        let entry = Directory(name: name, checksum: CRC32.zip.of(bytes), count: bytes.count, offset: written)
        guard written + bytes.count + 1024 + name.count < Self.limit, name.count < 1024 else { throw Oversize() }
        let unaligned = written + 30 + name.count + 4
        let padding = (Self.alignment - unaligned % Self.alignment) % Self.alignment
        var header = LittleEndianBytes()
        header.append(0x0403_4B50 as UInt32, 0 as UInt16)
        append(entry, to: &header)
        header.append(UInt16(name.count), UInt16(4 + padding))
        header.append(name + Array("FB".utf8))
        header.append(UInt16(padding))
        header.append([UInt8](repeating: UInt8(ascii: "Z"), count: padding))
        try put(header.bytes, to: sink)
        try sink(bytes)
        written += bytes.count
        entries.append(entry)
    }

    mutating func finish(to sink: Sink) throws {
        let start = written
        for entry in entries {
            var header = LittleEndianBytes()
            header.append(0x0201_4B50 as UInt32, 0 as UInt32)
            append(entry, to: &header)
            header.append(UInt16(entry.name.count))
            // No extra field, no comment, the first disk, no attributes.
            header.append([UInt8](repeating: 0, count: 12))
            header.append(UInt32(entry.offset))
            header.append(entry.name)
            try put(header.bytes, to: sink)
        }
        guard written < Self.limit, entries.count < Int(UInt16.max) else { throw Oversize() }
        var end = LittleEndianBytes()
        end.append(0x0605_4B50 as UInt32, 0 as UInt32, UInt16(entries.count), UInt16(entries.count))
        end.append(UInt32(written - start), UInt32(start), 0 as UInt16)
        try put(end.bytes, to: sink)
    }

    struct Oversize: Error {}

    /// What local header and directory have in common: flags, method, time, date, checksum and both sizes.
    private func append(_ entry: Directory, to header: inout LittleEndianBytes) {
        header.append(0 as UInt16, 0 as UInt16, 0 as UInt16, Self.date)
        header.append(entry.checksum, UInt32(entry.count), UInt32(entry.count))
    }

    private mutating func put(_ bytes: [UInt8], to sink: Sink) throws {
        try bytes.withUnsafeBytes { try sink($0) }
        written += bytes.count
    }
}
