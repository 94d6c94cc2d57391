import CDecoders
import Support

/// A file's bytes with every access checked: what lies outside is nil, never a trap.
struct FileBytes {
    let bytes: UnsafeRawBufferPointer
    let name: String

    var count: Int { bytes.count }

    @inline(__always)
    func byte(_ offset: Int) -> UInt8? { offset >= 0 && offset < bytes.count ? bytes[offset] : nil }

    func has(_ count: Int, at offset: Int) -> Bool {
        offset >= 0 && count >= 0 && offset <= bytes.count && count <= bytes.count - offset
    }

    func little16(_ offset: Int) -> Int? { number(offset, 2, bigEndian: false) }
    func little24(_ offset: Int) -> Int? { number(offset, 3, bigEndian: false) }
    func little32(_ offset: Int) -> Int? { number(offset, 4, bigEndian: false) }
    func big16(_ offset: Int) -> Int? { number(offset, 2, bigEndian: true) }
    func big32(_ offset: Int) -> Int? { number(offset, 4, bigEndian: true) }

    private func number(_ offset: Int, _ width: Int, bigEndian: Bool) -> Int? {
        bytes.number(at: offset, width: width, bigEndian: bigEndian).map { Int($0) }
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

extension FileBytes {
    func cutShort(_ kind: ImageKind) -> ImageError { .cutShort(file: name, kind: kind.rawValue) }

    /// Throws what the status of a C decoder says.
    func check(_ status: decoder_status, _ kind: ImageKind, _ message: UnsafePointer<CChar>) throws {
        switch status {
        case DECODER_OK: return
        case DECODER_CUT_SHORT: throw cutShort(kind)
        default: throw damaged(kind, String(cString: message))
        }
    }

    func damaged(_ kind: ImageKind, _ detail: String) -> ImageError {
        .damaged(file: name, kind: kind.rawValue, detail: detail)
    }

    func unsupported(_ kind: ImageKind, _ detail: String) -> ImageError {
        .unsupported(file: name, kind: kind.rawValue, detail: detail)
    }
}
