import CWebP

extension Image {
    /// Lossy and lossless; alpha is dropped, not blended. Of an animation, the first frame on its canvas.
    init(webp file: FileBytes) throws {
        let container = try WebPContainer(file)
        guard let data = container.firstFrame ?? file.part(0, container.end) else { throw file.cutShort(.webp) }
        let bytes = data.bindMemory(to: UInt8.self)
        var features = WebPBitstreamFeatures()
        let status = WebPGetFeatures(bytes.baseAddress, bytes.count, &features)
        guard status == VP8_STATUS_OK else { throw Self.webpError(status, file) }
        let frame = try ImageSize(width: Int(features.width), height: Int(features.height), file: file, kind: .webp)
        func decode(_ frame: ImageSize, into pixels: UnsafeMutablePointer<UInt8>, stride: Int, room: Int) throws {
            var configuration = WebPDecoderConfig()
            guard WebPInitDecoderConfig(&configuration) != 0 else {
                throw file.unsupported(.webp, "libwebp of another version")
            }
            configuration.output.colorspace = MODE_RGB
            configuration.output.is_external_memory = 1
            configuration.output.u.RGBA.rgba = pixels
            configuration.output.u.RGBA.stride = Int32(clamping: stride)
            configuration.output.u.RGBA.size = room
            let status = WebPDecode(bytes.baseAddress, bytes.count, &configuration)
            WebPFreeDecBuffer(&configuration.output)
            guard status == VP8_STATUS_OK else { throw Self.webpError(status, file) }
        }
        guard let canvas = container.canvas else {
            try self.init(frame) { try decode(frame, into: $0, stride: frame.width * 3, room: frame.pixelCount * 3) }
            return
        }
        let size = try ImageSize(width: canvas.width, height: canvas.height, file: file, kind: .webp)
        guard canvas.x <= size.width - frame.width, canvas.y <= size.height - frame.height else {
            throw file.damaged(.webp, "a frame outside of its canvas")
        }
        try self.init(size) { pixels in
            pixels.initialize(repeating: 0, count: size.pixelCount * 3)
            let offset = (canvas.y * size.width + canvas.x) * 3
            try decode(frame, into: pixels + offset, stride: size.width * 3, room: size.pixelCount * 3 - offset)
        }
    }

    private static func webpError(_ status: VP8StatusCode, _ file: FileBytes) -> ImageError {
        switch status {
        case VP8_STATUS_NOT_ENOUGH_DATA, VP8_STATUS_SUSPENDED: file.cutShort(.webp)
        case VP8_STATUS_UNSUPPORTED_FEATURE: file.unsupported(.webp, "it uses a feature that libwebp lacks")
        default: file.damaged(.webp, "libwebp refuses its data")
        }
    }
}

/// The RIFF chunks of a WebP file: the EXIF chunk, and where an animation's first frame lies.
struct WebPContainer {
    /// Where the RIFF container ends.
    var end: Int
    var exif: UnsafeRawBufferPointer?
    /// The first frame's own chunks, to be decoded on their own.
    var firstFrame: UnsafeRawBufferPointer?
    var canvas: (width: Int, height: Int, x: Int, y: Int)?

    init(_ file: FileBytes) throws {
        guard let length = file.little32(4) else { throw file.cutShort(.webp) }
        end = length + 8
        guard end <= file.count else { throw file.cutShort(.webp) }
        var size: (width: Int, height: Int)?
        var offset = 12
        while offset + 8 <= end, let length = file.little32(offset + 4) {
            let body = offset + 8
            if file.starts(with: "VP8X", at: offset), let width = file.little24(body + 4),
                let height = file.little24(body + 7), let flags = file.byte(body), flags & 2 != 0
            {
                size = (width + 1, height + 1)
            } else if file.starts(with: "ANMF", at: offset), let size, canvas == nil, length > 16,
                let x = file.little24(body), let y = file.little24(body + 3)
            {
                guard let frame = file.part(body + 16, length - 16) else { throw file.cutShort(.webp) }
                // Past an alpha chunk, since alpha is dropped anyway: the image's own chunk, which libwebp reads alone.
                let inner = FileBytes(bytes: frame, name: file.name)
                var skip = 0
                if inner.starts(with: "ALPH"), let alpha = inner.little32(4) { skip = 8 + alpha + alpha % 2 }
                guard skip < frame.count else { throw file.cutShort(.webp) }
                firstFrame = UnsafeRawBufferPointer(rebasing: frame[skip...])
                canvas = (size.width, size.height, x * 2, y * 2)
            } else if file.starts(with: "EXIF", at: offset) {
                exif = exif ?? file.part(body, length)
            }
            offset = body + length + length % 2
        }
        if size != nil, firstFrame == nil {
            throw file.damaged(.webp, "an animation without a frame")
        }
    }
}
