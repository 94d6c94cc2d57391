import FuzzSupport
import Foundation
import Testing

import Images

/// Spoiled images end in an error or in an image, never in a crash, and in bounded memory.
@Suite struct ImageFuzzTests {
    /// An image may have 178,956,970 pixels, and decoders hold a second copy of some.
    private static let bound = 3 << 30

    @Test(arguments: ["jpg", "png", "webp", "tif", "bmp", "ppm", "gif", "heic", "avif", "jxl"]) func `of every format`(
        _ ending: String
    ) throws {
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let endings = ending == "ppm" ? ["ppm", "pgm", "pbm", "pnm"] : [ending]
        let corpus = Mutator.files(folder) { path in endings.contains { path.hasSuffix("." + $0) } }
        guard !corpus.isEmpty else {
            Issue.record("no corpus for \(ending)")
            return
        }
        var (decoded, refused) = (0, 0)
        // Few of JPEG XL: libjxl 0.7, as Debian builds it, writes to standard error about whatever it refuses.
        Mutator(corpus).run(ending, count: Mutator.count(otherwise: ending == "jxl" ? 150 : 1500)) { bytes in
            bytes.withUnsafeBytes { buffer in
                do {
                    let picture = try ImageDecoder.decode(bytes: buffer, name: "spoiled.\(ending)", exif: .apply)
                    #expect(picture.pixels.count == picture.width * picture.height * 3)
                    decoded += 1
                } catch {
                    refused += 1
                    if !"\(error)".contains("spoiled.\(ending)") { Issue.record("\(error)") }
                }
            }
        }
        #expect(decoded > 0 && refused > 0)
        #expect(ProcessMemory.peak < Self.bound)
    }
}
