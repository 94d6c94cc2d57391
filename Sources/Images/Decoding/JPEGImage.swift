import CDecoders

extension Image {
    /// libjpeg's default transform (ISLOW) and fancy upsampling, which are Pillow's.
    ///
    /// Always at full size: libjpeg can decode to a half or a quarter in less time, but what is resized from that is not the
    /// same image. Over fourteen photographs, scans and drawings the bytes differed by up to 9 where the half was twice as
    /// large as wanted, and by up to 4 where it was three and a half times as large.
    init(jpeg file: FileBytes) throws {
        guard let base = file.bytes.bindMemory(to: UInt8.self).baseAddress, let reader = cjpeg_open(base, file.count)
        else { throw file.damaged(.jpeg, "no memory for it") }
        defer { cjpeg_close(reader) }
        func check(_ status: decoder_status) throws { try file.check(status, .jpeg, cjpeg_message(reader)) }
        var width: Int32 = 0
        var height: Int32 = 0
        var components: Int32 = 0
        try check(cjpeg_header(reader, &width, &height, &components))
        let size = try ImageSize(width: Int(width), height: Int(height), file: file, kind: .jpeg)
        switch components {
        case 3:
            try self.init(size) { try check(cjpeg_pixels(reader, $0)) }
        case 1:
            // Grey is decoded into the last third and spread from there, front to back: a value is read before it is
            // overwritten.
            try self.init(size) { pixels in
                let grey = pixels + size.pixelCount * 2
                try check(cjpeg_pixels(reader, grey))
                for i in 0..<size.pixelCount { spreadGrey(grey[i], into: pixels + 3 &* i) }
            }
        case 4:
            var inks = [UInt8](repeating: 0, count: size.pixelCount * 4)
            try inks.withUnsafeMutableBufferPointer { buffer in
                if let base = buffer.baseAddress { try check(cjpeg_pixels(reader, base)) }
            }
            // Every CMYK JPEG is taken for Adobe's, which stores 255 − ink, as Pillow does.
            try self.init(size) { pixels in
                inks.withUnsafeBufferPointer { inks in
                    for i in 0..<size.pixelCount {
                        cmykToRGB(
                            255 - inks[4 * i], 255 - inks[4 * i + 1], 255 - inks[4 * i + 2], 255 - inks[4 * i + 3],
                            into: pixels + 3 * i)
                    }
                }
            }
        default:
            throw file.unsupported(.jpeg, "\(components) components instead of 1, 3 or 4")
        }
    }
}

@inline(__always)
func spreadGrey(_ value: UInt8, into pixel: UnsafeMutablePointer<UInt8>) {
    for channel in 0..<3 { pixel[channel] = value }
}

/// Pillow's CMYK to RGB: (255 − k) − ink · (255 − k) / 255, the quotient rounded as Pillow's MULDIV255 does it.
@inline(__always)
func cmykToRGB(_ c: UInt8, _ m: UInt8, _ y: UInt8, _ k: UInt8, into pixel: UnsafeMutablePointer<UInt8>) {
    let light = Int(255 - k)
    func channel(_ ink: UInt8) -> UInt8 {
        let product = Int(ink) * light + 128
        return UInt8(clamping: light - ((product >> 8) + product) >> 8)
    }
    pixel[0] = channel(c)
    pixel[1] = channel(m)
    pixel[2] = channel(y)
}
