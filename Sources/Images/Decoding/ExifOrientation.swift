/// How an image was held: the EXIF tag 0x0112, 1 to 8. Whatever is missing or wrong means 1, upright.
enum ExifOrientation {
    static func read(_ file: FileBytes, kind: ImageKind) -> Int {
        switch kind {
        case .jpeg: jpeg(file)
        case .png: png(file)
        case .webp:
            (try? WebPContainer(file))?.exif.map { tiffBlock(withoutPrefix(FileBytes(bytes: $0, name: ""))) } ?? 1
        case .tiff: tiffBlock(file)
        case .bmp, .netpbm, .gif, .heic, .avif, .jxl: 1
        }
    }

    /// The first APP1 segment that is EXIF, before the first scan.
    private static func jpeg(_ file: FileBytes) -> Int {
        var offset = 2
        while let marker = file.byte(offset), let code = file.byte(offset + 1) {
            guard marker == 0xFF else {
                offset += 1
                continue
            }
            if [0xFF, 0, 1].contains(code) || (0xD0...0xD8).contains(code) {
                offset += code == 0xFF ? 1 : 2
                continue
            }
            if code == 0xD9 || code == 0xDA { return 1 }
            guard let length = file.big16(offset + 2), length >= 2 else { return 1 }
            if code == 0xE1, file.starts(with: "Exif\0\0", at: offset + 4), length >= 8 {
                // A segment that is cut short still has its beginning.
                let available = min(length - 8, file.count - offset - 10)
                guard available > 0, let block = file.part(offset + 10, available) else { return 1 }
                return tiffBlock(FileBytes(bytes: block, name: ""))
            }
            offset += 2 + length
        }
        return 1
    }

    /// The eXIf chunk, before or after the pixels.
    private static func png(_ file: FileBytes) -> Int {
        var offset = 8
        while let length = file.big32(offset) {
            if file.starts(with: "eXIf", at: offset + 4), let block = file.part(offset + 8, length) {
                return tiffBlock(withoutPrefix(FileBytes(bytes: block, name: "")))
            }
            offset += 12 + length
        }
        return 1
    }

    /// Some writers put JPEG's prefix into other containers too.
    private static func withoutPrefix(_ block: FileBytes) -> FileBytes {
        guard block.starts(with: "Exif\0\0"), let rest = block.part(6, block.count - 6) else { return block }
        return FileBytes(bytes: rest, name: "")
    }

    /// A TIFF header and its first directory; also that of a whole TIFF file, BigTIFF too.
    private static func tiffBlock(_ block: FileBytes) -> Int {
        let little = block.starts(with: "II")
        guard little || block.starts(with: "MM") else { return 1 }
        func number16(_ offset: Int) -> Int? { little ? block.little16(offset) : block.big16(offset) }
        func number32(_ offset: Int) -> Int? { little ? block.little32(offset) : block.big32(offset) }
        func number64(_ offset: Int) -> Int? {
            guard let low = number32(little ? offset : offset + 4), let high = number32(little ? offset + 4 : offset),
                high < 1 << 30
            else { return nil }
            return high << 32 | low
        }
        let isBig = number16(2) == 43
        guard let directory = isBig ? number64(8) : number32(4),
            let count = isBig ? number64(directory) : number16(directory)
        else { return 1 }
        let entrySize = isBig ? 20 : 12
        let first = directory + (isBig ? 8 : 2)
        for i in 0..<min(count, 4096) {
            let entry = first + i * entrySize
            guard let tag = number16(entry), let type = number16(entry + 2) else { return 1 }
            guard tag == 0x0112 else { continue }
            let value = entry + (isBig ? 12 : 8)
            let orientation = type == 3 ? number16(value) : type == 4 ? number32(value) : nil
            guard let orientation, (1...8).contains(orientation) else { return 1 }
            return orientation
        }
        return 1
    }
}

extension Image {
    /// Turned upright from an EXIF orientation; 1 is upright already.
    func applyingOrientation(_ orientation: Int) -> Image {
        guard (2...8).contains(orientation) else { return self }
        let swaps = orientation >= 5
        let newWidth = swaps ? height : width
        let newHeight = swaps ? width : height
        // Where the first output pixel comes from, and how far the source moves for a step right and a step down.
        let right = 3
        let down = width * 3
        let lastColumn = (width - 1) * 3
        let lastRow = (height - 1) * down
        let (start, stepX, stepY): (Int, Int, Int) =
            switch orientation {
            case 2: (lastColumn, -right, down)
            case 3: (lastRow + lastColumn, -right, -down)
            case 4: (lastRow, right, -down)
            case 5: (0, down, right)
            case 6: (lastRow, -down, right)
            case 7: (lastRow + lastColumn, -down, -right)
            default: (lastColumn, down, -right)
            }
        let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { buffer, count in
            pixels.withUnsafeBufferPointer { source in
                guard let source = source.baseAddress, var target = buffer.baseAddress else { return }
                for y in 0..<newHeight {
                    var offset = start + y * stepY
                    for _ in 0..<newWidth {
                        for channel in 0..<3 { target[channel] = source[offset + channel] }
                        target += 3
                        offset += stepX
                    }
                }
                count = pixels.count
            }
        }
        return Image(width: newWidth, height: newHeight, pixels: turned)
    }
}
