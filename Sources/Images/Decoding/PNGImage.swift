import CDecoders

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
