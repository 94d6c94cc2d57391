/// A decoded image: 8-bit RGB, interleaved, row after row from the top.
package struct Image: Sendable {
    package let width: Int
    package let height: Int
    /// `width * height * 3` bytes.
    package var pixels: [UInt8]

    package init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0 && pixels.count == width * height * 3, "pixels do not fill the picture")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// An image whose bytes `fill` writes, every one of them; nothing is kept when it throws.
    init(_ size: ImageSize, fill: (UnsafeMutablePointer<UInt8>) throws -> Void) throws {
        width = size.width
        height = size.height
        let count = size.pixelCount * 3
        pixels = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
            guard let base = buffer.baseAddress else { return }
            try fill(base)
            initialised = count
        }
    }
}

/// Width and height from a file's header, checked before anything is allocated for them.
struct ImageSize: Equatable {
    let width: Int
    let height: Int
    var pixelCount: Int { width * height }

    init(width: Int, height: Int, file: FileBytes, kind: ImageKind) throws {
        guard width > 0, height > 0 else { throw file.damaged(kind, "its header says \(width)×\(height) pixels") }
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, pixels <= ImageDecoder.maximumPixels else {
            throw ImageError.tooLarge(file: file.name, width: width, height: height)
        }
        self.width = width
        self.height = height
    }
}
