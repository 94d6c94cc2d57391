import Foundation
import Testing

import Images

@Suite struct FormatTests {
    @Test(arguments: Fixture.names("formats"))
    func everyFormatAndModeHasPillowsPixels(name: String) throws {
        let picture = try ImageDecoder.decode(path: Fixture.path("formats/" + name), exif: .apply)
        let expected = try Fixture.expected("formats/" + name)
        #expect(picture.width == expected.width && picture.height == expected.height)
        // Lossless formats are exact; libjpeg and libwebp of another version may round differently.
        let lossy = name.hasSuffix(".jpg") || name.contains("lossy") || name == "jpeg.tif"
        #expect(largestDifference(picture.pixels, expected.pixels) <= (lossy ? 1 : 0))
    }

    @Test(arguments: [(1, 1), (7, 5), (224, 224), (1000, 3)])
    func aPNGFileThatIsWrittenIsReadAsTheSamePixels(width: Int, height: Int) throws {
        let picture = Fixture.pattern(width, height)
        let bytes = try #require(picture.png())
        let path = NSTemporaryDirectory() + "/frostline-png-\(UUID().uuidString).png"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let read = try ImageDecoder.decode(path: path, exif: .apply)
        #expect(read.width == width && read.height == height && read.pixels == picture.pixels)
        #expect(Image(width: 65536, height: 1, pixels: [UInt8](repeating: 0, count: 65536 * 3)).png() == nil)
    }

    @Test func thereAreFixturesOfEveryFormat() {
        for ending in ["jpg", "png", "webp", "tif", "bmp", "ppm", "pgm", "pbm"] {
            #expect(Fixture.names("formats").contains { $0.hasSuffix("." + ending) })
        }
    }

    @Test(arguments: Fixture.names("turned"))
    func allEightOrientationsAreTurnedUpright(name: String) throws {
        let picture = try ImageDecoder.decode(path: Fixture.path("turned/" + name), exif: .apply)
        let expected = try Fixture.expected("turned/" + name)
        #expect(picture.width == expected.width && picture.height == expected.height)
        #expect(largestDifference(picture.pixels, expected.pixels) <= (name.hasSuffix(".jpg") ? 1 : 0))
    }

    @Test func orientationIsLeftAloneWhenAskedTo() throws {
        let stored = try ImageDecoder.decode(path: Fixture.path("turned/1.png"), exif: .apply)
        let ignored = try ImageDecoder.decode(path: Fixture.path("turned/6.png"), exif: .ignore)
        #expect(ignored.pixels == stored.pixels && ignored.width == stored.width)
    }

    @Test func corruptExifIsIgnored() throws {
        let good = try Fixture.bytes("turned/6.jpg")
        let start = try #require(good.indices.first { i in good[i...].starts(with: Array("Exif\0\0".utf8)) })
        let stored = try decode(good, exif: .ignore)
        for offset in 0..<20 {
            for value in [0, 9, 255] as [UInt8] {
                var bytes = good
                bytes[start + 6 + offset] = value
                #expect(try decode(bytes).pixels.count == stored.pixels.count)
            }
        }
        var nonsense = good
        nonsense.replaceSubrange(start + 6..<start + 14, with: [UInt8](repeating: 0xAB, count: 8))
        #expect(try decode(nonsense).pixels == stored.pixels)
    }

    @Test func theEndingIsNotBelieved() throws {
        let folder = try TemporaryFolder()
        try folder.write("lie.jpg", try Fixture.bytes("formats/lossless.webp"))
        let picture = try ImageDecoder.decode(path: folder.path + "/lie.jpg", exif: .apply)
        #expect(picture.pixels == (try Fixture.expected("formats/lossless.webp")).pixels)
    }
}
