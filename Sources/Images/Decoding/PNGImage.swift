import CDecoders
import Glibc

extension Image {
    /// Every depth and colour type, interlaced or not; alpha and transparent palette entries are dropped, not blended.
    init(png file: FileBytes) throws {
        guard let base = file.bytes.bindMemory(to: UInt8.self).baseAddress, let reader = cpng_open(base, file.count)
        else { throw file.damaged(.png, "no memory for it") }
        defer { cpng_close(reader) }
        func check(_ status: decoder_status) throws { try file.check(status, .png, cpng_message(reader)) }
        var width: UInt32 = 0
        var height: UInt32 = 0
        try check(cpng_header(reader, &width, &height))
        let size = try ImageSize(width: Int(width), height: Int(height), file: file, kind: .png)
        try self.init(size) { try check(cpng_pixels(reader, $0)) }
    }
}

extension Image {
    /// The picture as a PNG file's bytes, 8-bit RGB; nil where a side is longer than 65535 pixels, or memory is missing.
    package func png() -> [UInt8]? {
        guard width <= 65535, height <= 65535 else { return nil }
        var count = 0
        let file = pixels.withUnsafeBufferPointer { pixels in
            pixels.baseAddress.flatMap { cpng_encode($0, UInt32(width), UInt32(height), &count) }
        }
        guard let file else { return nil }
        defer { free(file) }
        return Array(UnsafeBufferPointer(start: file, count: count))
    }
}
