extension Image {
    /// Windows and OS/2 bitmaps: 1, 4, 8, 16, 24 and 32 bits, RLE4 and RLE8, bit fields, either direction. Alpha is dropped.
    init(bmp file: FileBytes) throws {
        let header = try BMPHeader(file)
        let size = header.size
        if header.isRunLength {
            try self.init(size) { guard header.decodeRuns(file, into: $0) else { throw file.cutShort(.bmp) } }
            return
        }
        let (rowBits, overflow) = size.width.multipliedReportingOverflow(by: header.bits)
        let stride = overflow ? 0 : (rowBits + 31) / 32 * 4
        // The last row's padding may be missing.
        let (body, tooMuch) = stride.multipliedReportingOverflow(by: size.height - 1)
        guard !overflow, !tooMuch, file.has(body + (rowBits + 7) / 8, at: header.pixelOffset) else {
            throw file.cutShort(.bmp)
        }
        try self.init(size) { pixels in
            for row in 0..<size.height {
                guard let line = file.part(header.pixelOffset + row * stride, (rowBits + 7) / 8) else { return }
                let y = header.topDown ? row : size.height - 1 - row
                header.decodeRow(line, into: pixels + y * size.width * 3)
            }
        }
    }
}

private struct BMPHeader {
    let size: ImageSize
    let bits: Int
    let topDown: Bool
    let isRunLength: Bool
    let pixelOffset: Int
    /// RGB triples; missing entries are black.
    var palette = [UInt8](repeating: 0, count: 256 * 3)
    /// Red, green and blue: how far to shift a pixel to the right, and the largest value then.
    var fields: [(shift: Int, largest: Int)] = []

    init(_ file: FileBytes) throws {
        func need(_ value: Int?) throws -> Int {
            guard let value else { throw file.cutShort(.bmp) }
            return value
        }
        func unsupported(_ detail: String) -> ImageError { file.unsupported(.bmp, detail) }
        var offset = try need(file.little32(10))
        let headerSize = try need(file.little32(14))
        var width: Int
        var height: Int
        var compression = 0
        var colours = 0
        let entry: Int
        if headerSize == 12 {
            width = try need(file.little16(18))
            height = try need(file.little16(20))
            bits = try need(file.little16(24))
            entry = 3
            topDown = false
        } else {
            guard [40, 52, 56, 64, 108, 124].contains(headerSize) else {
                throw unsupported("a header of \(headerSize) bytes")
            }
            width = try need(file.little32(18))
            let signed = Int(Int32(truncatingIfNeeded: try need(file.little32(22))))
            topDown = signed < 0
            height = abs(signed)
            bits = try need(file.little16(28))
            compression = try need(file.little32(30))
            colours = try need(file.little32(46))
            entry = 4
        }
        size = try ImageSize(width: width, height: height, file: file, kind: .bmp)
        guard [1, 4, 8, 16, 24, 32].contains(bits) else { throw unsupported("\(bits) bits a pixel") }
        if colours == 0 { colours = bits <= 8 ? 1 << bits : 0 }
        var paletteOffset = 14 + headerSize
        switch compression {
        case 0: isRunLength = false
        case 1 where bits == 8, 2 where bits == 4: isRunLength = true
        case 3 where bits >= 16: isRunLength = false
        default: throw unsupported("compression \(compression)")
        }
        if bits == 16 || bits == 32 || compression == 3 {
            var masks = bits == 16 ? [0x7C00, 0x3E0, 0x1F] : [0xFF0000, 0xFF00, 0xFF]
            if compression == 3 {
                let given = try (0..<3).map { try need(file.little32(54 + 4 * $0)) }
                if headerSize == 40 { paletteOffset += 12 }
                if given != [0, 0, 0] { masks = given }
            }
            for mask in masks {
                let shift = mask == 0 ? 0 : mask.trailingZeroBitCount
                let largest = mask >> shift
                guard largest & (largest + 1) == 0 else { throw unsupported("bit fields with gaps") }
                fields.append((shift, largest))
            }
        }
        if bits <= 8 {
            guard colours <= 65_536 else { throw unsupported("\(colours) palette entries") }
            for i in 0..<min(colours, 256) {
                guard let colour = file.part(paletteOffset + i * entry, 3) else { throw file.cutShort(.bmp) }
                palette.replaceSubrange(3 * i..<3 * i + 3, with: colour.reversed())
            }
            // Some writers forget the palette when they say where the pixels start.
            if offset == 14 + headerSize { offset += entry * colours }
        }
        pixelOffset = offset != 0 ? offset : paletteOffset + (bits <= 8 ? entry * colours : 0)
    }

    /// `line` holds the row's bytes, without padding.
    func decodeRow(_ line: UnsafeRawBufferPointer, into row: UnsafeMutablePointer<UInt8>) {
        switch bits {
        case 1, 4, 8:
            let mask = (1 << bits) - 1
            for x in 0..<size.width {
                let bit = x * bits
                put(Int(line[bit >> 3]) >> (8 - bits - bit & 7) & mask, into: row + 3 * x)
            }
        case 24 where fields.isEmpty:
            for x in 0..<size.width {
                for channel in 0..<3 { row[3 * x + channel] = line[3 * x + 2 - channel] }
            }
        default:
            let bytes = bits / 8
            for x in 0..<size.width {
                var pixel = 0
                for i in 0..<bytes { pixel |= Int(line[x * bytes + i]) << (8 * i) }
                for channel in 0..<3 {
                    let (shift, largest) = fields[channel]
                    let value = pixel >> shift & largest
                    row[3 * x + channel] = largest == 255 || largest == 0 ? UInt8(value) : UInt8(value * 255 / largest)
                }
            }
        }
    }

    private func put(_ index: Int, into pixel: UnsafeMutablePointer<UInt8>) {
        for channel in 0..<3 { pixel[channel] = palette[3 * index + channel] }
    }

    /// RLE4 and RLE8. What the runs leave out has colour 0. False where the file ends before the image does.
    func decodeRuns(_ file: FileBytes, into pixels: UnsafeMutablePointer<UInt8>) -> Bool {
        for i in 0..<size.pixelCount { put(0, into: pixels + 3 * i) }
        var offset = pixelOffset
        var x = 0
        var row = 0
        func draw(_ index: Int) {
            guard x < size.width, row < size.height else { return }
            let y = topDown ? row : size.height - 1 - row
            put(index, into: pixels + 3 * (y * size.width + x))
            x += 1
        }
        while row < size.height {
            // The last row may do without its end.
            if row == size.height - 1, x == size.width { return true }
            guard let count = file.byte(offset), let value = file.byte(offset + 1) else { return false }
            offset += 2
            if count > 0 {
                for i in 0..<Int(count) {
                    draw(bits == 8 ? Int(value) : i % 2 == 0 ? Int(value >> 4) : Int(value & 15))
                }
                continue
            }
            switch value {
            case 0:
                x = 0
                row += 1
            case 1:
                return true
            case 2:
                guard let right = file.byte(offset), let up = file.byte(offset + 1) else { return false }
                x += Int(right)
                row += Int(up)
                offset += 2
            default:
                let bytes = bits == 8 ? Int(value) : (Int(value) + 1) / 2
                guard let literal = file.part(offset, bytes) else { return false }
                for i in 0..<Int(value) {
                    draw(bits == 8 ? Int(literal[i]) : i % 2 == 0 ? Int(literal[i / 2] >> 4) : Int(literal[i / 2] & 15))
                }
                offset += bytes + bytes % 2
            }
        }
        return true
    }
}
