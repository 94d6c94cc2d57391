import Foundation
import Testing

import Images

/// GIF, HEIC, AVIF and JPEG XL, whose libraries may be missing; the tests need them.
@Suite struct OptionalFormatTests {
    /// How far a value may be from what Pillow, or its plugin, makes of the file. Libraries of other versions round 10 bits
    /// and lossy colours differently; the plugin for JPEG XL makes a JPEG again of what has been one, and reads that.
    private static func tolerance(_ path: String) -> Int {
        switch path {
        case _ where path.hasSuffix(".gif"): 0
        case _ where path.hasSuffix(".heic"): path.contains("10bit") ? 2 : 1
        case _ where path.hasSuffix(".avif"): path.contains("10bit") ? 3 : 0
        case _ where path.contains("lossless") || path.contains("container"): 0
        default: path.contains("jpeg") || path.contains("turned") ? 3 : 1
        }
    }

    @Test(arguments: Fixture.names("optional"))
    func everyKindHasPillowsPixels(name: String) throws {
        let picture = try ImageDecoder.decode(path: Fixture.path("optional/" + name), exif: .apply)
        let expected = try Fixture.expected("optional/" + name)
        #expect(picture.width == expected.width && picture.height == expected.height)
        #expect(largestDifference(picture.pixels, expected.pixels) <= Self.tolerance("optional/" + name))
    }

    @Test(arguments: Fixture.names("optional-turned"))
    func picturesAreTurnedOnceWhateverEXIFRepeats(name: String) throws {
        let picture = try ImageDecoder.decode(path: Fixture.path("optional-turned/" + name), exif: .apply)
        let expected = try Fixture.expected("optional-turned/" + name)
        #expect(picture.width == expected.width && picture.height == expected.height)
        #expect(largestDifference(picture.pixels, expected.pixels) <= Self.tolerance("optional-turned/" + name))
    }

    @Test func theLibrariesServeManyThreadsAtOnce() async throws {
        let names = Fixture.names("optional")
        let expected = try names.map { try ImageDecoder.decode(path: Fixture.path("optional/" + $0), exif: .apply) }
        let differing = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    zip(names, expected).count { name, picture in
                        let path = Fixture.path("optional/" + name)
                        return (try? ImageDecoder.decode(path: path, exif: .apply))?.pixels != picture.pixels
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(differing == 0)
    }

    @Test func sizesBeyondTheLimitAreRefusedBeforeAnythingIsDecoded() throws {
        let screen: [UInt8] = Array("GIF89a".utf8) + [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0]
        let gif = screen + Array(",".utf8) + [0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]
        #expect(throws: ImageError.tooLarge(file: "test", width: 65_535, height: 65_535)) { try decode(gif) }
        // Of HEIC that is no grid libheif believes the coded picture, not the container, unless that claims absurd sizes.
        for (name, sides) in [
            ("420.heic", [0x7FFF_FFFF]), ("grid.heic", [13_378, 0x7FFF_FFFF, 0]),
            ("420.avif", [13_378, 0x7FFF_FFFF, 0]),
        ] as [(String, [UInt32])] {
            let bytes = try Fixture.bytes("optional/" + name)
            let places = bytes.indices.filter { bytes[$0...].starts(with: Array("ispe".utf8)) }
            #expect(!places.isEmpty)
            for side in sides {
                let field = withUnsafeBytes(of: side.bigEndian) { Array($0) }
                var changed = bytes
                for place in places { changed.replaceSubrange(place + 8..<place + 16, with: field + field) }
                let isRead = (try? decode(changed)) != nil
                #expect(!isRead, "\(name), \(side)")
            }
        }
    }

    @Test func thereAreFixturesOfEveryKind() {
        for ending in ["gif", "heic", "avif", "jxl"] {
            #expect(Fixture.names("optional").contains { $0.hasSuffix("." + ending) })
        }
        #expect(Fixture.names("optional-turned").count == 25)
    }

    @Test func aMissingLibraryIsNamedWithWhatToDo() {
        let built = ImageError.builtWithout(file: "a.heic", kind: "HEIC", "libheif-dev")
        #expect(
            built.description
                == "a.heic: a HEIC, and frostline was built without it; install libheif-dev and build again, "
                + "or convert to JPEG")
        let missing = ImageError.libraryMissing(file: "a.heic", kind: "HEIC", reason: "libheif.so.1: cannot open")
        #expect(missing.description.contains("libheif.so.1: cannot open; install it"))
    }

    /// What is left alone is what Pillow leaves alone: it turns HEIC by itself, and AVIF only when asked to.
    @Test(arguments: [("6.heic", 32), ("6.avif", 40), ("6.jxl", 32)])
    func withoutEXIFWhatTheLibraryTurnsIsUprightAllTheSame(name: String, width: Int) throws {
        let picture = try ImageDecoder.decode(path: Fixture.path("optional-turned/" + name), exif: .ignore)
        #expect(picture.width == width)
    }
}
