import CDecoders

extension Image {
    /// GIF, HEIC, AVIF and JPEG XL, through libraries that may be missing. Of an animation the first frame on its canvas, of
    /// several pictures the primary one; alpha is dropped, not blended.
    ///
    /// - Parameter package: Debian's package to build with.
    /// - Returns: also how the picture is still to be turned. libheif and libjxl turn it by themselves; libavif, as Pillow
    ///   uses it, does not. EXIF in such a file says the same once more, and counts for nothing.
    static func optional(_ file: FileBytes, _ kind: ImageKind, _ format: optional_kind, package: String) throws -> (
        Image, turn: Int
    ) {
        guard let base = file.bytes.bindMemory(to: UInt8.self).baseAddress,
            let reader = optional_open(format, base, file.count)
        else { throw file.damaged(kind, "no memory for it") }
        defer { optional_close(reader) }
        func check(_ status: decoder_status) throws {
            let message = String(cString: optional_message(reader))
            switch status {
            case DECODER_NOT_BUILT: throw ImageError.builtWithout(file: file.name, kind: kind.rawValue, package)
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
