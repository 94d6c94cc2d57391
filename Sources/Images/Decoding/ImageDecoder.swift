import Support

/// Images from files, known by their first bytes, never by their ending: JPEG, PNG, WebP, TIFF, BMP, PPM, PGM, PBM,
/// and with libraries that may be missing GIF, HEIC, AVIF, JPEG XL.
///
/// The pixels are those of Pillow's `Image.open(…).convert("RGB")`: alpha is dropped, not blended, and no colour profile is
/// applied. The exception is 16-bit grey, where Pillow clips everything above 255 to white: here it is the high byte.
package enum ImageDecoder {
    /// More pixels than this are refused before anything is allocated for them; Pillow's own limit.
    package static let maximumPixels = 178_956_970
    /// Files longer than this are not read.
    package static let maximumBytes = 1 << 30

    package static func decode(path: String, exif: ExifHandling) throws -> Image {
        try decode(pathBytes: Array(path.utf8), name: path, exif: exif)
    }

    package static func decode(bytes: UnsafeRawBufferPointer, name: String, exif: ExifHandling) throws -> Image {
        guard bytes.count > 0 else { throw ImageError.empty(file: name) }
        guard bytes.count <= maximumBytes else { throw ImageError.tooManyBytes(file: name, bytes: bytes.count) }
        let file = FileBytes(bytes: bytes, name: name)
        guard let kind = ImageKind(file) else {
            throw ImageError.unknownKind(file: name, found: ImageKind.describeUnknown(file))
        }
        func optional(_ format: OptionalFormat) throws -> Image {
            let (picture, turn) = try Image.optional(file, kind, format)
            return exif == .apply ? picture.applyingOrientation(turn) : picture
        }
        let picture: Image
        switch kind {
        case .jpeg: picture = try Image(jpeg: file)
        case .png: picture = try Image(png: file)
        case .webp: picture = try Image(webp: file)
        case .tiff: picture = try Image(tiff: file)
        case .bmp: picture = try Image(bmp: file)
        case .netpbm: picture = try Image(netpbm: file)
        case .gif: return try optional(.gif)
        case .heic: return try optional(.heic)
        case .avif: return try optional(.avif)
        case .jxl: return try optional(.jpegXL)
        }
        // Pillow turns a TIFF upright by itself, so that torchvision's habit too is to have it upright.
        guard exif == .apply || kind == .tiff else { return picture }
        return picture.applyingOrientation(ExifOrientation.read(file, kind: kind))
    }

    /// `pathBytes` need not be UTF-8; `name` is what messages say.
    package static func decode(pathBytes: [UInt8], name: String, exif: ExifHandling) throws -> Image {
        let contents: FileContents
        do { contents = try FileContents(pathBytes, name: name, limit: maximumBytes) } catch { throw ImageError(error) }
        return try withExtendedLifetime(contents) { try decode(bytes: contents.bytes, name: name, exif: exif) }
    }
}
