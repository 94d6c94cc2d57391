/// A file's bytes with every access checked: what lies outside is nil, never a trap.
struct FileBytes {
    let bytes: UnsafeRawBufferPointer
    let name: String

    init(_ bytes: UnsafeRawBufferPointer, name: String) {
        self.bytes = bytes
        self.name = name
    }

    var count: Int { bytes.count }

    @inline(__always)
    func byte(_ offset: Int) -> UInt8? {
        offset >= 0 && offset < bytes.count ? bytes[offset] : nil
    }

    func has(_ count: Int, at offset: Int) -> Bool {
        offset >= 0 && count >= 0 && offset <= bytes.count && count <= bytes.count - offset
    }

    func little16(_ offset: Int) -> Int? {
        guard has(2, at: offset) else { return nil }
        return Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
    }

    func little32(_ offset: Int) -> Int? {
        guard has(4, at: offset) else { return nil }
        return Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    func big16(_ offset: Int) -> Int? {
        guard has(2, at: offset) else { return nil }
        return Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
    }

    func big32(_ offset: Int) -> Int? {
        guard has(4, at: offset) else { return nil }
        return Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    func starts(with text: StaticString, at offset: Int = 0) -> Bool {
        let count = text.utf8CodeUnitCount
        guard has(count, at: offset) else { return false }
        for i in 0..<count where bytes[offset + i] != text.utf8Start[i] { return false }
        return true
    }

    func part(_ offset: Int, _ count: Int) -> UnsafeRawBufferPointer? {
        guard has(count, at: offset) else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }
}
