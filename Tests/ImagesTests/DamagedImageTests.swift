import Foundation
import Support
import Testing

import Images

@Suite struct DamagedImageTests {
    static let samples = [
        "420-19x13.jpg", "progressive-19x13.jpg", "ycck-19x13.jpg", "rgb8.png", "palette4-transparent.png",
        "rgb16-interlaced.png",
        "lossy.webp", "lossless-alpha.webp", "animated-lossy-alpha.webp", "rgb-lzw.tif", "rgb-tiles-big.tif",
        "rgb-apart-tiles-deflate.tif", "palette4.tif", "jpeg.tif", "bigtiff.tif", "bilevel-group4.tif", "rgb24.bmp",
        "runs8.bmp",
        "runs4.bmp", "rgb565.bmp", "palette4-core.bmp", "plain-100.ppm", "raw-1000.ppm", "raw.pbm", "plain.pbm",
    ]

    /// Of the formats whose libraries may be missing.
    static let optionalSamples = [
        "interlaced.gif", "extensions.gif", "offset-transparent.gif", "420.heic", "grid.heic", "alpha.heic", "420.avif",
        "alpha.avif", "animated.avif", "lossless.jxl", "lossy.jxl",
    ]

    @Test(arguments: optionalSamples)
    func anOptionalKindCutAnywhereIsReadWholeOrRefused(name: String) throws {
        let bytes = try Fixture.bytes("optional/" + name)
        let whole = try decode(bytes)
        // Every length would write thousands of lines that libjxl says.
        for length in stride(from: bytes.count - 1, to: 0, by: name.hasSuffix("jxl") ? -17 : -1) {
            guard let picture = try? decode(Array(bytes[..<length])) else { continue }
            #expect(picture.pixels == whole.pixels, "cut at \(length)")
        }
        #expect(throws: ImageError.self) { try decode(Array(bytes[..<(bytes.count * 2 / 3)])) }
    }

    @Test(arguments: samples)
    func aPictureCutAnywhereIsReadOrRefusedButNeverTraps(name: String) throws {
        let bytes = try Fixture.bytes("formats/" + name)
        let whole = try decode(bytes)
        var readable = 0
        for length in 0..<bytes.count {
            if let picture = try? decode(Array(bytes[..<length])) {
                readable += 1
                #expect(picture.pixels.count == picture.width * picture.height * 3)
                // A number in the plain formats may lose its last digits and still be one.
                let same = picture.pixels.dropLast(3) == whole.pixels.dropLast(3)
                #expect(name.hasPrefix("plain") ? same : picture.pixels == whole.pixels, "cut at \(length)")
            }
        }
        // What follows the pixels may be missing, and nothing else.
        #expect(readable <= 16)
    }

    @Test(arguments: samples)
    func aPictureWithWrongBytesNeverTraps(name: String) throws {
        let bytes = try Fixture.bytes("formats/" + name)
        var generator = SeededGenerator(seed: 11, stream: UInt64(bytes.count))
        for round in 0..<600 {
            var changed = bytes
            for _ in 0...(round % 4) {
                let limit = round % 2 == 0 ? min(120, changed.count) : changed.count
                changed[generator.below(limit)] = round % 3 == 0 ? 0xFF : UInt8(truncatingIfNeeded: generator.next())
            }
            // A header that now claims a large image is fine, but would make the test slow.
            if let picture = try? decode(changed) {
                #expect(picture.pixels.count == picture.width * picture.height * 3)
            }
        }
    }

    @Test func emptyAndForeignFilesAreNamed() throws {
        func message(_ bytes: [UInt8]) -> String {
            do {
                _ = try decode(bytes)
                return "read"
            } catch { return "\(error)" }
        }
        #expect(message([]).contains("is empty"))
        #expect(message(Array("GIF89a......".utf8)).contains("the GIF is cut short"))
        #expect(message([0, 0, 0, 24] + Array("ftypheic....".utf8)).contains("HEIC"))
        #expect(message([0, 0, 0, 24] + Array("ftypmif1\0\0\0\0miafavif".utf8)).contains("AVIF"))
        #expect(message([0, 0, 0, 24] + Array("ftypisom\0\0\0\0avifheic".utf8)).contains("is a video"))
        #expect(message([0xFF, 0x0A]).contains("the JPEG XL is cut short"))
        #expect(message(Array("<!DOCTYPE html>".utf8)).contains("web page"))
        #expect(message([0, 5, 0x16, 7, 0, 2, 0, 0]).contains("AppleDouble"))
        #expect(message(Array("hello".utf8)).contains("no picture"))
        for bytes in [
            Array("GIF89a".utf8), [0xFF, 0xD8, 0xFF], Array("BM".utf8), Array("P6 1".utf8), Array("II*\0".utf8),
        ] {
            #expect(message(bytes).hasPrefix("test: ") && !message(bytes).contains("\n"))
        }
    }

    @Test func bombsAreRefusedBeforeAnythingIsAllocated() throws {
        func big32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        var png = try Fixture.bytes("formats/rgb8.png")
        png.replaceSubrange(16..<24, with: big32(0x7FFF_FFFF) + big32(0x7FFF_FFFF))
        // The checksum of a changed header is wrong, which is refused too; the netpbm, BMP and JPEG have none.
        #expect(throws: ImageError.self) { try decode(png) }
        let netpbm = Array("P5 99999999 99999999 255\n".utf8)
        #expect(throws: ImageError.tooLarge(file: "test", width: 99_999_999, height: 99_999_999)) {
            try decode(netpbm)
        }
        #expect(throws: ImageError.self) { try decode(Array("P5 9999999999 9999999999 255\n".utf8)) }
        #expect(throws: ImageError.cutShort(file: "test", kind: "PPM")) {
            try decode(Array("P6 10000 10000 255\n".utf8))
        }
        #expect(throws: ImageError.cutShort(file: "test", kind: "PPM")) {
            try decode(Array("P3 10000 10000 255\n".utf8))
        }
        var bmp = try Fixture.bytes("formats/rgb24.bmp")
        bmp.replaceSubrange(18..<26, with: [0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F])
        #expect(throws: ImageError.tooLarge(file: "test", width: 0x7FFF_FFFF, height: 0x7FFF_FFFF)) {
            try decode(bmp)
        }
        var jpeg = try Fixture.bytes("formats/420-19x13.jpg")
        let frame = try #require(jpeg.indices.first { jpeg[$0...].starts(with: [0xFF, 0xC0]) })
        jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0x00, 0xFF, 0x00])
        #expect(throws: ImageError.tooLarge(file: "test", width: 65_280, height: 65_280)) { try decode(jpeg) }
    }

    @Test func onlyRegularFilesAreOpened() throws {
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe.jpg"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(throws: ImageError.notARegularFile(file: pipe)) {
            try ImageDecoder.decode(path: pipe, exif: .apply)
        }
        #expect(throws: ImageError.self) { try ImageDecoder.decode(path: folder.path, exif: .apply) }
        #expect(throws: ImageError.self) { try ImageDecoder.decode(path: folder.path + "/none.jpg", exif: .apply) }
        #expect(throws: ImageError.self) { try ImageDecoder.decode(path: "/dev/zero", exif: .apply) }
        #expect(throws: ImageError.self) { try ImageDecoder.decode(path: "", exif: .apply) }
    }
}
