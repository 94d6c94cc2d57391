/// What a file's name says about it. Only for choosing which files to look at: the kind comes from the bytes.
enum ImageEnding: Equatable {
    /// One that torchvision's ImageFolder takes, or of another format that is read here.
    case considered
    /// Another kind of image, which we cannot read; the ending in lower case.
    case unreadable(String)
    /// No image by its name, or what systems leave lying about.
    case ignored

    init(_ name: some BidirectionalCollection<UInt8>) {
        guard name.first != UInt8(ascii: "."), let dot = name.lastIndex(of: UInt8(ascii: ".")) else {
            self = .ignored
            return
        }
        let ending = name[name.index(after: dot)...]
        guard (2...5).contains(ending.count) else {
            self = .ignored
            return
        }
        // Packed into a number, which is quicker than a string for a million names.
        var packed: UInt64 = 0
        for byte in ending {
            let lower = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte + 32 : byte
            packed = packed << 8 | UInt64(lower)
        }
        if Self.consideredEndings.contains(packed) {
            self = .considered
        } else if let text = Self.otherEndings[packed] {
            self = .unreadable(text)
        } else {
            self = .ignored
        }
    }

    private static func pack(_ text: String) -> UInt64 { text.utf8.reduce(0) { $0 << 8 | UInt64($1) } }

    private static let consideredEndings = Set(
        [
            "jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp", "heic", "heif", "hif", "avif", "gif",
            "jxl",
        ].map(pack))
    private static let otherEndings = Dictionary(
        uniqueKeysWithValues: [
            "avifs", "jp2", "j2k", "jpx", "svg", "psd", "raw", "cr2", "cr3", "crw", "nef", "nrw",
            "arw", "srf", "sr2", "dng", "orf", "rw2", "raf", "pef", "srw", "x3f", "rwl", "exr", "hdr", "tga", "ico",
            "icns", "pcx", "dds", "xcf", "jfif", "jpe", "pbm", "pnm", "pfm", "mpo", "apng", "eps", "emf", "wmf", "jxr",
            "wdp", "bpg", "flif",
        ].map { (pack($0), $0) })
}
