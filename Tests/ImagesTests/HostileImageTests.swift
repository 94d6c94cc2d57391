import Foundation
import Testing

import Images

/// Images that are odd but right, and headers that ask for more memory than there is.
@Suite struct HostileImageTests {
    private static func big32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    private static func little32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    /// A chunk of PNG with its checksum.
    private static func chunk(_ kind: String, _ body: [UInt8]) -> [UInt8] {
        var crc: UInt32 = ~0
        for byte in Array(kind.utf8) + body {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return big32(UInt32(body.count)) + Array(kind.utf8) + body + big32(~crc)
    }

    private static func png(width: UInt32, height: UInt32, bits: UInt8 = 8) -> [UInt8] {
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            + chunk("IHDR", big32(width) + big32(height) + [bits, 2, 0, 0, 0]) + chunk("IDAT", []) + chunk("IEND", [])
    }

    private static func tiff(
        width: UInt32, height: UInt32, rowsPerStrip: UInt32 = 1, bits: UInt32 = 8, sampleFormat: UInt32 = 1
    )
        -> [UInt8]
    {
        let entries: [(UInt8, UInt8, UInt32)] = [
            (0x00, 4, width), (0x01, 4, height), (0x02, 3, bits), (0x03, 3, 1), (0x06, 3, 1), (0x11, 4, 8),
            (0x15, 3, 1),
            (0x16, 4, rowsPerStrip), (0x17, 4, 1), (0x53, 3, sampleFormat),
        ]
        var bytes: [UInt8] = Array("II*\0".utf8) + little32(8) + [UInt8(entries.count), 0]
        for (tag, type, value) in entries { bytes += [tag, 1, type, 0] + little32(1) + little32(value) }
        return bytes + little32(0)
    }

    private static func webp(canvas: UInt32) -> [UInt8] {
        let side = Array(little32(canvas - 1).prefix(3))
        var body = Array("WEBPVP8X".utf8) + little32(10) + [2, 0, 0, 0] + side + side
        let frame = Array("VP8L".utf8) + little32(5) + [0x2F, 0, 0, 0, 0, 0]
        body += Array("ANMF".utf8) + little32(UInt32(16 + frame.count)) + [UInt8](repeating: 0, count: 16) + frame
        return Array("RIFF".utf8) + little32(UInt32(body.count)) + body
    }

    static let huge: [(name: String, bytes: [UInt8])] = [
        ("PNG", png(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF)), ("PNG 1 wide", png(width: 1, height: 0x7FFF_FFFF)),
        ("PNG 16 bits", png(width: 65_000, height: 65_000, bits: 16)), ("PNG of nothing", png(width: 0, height: 9)),
        ("TIFF", tiff(width: 0xFFFF_FFFF, height: 0xFFFF_FFFF)), ("TIFF wide", tiff(width: 0x7FFF_FFFF, height: 1)),
        ("TIFF in one strip", tiff(width: 13_000, height: 13_000, rowsPerStrip: 0xFFFF_FFFF)),
        ("TIFF of nothing", tiff(width: 0, height: 0)), ("WebP", webp(canvas: 1 << 24)),
        ("PPM", Array("P6 18446744073709551615 18446744073709551615 255\n".utf8)),
        ("PPM of many values", Array("P6 9 9 4294967296\n".utf8)), ("PBM", Array("P4 178956971 1\n".utf8)),
        ("PGM cut", Array("P5 13377 13377 65535\n".utf8)),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: huge)
    func hugeDimensionsAreRefusedByNameAtOnce(_ picture: (name: String, bytes: [UInt8])) {
        #expect(throws: ImageError.self) { try decode(picture.bytes) }
        do { _ = try decode(picture.bytes) } catch { #expect("\(error)".hasPrefix("test: "), "\(error)") }
    }

    @Test func aTIFFOfFloatingPointNumbersIsRefusedByName() {
        // Pillow reads some, and makes those from 0 to 1 black.
        #expect(
            throws: ImageError.unsupported(
                file: "test", kind: "TIFF",
                detail: "its pixels are floating-point numbers, of which none is known to be white")
        ) { try decode(Self.tiff(width: 1, height: 1, bits: 32, sampleFormat: 3)) }
    }

    @Test(arguments: [(1, 1), (1, 10_000), (10_000, 1), (2, 10_000), (1, 1_000_000)])
    func picturesOfAnyShapeBecomeTheNetworksSquare(_ width: Int, _ height: Int) throws {
        let plain = Image(
            width: width, height: height, pixels: [UInt8](repeating: 77, count: width * height * 3))
        for augmentation in [Augmentation.none, .flip, .standard] {
            let preprocessing = Preprocessing(imageSize: 224, augmentation: augmentation)
            for index in 0..<4 {
                let bytes = preprocessing.augmented(try decode(ppm(plain)), seed: 1, epoch: 1, index: index)
                #expect(bytes == [UInt8](repeating: 77, count: 224 * 224 * 3))
            }
        }
    }

    @Test func corruptColourProfilesAreIgnored() throws {
        let png = try Fixture.bytes("formats/rgb8.png")
        let expected = try decode(png).pixels
        let profiles: [[UInt8]] = [
            [], [0, 0], Array("icc\0".utf8) + [9], Array("icc\0\0".utf8) + [0x78, 0x9C, 1, 2, 3],
            [UInt8](repeating: 0x41, count: 300), Array("icc\0\0".utf8) + [UInt8](repeating: 0xFF, count: 5000),
        ]
        for profile in profiles {
            // Right after the header, whose chunk is 25 bytes long.
            let with = Array(png[..<33]) + Self.chunk("iCCP", profile) + Array(png[33...])
            #expect(try decode(with).pixels == expected)
        }
        let jpeg = try Fixture.bytes("formats/420-19x13.jpg")
        let upright = try decode(jpeg).pixels
        for (number, count) in [(0, 0), (1, 0), (1, 1), (2, 1), (255, 255)] as [(UInt8, UInt8)] {
            let body = Array("ICC_PROFILE\0".utf8) + [number, count] + [UInt8](repeating: 0xEE, count: 200)
            let length = UInt16(body.count + 2)
            let segment: [UInt8] = [0xFF, 0xE2, UInt8(length >> 8), UInt8(length & 0xFF)] + body
            #expect(try decode(Array(jpeg[..<2]) + segment + Array(jpeg[2...])).pixels == upright)
        }
    }

    @Test func ofAnAnimatedPNGTheFirstPictureIsRead() throws {
        let png = try Fixture.bytes("formats/rgb8.png")
        let control = Self.chunk("acTL", Self.big32(0xFFFF_FFFF) + Self.big32(0))
        let frame = Self.chunk("fcTL", [UInt8](repeating: 0xFF, count: 26))
        let more = Self.chunk("fdAT", [UInt8](repeating: 0x55, count: 64))
        let end = png.count - 12
        let animated = Array(png[..<33]) + control + frame + Array(png[33..<end]) + frame + more + Array(png[end...])
        #expect(try decode(animated).pixels == decode(png).pixels)
    }

    @Test func everyEndingMayLieAboutEveryKind() throws {
        let folder = try TemporaryFolder()
        let kinds =
            ["420-19x13.jpg", "rgb8.png", "lossless.webp", "rgb-lzw.tif", "rgb24.bmp", "raw-1000.ppm"].map {
                "formats/" + $0
            }
            + ["420.heic", "420.avif", "pillow.gif", "lossless.jxl", "container.jxl"].map { "optional/" + $0 }
        for kind in kinds {
            let expected = try decode(try Fixture.bytes(kind)).pixels
            for ending in [
                "jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "ppm", "pgm", "heic", "avif", "gif", "jxl",
            ] {
                try folder.write("a." + ending, try Fixture.bytes(kind))
                let picture = try ImageDecoder.decode(path: folder.path + "/a." + ending, exif: .apply)
                #expect(picture.pixels == expected)
            }
        }
    }

    @Test func socketsAndLoopsOfLinksAreNamedAndLeftAlone() throws {
        let folder = try ImageFolderTests.twoClasses((2, 2))
        let socket = folder.path + "/a/socket.jpg"
        #expect(mknod(socket, S_IFSOCK | 0o600, 0) == 0)
        symlink("loop2.jpg", folder.path + "/a/loop1.jpg")
        symlink("loop1.jpg", folder.path + "/a/loop2.jpg")
        symlink("/dev/zero", folder.path + "/a/endless.jpg")
        #expect(throws: ImageError.notARegularFile(file: socket)) {
            try ImageDecoder.decode(path: socket, exif: .apply)
        }
        #expect(throws: ImageError.notARegularFile(file: folder.path + "/a/endless.jpg")) {
            try ImageDecoder.decode(path: folder.path + "/a/endless.jpg", exif: .apply)
        }
        let opened = try ImageFolderTests.open(folder.path, split: 0)
        #expect(opened.warnings.joined().contains("2 left out that are no regular file"))
        let failures = ImageLoader.check(
            source: opened.training, preprocessing: Preprocessing(imageSize: 4), threads: 1, store: nil,
            progress: { _ in })
        #expect(failures.count == 2)
        #expect(failures.allSatisfy { $0.message.contains("loop") && $0.message.contains("symbolic links") })
    }
}
