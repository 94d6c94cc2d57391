import Foundation

import Images

/// The files beside the tests.
enum Fixture {
    static let folder =
        Bundle.module.resourceURL?.appendingPathComponent("Fixtures") ?? URL(fileURLWithPath: "Fixtures")

    /// The images of a folder, without their expected pixels.
    static func names(_ folder: String) -> [String] {
        let all =
            (try? FileManager.default.contentsOfDirectory(atPath: self.folder.appendingPathComponent(folder).path))
            ?? []
        return all.filter { !$0.hasSuffix(".rgb") }.sorted()
    }

    static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    /// What Pillow makes of the image.
    static func expected(_ name: String) throws -> Image {
        let bytes = try bytes(name + ".rgb")
        return Image(
            width: Int(bytes[0]) | Int(bytes[1]) << 8, height: Int(bytes[2]) | Int(bytes[3]) << 8,
            pixels: Array(bytes[4...]))
    }

    /// The image that `pattern` of make_fixtures.py draws.
    static func pattern(_ width: Int, _ height: Int) -> Image {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<3 {
                    let value =
                        x * (5 + 2 * c) + y * (11 - 3 * c) + (x * y * (c + 1)) >> 3 + ((x ^ (y * 3)) & 31) * (c + 1)
                    pixels.append(UInt8(value & 255))
                }
            }
        }
        return Image(width: width, height: height, pixels: pixels)
    }

    /// FNV-1a, as in make_fixtures.py.
    static func hash(_ bytes: [UInt8]) -> String {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}

func decode(_ bytes: [UInt8], exif: ExifHandling = .apply) throws -> Image {
    try bytes.withUnsafeBytes { try ImageDecoder.decode(bytes: $0, name: "test", exif: exif) }
}

func largestDifference(_ a: [UInt8], _ b: [UInt8]) -> Int {
    a.count == b.count ? zip(a, b).map { abs(Int($0) - Int($1)) }.max() ?? 0 : 256
}

/// A folder that is gone after the test.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/pictures-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, and the folders above it.
    func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
    }
}

/// A small image as a file.
func ppm(_ picture: Image) -> [UInt8] {
    Array("P6 \(picture.width) \(picture.height) 255\n".utf8) + picture.pixels
}
