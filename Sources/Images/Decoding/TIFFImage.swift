import CTIFF

extension Image {
    /// The first image of a TIFF, BigTIFF too: strips or tiles, samples interleaved or planar, 1 to 16 bits, grey, RGB, palette and
    /// CMYK as Pillow does them; other colour spaces through libtiff's own conversion. Associated alpha is divided out.
    init(tiff file: FileBytes) throws { self = try TIFFReader(file).image() }
}

/// libtiff over bytes in memory.
private final class TIFFReader {
    private let file: FileBytes
    private let memory: TIFFMemory
    private let tiff: OpaquePointer
    private let size: ImageSize

    /// libtiff writes to standard error unless told not to; what is wrong is said by our own errors.
    private static let silenced: Void = {
        TIFFSetErrorHandler(nil)
        TIFFSetWarningHandler(nil)
    }()

    init(_ file: FileBytes) throws {
        _ = Self.silenced
        self.file = file
        memory = TIFFMemory(file.bytes)
        guard let tiff = memory.open() else { throw file.damaged(.tiff, "no picture in it; it may be cut short") }
        self.tiff = tiff
        do {
            size = try ImageSize(
                width: Int(ctiff_number32(tiff, UInt32(TIFFTAG_IMAGEWIDTH), 0)),
                height: Int(ctiff_number32(tiff, UInt32(TIFFTAG_IMAGELENGTH), 0)), file: file, kind: .tiff)
        } catch {
            TIFFClose(tiff)
            throw error
        }
    }

    deinit { TIFFClose(tiff) }

    private func number(_ tag: Int32, _ missing: Int = 0) -> Int {
        Int(ctiff_number16(tiff, UInt32(tag), UInt16(clamping: missing)))
    }

    private func damaged(_ detail: String) -> ImageError { file.damaged(.tiff, detail) }

    private func unsupported(_ detail: String) -> ImageError { file.unsupported(.tiff, detail) }

    func image() throws -> Image {
        let bits = number(TIFFTAG_BITSPERSAMPLE, 1)
        let samples = number(TIFFTAG_SAMPLESPERPIXEL, 1)
        var photometric = number(TIFFTAG_PHOTOMETRIC, Int(PHOTOMETRIC_MINISWHITE))
        if photometric == Int(PHOTOMETRIC_YCBCR), number(TIFFTAG_COMPRESSION) == Int(COMPRESSION_JPEG),
            number(TIFFTAG_PLANARCONFIG, 1) == Int(PLANARCONFIG_CONTIG)
        {
            ctiff_jpeg_as_rgb(tiff)
            photometric = Int(PHOTOMETRIC_RGB)
        }
        guard number(TIFFTAG_SAMPLEFORMAT, 1) < Int(SAMPLEFORMAT_IEEEFP) else {
            throw unsupported("its pixels are floating-point numbers, of which none is known to be white")
        }
        var extraKind: UInt16 = 0
        let extra = Int(ctiff_extra_samples(tiff, &extraKind))
        let colours: Int
        switch photometric {
        case Int(PHOTOMETRIC_MINISWHITE), Int(PHOTOMETRIC_MINISBLACK), Int(PHOTOMETRIC_PALETTE): colours = 1
        case Int(PHOTOMETRIC_RGB): colours = 3
        case Int(PHOTOMETRIC_SEPARATED): colours = 4
        default: return try converted()
        }
        guard [1, 2, 4, 8, 12, 16].contains(bits) else { throw unsupported("\(bits) bits a sample") }
        guard samples >= colours, samples <= 64 else { throw unsupported("\(samples) samples a pixel") }
        // Alpha that the colours were multiplied with is needed to undo that.
        let isAssociated = extra > 0 && extraKind == UInt16(EXTRASAMPLE_ASSOCALPHA) && samples > colours && colours != 4
        let used = isAssociated ? colours + 1 : colours
        let isPalette = photometric == Int(PHOTOMETRIC_PALETTE)
        if isPalette, bits > 8 { throw unsupported("a palette of \(bits) bits") }
        let values = try readSamples(bits: bits, samples: samples, used: used, scaled: !isPalette)
        if used == 3, colours == 3 { return Image(width: size.width, height: size.height, pixels: values) }
        let palette = isPalette ? try readPalette(count: 1 << bits) : []

        return try Image(size) { pixels in
            values.withUnsafeBufferPointer { values in
                for i in 0..<size.pixelCount {
                    let pixel = pixels + 3 * i
                    if isPalette {
                        for c in 0..<3 { pixel[c] = palette[3 * Int(values[i * used]) + c] }
                    } else if colours == 4 {
                        cmykToRGB(values[4 * i], values[4 * i + 1], values[4 * i + 2], values[4 * i + 3], into: pixel)
                    } else {
                        let invert: UInt8 = photometric == Int(PHOTOMETRIC_MINISWHITE) ? 255 : 0
                        for c in 0..<3 {
                            let value = values[i * used + (colours == 3 ? c : 0)] ^ invert
                            pixel[c] = isAssociated ? Self.divide(value, by: values[i * used + colours]) : value
                        }
                    }
                }
            }
        }
    }

    /// A colour without the alpha that it was multiplied with.
    private static func divide(_ value: UInt8, by alpha: UInt8) -> UInt8 {
        alpha == 0 || alpha == 255 ? value : UInt8(clamping: Int(value) * 255 / Int(alpha))
    }

    /// RGB triples: the high byte of each entry.
    private func readPalette(count: Int) throws -> [UInt8] {
        var red: UnsafeMutablePointer<UInt16>?
        var green: UnsafeMutablePointer<UInt16>?
        var blue: UnsafeMutablePointer<UInt16>?
        guard ctiff_palette(tiff, &red, &green, &blue) != 0, let red, let green, let blue else {
            throw damaged("a palette picture without a palette")
        }
        return (0..<count).flatMap { [UInt8(red[$0] >> 8), UInt8(green[$0] >> 8), UInt8(blue[$0] >> 8)] }
    }

    /// The first `used` samples of every pixel, 8 bits each; `scaled` spreads fewer bits over 0 to 255.
    private func readSamples(bits: Int, samples: Int, used: Int, scaled: Bool) throws -> [UInt8] {
        let planar = number(TIFFTAG_PLANARCONFIG, 1) == Int(PLANARCONFIG_SEPARATE) && samples > 1
        let tiled = TIFFIsTiled(tiff) != 0
        let partWidth = tiled ? Int(ctiff_number32(tiff, UInt32(TIFFTAG_TILEWIDTH), 0)) : size.width
        var partHeight = Int(
            ctiff_number32(tiff, UInt32(tiled ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP), UInt32(size.height)))
        if !tiled { partHeight = min(partHeight, size.height) }
        let partBytes = Int(tiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff))
        let rowBytes = Int(tiled ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff))
        let perPixel = planar ? 1 : samples
        // Every number comes from the file: they must agree before anything is allocated or read.
        guard partWidth > 0, partHeight > 0, partBytes > 0, rowBytes > 0,
            partBytes <= 1 << 31,
            partBytes <= max(64 << 20, 4 * (size.pixelCount * samples * ((bits + 7) / 8))),
            partWidth <= 1 << 24, rowBytes >= (partWidth * perPixel * bits + 7) / 8,
            partHeight <= partBytes / rowBytes
        else { throw damaged("its strips or tiles do not fit its size") }
        let across = (size.width + partWidth - 1) / partWidth
        let down = (size.height + partHeight - 1) / partHeight
        let count = size.pixelCount * used
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
            guard let values = buffer.baseAddress else { return }
            let part = UnsafeMutablePointer<UInt8>.allocate(capacity: partBytes)
            defer { part.deallocate() }
            for plane in 0..<(planar ? used : 1) {
                for index in 0..<across * down {
                    let x0 = index % across * partWidth
                    let y0 = index / across * partHeight
                    let rows = min(partHeight, size.height - y0)
                    let columns = min(partWidth, size.width - x0)
                    let number = UInt32(clamping: plane * across * down + index)
                    let wanted = tiled ? partBytes : rowBytes * rows
                    let got =
                        tiled
                        ? TIFFReadEncodedTile(tiff, number, part, tmsize_t(wanted))
                        : TIFFReadEncodedStrip(tiff, number, part, tmsize_t(wanted))
                    guard Int(got) >= rowBytes * rows else {
                        throw damaged("part \(number + 1) of its pixels cannot be read; it may be cut short")
                    }
                    for row in 0..<rows {
                        unpack(
                            part + row * rowBytes, bits: bits, stride: perPixel, channels: planar ? 1 : used,
                            columns: columns, scaled: scaled,
                            into: values + ((y0 + row) * size.width + x0) * used + plane, step: used)
                    }
                }
            }
            initialised = count
        }
    }

    /// One row of a strip or tile: `stride` samples a pixel of which the first `channels` are kept.
    private func unpack(
        _ row: UnsafePointer<UInt8>, bits: Int, stride: Int, channels: Int, columns: Int, scaled: Bool,
        into target: UnsafeMutablePointer<UInt8>, step: Int
    ) {
        for x in 0..<columns {
            for c in 0..<channels {
                let sample = x &* stride &+ c
                let value: UInt8
                switch bits {
                case 8: value = row[sample]
                case 16:
                    // libtiff has put the bytes into the machine's order.
                    value = UInt8(UnsafeRawPointer(row).loadUnaligned(fromByteOffset: 2 * sample, as: UInt16.self) >> 8)
                case 12:
                    let bit = sample * 12
                    value = bit % 8 == 0 ? row[bit / 8] : row[bit / 8] << 4 | row[bit / 8 + 1] >> 4
                default:
                    let bit = sample * bits
                    let raw = Int(row[bit >> 3]) >> (8 - bits - bit & 7) & (1 << bits - 1)
                    value = UInt8(scaled ? raw * 255 / (1 << bits - 1) : raw)
                }
                target[x &* step &+ c] = value
            }
        }
    }

    /// libtiff's own conversion, for YCbCr, Lab and the like.
    private func converted() throws -> Image {
        var message = [CChar](repeating: 0, count: 1024)
        guard TIFFRGBAImageOK(tiff, &message) != 0 else {
            throw unsupported(String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        var raster = [UInt32](repeating: 0, count: size.pixelCount)
        let orientation = Int32(clamping: number(TIFFTAG_ORIENTATION, 1))
        // Asked for in the file's own orientation, so that nothing is turned here.
        let isRead = TIFFReadRGBAImageOriented(
            tiff, UInt32(size.width), UInt32(size.height), &raster, (1...8).contains(orientation) ? orientation : 1, 1)
        guard isRead != 0 else { throw damaged("its pixels cannot be read; it may be cut short") }
        return try Image(size) { pixels in
            for i in 0..<size.pixelCount {
                for c in 0..<3 { pixels[3 * i + c] = UInt8(truncatingIfNeeded: raster[i] >> (8 * UInt32(c))) }
            }
        }
    }
}

/// What libtiff reads from instead of a file.
private final class TIFFMemory {
    let bytes: UnsafeRawBufferPointer
    var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The handle must not outlive this object.
    func open() -> OpaquePointer? {
        TIFFClientOpen(
            "picture", "rm", Unmanaged.passUnretained(self).toOpaque(),
            { handle, target, count in
                guard let memory = TIFFMemory.at(handle), let target, count > 0 else { return 0 }
                let available = min(Int(count), memory.bytes.count - memory.offset)
                guard available > 0, let base = memory.bytes.baseAddress else { return 0 }
                target.copyMemory(from: base + memory.offset, byteCount: available)
                memory.offset += available
                return tmsize_t(available)
            },
            { _, _, _ in 0 },
            { handle, offset, whence in
                guard let memory = TIFFMemory.at(handle) else { return 0 }
                let start = whence == 0 ? 0 : whence == 1 ? memory.offset : memory.bytes.count
                let (target, overflow) = Int(truncatingIfNeeded: offset).addingReportingOverflow(start)
                guard !overflow, target >= 0 else { return UInt64.max }
                memory.offset = min(target, memory.bytes.count)
                return UInt64(memory.offset)
            },
            { _ in 0 },
            { handle in UInt64(TIFFMemory.at(handle)?.bytes.count ?? 0) }, nil, nil)
    }

    private static func at(_ handle: UnsafeMutableRawPointer?) -> TIFFMemory? {
        handle.map { Unmanaged<TIFFMemory>.fromOpaque($0).takeUnretainedValue() }
    }
}
