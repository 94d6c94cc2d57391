extension Image {
    /// PBM, PGM and PPM, plain and raw (P1 to P6), any largest value up to 65535, comments; the first image of several.
    init(netpbm file: FileBytes) throws {
        var reader = NetpbmReader(file: file, offset: 2)
        let type = Int(file.byte(1) ?? 0) - Int(UInt8(ascii: "0"))
        let size = try ImageSize(width: reader.number(), height: reader.number(), file: file, kind: .netpbm)
        let isBitmap = type == 1 || type == 4
        let largest = isBitmap ? 1 : try reader.number()
        guard largest > 0, largest < 65_536 else {
            throw file.damaged(.netpbm, "its largest value is \(largest), not 1 to 65535")
        }
        let channels = type == 3 || type == 6 ? 3 : 1
        // value · 255 / largest, halves to even, as Pillow's Python rounds it.
        let scaled = (0...largest).map { value -> UInt8 in
            if isBitmap { return value == 0 ? 255 : 0 }
            return UInt8(clamping: Int((Double(value) / Double(largest) * 255).rounded(.toNearestOrEven)))
        }
        let samples = size.pixelCount * channels

        if type <= 3 {
            // Each number takes a byte at least, which bounds what is allocated by what is there.
            guard samples <= file.count else { throw file.cutShort(.netpbm) }
            try self.init(size) { pixels in
                for i in 0..<samples {
                    let value = isBitmap ? try reader.bit() : try reader.number()
                    guard value <= largest else { throw file.damaged(.netpbm, "a value of \(value) above \(largest)") }
                    Self.put(scaled[value], at: i, channels: channels, into: pixels)
                }
            }
            return
        }
        let stride = isBitmap ? (size.width + 7) / 8 : size.width * channels * (largest > 255 ? 2 : 1)
        guard let data = file.part(reader.offset + 1, stride * size.height) else { throw file.cutShort(.netpbm) }
        try self.init(size) { pixels in
            if channels == 3, largest == 255, let bytes = data.baseAddress {
                // The usual PPM holds the very bytes.
                UnsafeMutableRawPointer(pixels).copyMemory(from: bytes, byteCount: samples)
                return
            }
            for i in 0..<samples {
                let value =
                    if isBitmap {
                        Int(data[i / size.width * stride + i % size.width / 8] >> (7 - UInt8(i % size.width % 8)) & 1)
                    } else if largest > 255 {
                        Int(data[2 * i]) << 8 | Int(data[2 * i + 1])
                    } else {
                        Int(data[i])
                    }
                Self.put(scaled[min(largest, value)], at: i, channels: channels, into: pixels)
            }
        }
    }

    @inline(__always)
    private static func put(_ value: UInt8, at sample: Int, channels: Int, into pixels: UnsafeMutablePointer<UInt8>) {
        if channels == 3 {
            pixels[sample] = value
        } else {
            spreadGrey(value, into: pixels + 3 * sample)
        }
    }
}

/// Numbers in ASCII between spaces and comments.
private struct NetpbmReader {
    let file: FileBytes
    var offset: Int

    private mutating func skipSpace() throws {
        while let byte = file.byte(offset) {
            if byte == UInt8(ascii: "#") {
                while let next = file.byte(offset), next != 0x0A, next != 0x0D { offset += 1 }
            } else if ImageKind.isSpace(byte) {
                offset += 1
            } else {
                return
            }
        }
        throw file.cutShort(.netpbm)
    }

    mutating func number() throws -> Int {
        try skipSpace()
        var value = 0
        var digits = 0
        while let byte = file.byte(offset), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
            digits += 1
            offset += 1
            guard digits <= 10 else { throw notANumber }
        }
        guard digits > 0 else { throw notANumber }
        return value
    }

    /// The digits of a plain bitmap need no space between them.
    mutating func bit() throws -> Int {
        try skipSpace()
        defer { offset += 1 }
        switch file.byte(offset) {
        case UInt8(ascii: "0"): return 0
        case UInt8(ascii: "1"): return 1
        default: throw notANumber
        }
    }

    private var notANumber: ImageError { file.damaged(.netpbm, "no number at byte \(offset)") }
}
