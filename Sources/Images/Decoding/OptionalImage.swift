import CDecoders

extension Image {
    /// GIF, HEIC, AVIF and JPEG XL, through libraries that may be missing. Of an animation the first frame on its canvas, of
    /// several pictures the primary one; alpha is dropped, not blended.
    ///
    /// - Returns: also how the picture is still to be turned. libheif and libjxl turn it by themselves; libavif, as Pillow
    ///   uses it, does not. EXIF in such a file says the same once more, and counts for nothing.
    static func optional(_ file: FileBytes, _ kind: ImageKind, _ format: OptionalFormat) throws -> (
        Image, turn: Int
    ) {
        guard let base = file.bytes.bindMemory(to: UInt8.self).baseAddress,
            let reader = optional_open(format.kind, base, file.count)
        else { throw file.damaged(kind, "no memory for it") }
        defer { optional_close(reader) }
        func check(_ status: decoder_status) throws {
            let message = String(cString: optional_message(reader))
            switch status {
            case DECODER_NOT_BUILT:
                throw ImageError.builtWithout(file: file.name, kind: kind.rawValue, format.library + "-dev")
            case DECODER_NOT_INSTALLED:
                throw ImageError.libraryMissing(file: file.name, kind: kind.rawValue, reason: message)
            case DECODER_UNSUPPORTED: throw file.unsupported(kind, message)
            default: try file.check(status, kind, optional_message(reader))
            }
        }
        var width: UInt32 = 0
        var height: UInt32 = 0
        try check(optional_header(reader, &width, &height))
        let size = try ImageSize(width: Int(width), height: Int(height), file: file, kind: kind)
        let picture = try Image(size) { try check(optional_pixels(reader, $0)) }
        return (picture, Int(optional_orientation(reader)))
    }
}

/// A format whose library may be missing.
package enum OptionalFormat: CaseIterable, Sendable {
    case gif, heic, avif, jpegXL

    package var title: String {
        switch self {
        case .gif: "GIF"
        case .heic: "HEIC"
        case .avif: "AVIF"
        case .jpegXL: "JPEG XL"
        }
    }

    /// The library's name, as packages have it.
    package var library: String {
        switch self {
        case .gif: "libgif"
        case .heic: "libheif"
        case .avif: "libavif"
        case .jpegXL: "libjxl"
        }
    }

    fileprivate var kind: optional_kind {
        switch self {
        case .gif: OPTIONAL_GIF
        case .heic: OPTIONAL_HEIC
        case .avif: OPTIONAL_AVIF
        case .jpegXL: OPTIONAL_JXL
        }
    }

    /// Whether the program was built with it and finds it.
    package var isThere: Bool {
        // Nothing can be read from no picture; what is missing is said before that.
        let bytes: [UInt8] = [0]
        return bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress, let reader = optional_open(kind, base, bytes.count) else {
                return false
            }
            defer { optional_close(reader) }
            var (width, height) = (UInt32(0), UInt32(0))
            let status = optional_header(reader, &width, &height)
            return status != DECODER_NOT_BUILT && status != DECODER_NOT_INSTALLED
        }
    }
}
