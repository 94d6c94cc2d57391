/// What the first bytes of a file say that it is.
enum ImageKind: String {
    case jpeg = "JPEG"
    case png = "PNG"
    case webp = "WebP"
    case tiff = "TIFF"
    case bmp = "BMP"
    case netpbm = "PPM"
    case gif = "GIF"
    case heic = "HEIC"
    case avif = "AVIF"
    case jxl = "JPEG XL"

    init?(_ file: FileBytes) {
        if file.byte(0) == 0xFF, file.byte(1) == 0xD8, file.byte(2) == 0xFF {
            self = .jpeg
        } else if file.byte(0) == 0x89, file.starts(with: "PNG\r\n", at: 1), file.byte(6) == 0x1A, file.byte(7) == 0x0A
        {
            self = .png
        } else if file.starts(with: "RIFF"), file.starts(with: "WEBP", at: 8) {
            self = .webp
        } else if (file.starts(with: "II") && (file.little16(2) == 42 || file.little16(2) == 43))
            || (file.starts(with: "MM") && (file.big16(2) == 42 || file.big16(2) == 43))
        {
            self = .tiff
        } else if file.starts(with: "BM") {
            self = .bmp
        } else if file.byte(0) == UInt8(ascii: "P"), let digit = file.byte(1), digit >= UInt8(ascii: "1"),
            digit <= UInt8(ascii: "6"), let next = file.byte(2), Self.isSpace(next) || next == UInt8(ascii: "#")
        {
            self = .netpbm
        } else if file.starts(with: "GIF87a") || file.starts(with: "GIF89a") {
            self = .gif
        } else if let brand = Self.heifBrand(file) {
            self = brand
        } else if (file.byte(0) == 0xFF && file.byte(1) == 0x0A) || file.starts(with: "\0\0\0\u{C}JXL \r\n") {
            self = .jxl
        } else {
            return nil
        }
    }

    /// The container of HEIC and AVIF names its kind first, or says there that the other names in the list have it.
    private static func heifBrand(_ file: FileBytes) -> ImageKind? {
        guard file.starts(with: "ftyp", at: 4), let length = file.big32(0), length >= 16 else { return nil }
        func kind(at offset: Int) -> ImageKind? {
            if file.starts(with: "avif", at: offset) || file.starts(with: "avis", at: offset) { return .avif }
            let heic: [StaticString] = ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"]
            return heic.contains { file.starts(with: $0, at: offset) } ? .heic : nil
        }
        if let kind = kind(at: 8) { return kind }
        let general: [StaticString] = ["mif1", "msf1", "mif2", "miaf"]
        guard general.contains(where: { file.starts(with: $0, at: 8) }) else { return nil }
        return stride(from: 16, to: min(length, file.count, 1024), by: 4).lazy.compactMap(kind).first ?? .heic
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

    /// What files of other kinds have at a byte, and what to say of them; the first that fits counts.
    private static let foreign: [(at: Int, texts: [StaticString], clause: String)] = [
        (4, ["ftyp"], "is a video or another MP4-like file, not a picture that can be read"),
        (0, ["<svg", "<?xml"], "is XML or SVG, not pixels; convert it to PNG"),
        (0, ["<!DOCTYPE", "<html", "<!doctype"], "is a web page, not a picture; download it again"),
        (0, ["%PDF"], "is a PDF; convert it to PNG"),
        (0, ["8BPS"], "is a Photoshop file, which cannot be read; convert it to PNG"),
        (4, ["jP  "], "is a JPEG 2000 picture, which cannot be read; convert it to PNG"),
        (0, ["\0\u{5}\u{16}\u{7}"], "is a Macintosh resource file (AppleDouble), not a picture; delete it"),
    ]

    /// One clause about a file of no kind that we read: what it is instead, where that shows, and what to do.
    static func describeUnknown(_ file: FileBytes) -> String {
        foreign.first { at, texts, _ in texts.contains { file.starts(with: $0, at: at) } }?.clause
            ?? "is no picture of a kind that can be read (JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF, BMP, PPM, JPEG XL);"
            + " convert it or delete it"
    }
}
