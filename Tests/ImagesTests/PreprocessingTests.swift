import Foundation
import Support
import Testing

import Images

@Suite struct PreprocessingTests {
    struct Expected: Decodable {
        struct Evaluated: Decodable { let width, height, side: Int, hash: String }
        struct Cropped: Decodable { let width, height, side, x, y, cropWidth, cropHeight: Int, hash: String }
        let evaluated: [Evaluated]
        let cropped: [Cropped]
        let normalisedBits: [UInt32]
    }

    static func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(try Fixture.bytes("resized.json")))
    }

    @Test func resizeAndCentreCropAreTorchvisionsByteForByte() throws {
        for one in try Self.expected().evaluated {
            let preprocessing = Preprocessing(imageSize: one.side)
            let bytes = preprocessing.evaluated(Fixture.pattern(one.width, one.height))
            #expect(bytes.count == preprocessing.byteCount)
            #expect(Fixture.hash(bytes) == one.hash, "\(one.width)×\(one.height) to \(one.side)")
        }
    }

    @Test func aCropIsResizedAsTorchvisionDoesByteForByte() throws {
        for one in try Self.expected().cropped {
            let bytes = Preprocessing(imageSize: one.side).cropped(
                Fixture.pattern(one.width, one.height),
                to: PixelRegion(x: one.x, y: one.y, width: one.cropWidth, height: one.cropHeight))
            #expect(Fixture.hash(bytes) == one.hash, "\(one)")
        }
    }

    @Test func normalisationIsTorchvisionsBitForBit() throws {
        let bytes = (0..<256).flatMap { [UInt8](repeating: UInt8($0), count: 3) }
        var floats = [Float](repeating: 0, count: bytes.count)
        bytes.withUnsafeBufferPointer { source in
            floats.withUnsafeMutableBufferPointer { target in
                if let base = target.baseAddress { Preprocessing.normalise(source, into: base) }
            }
        }
        #expect(floats.map(\.bitPattern) == (try Self.expected()).normalisedBits)
        #expect(Preprocessing.bytes(ofNormalised: floats) == bytes)
        #expect(Preprocessing.bytes(ofNormalised: [.nan, -9e9, 9e9]) == [0, 0, 255])
    }

    @Test func augmentationDependsOnSeedEpochAndIndexAlone() {
        let picture = Fixture.pattern(60, 40)
        for augmentation in Augmentation.allCases {
            let preprocessing = Preprocessing(imageSize: 16, augmentation: augmentation)
            let first = preprocessing.augmented(picture, seed: 1, epoch: 2, index: 3)
            #expect(first == preprocessing.augmented(picture, seed: 1, epoch: 2, index: 3))
            let others = (0..<30).map { preprocessing.augmented(picture, seed: 1, epoch: $0, index: 3) }
            #expect(Set(others).count == [.none: 1, .flip: 2, .standard: 30][augmentation])
        }
    }

    @Test func flippingMirrorsEveryRow() {
        let picture = Fixture.pattern(40, 40)
        let preprocessing = Preprocessing(imageSize: 15)
        let bytes = preprocessing.evaluated(picture)
        var flipped = bytes
        Preprocessing.flip(&flipped, side: 15)
        for y in 0..<15 {
            for x in 0..<15 {
                for c in 0..<3 { #expect(flipped[(y * 15 + x) * 3 + c] == bytes[(y * 15 + 14 - x) * 3 + c]) }
            }
        }
        let flips = (0..<4000).count { index in
            preprocessing.flippedAtRandom(bytes, seed: 5, epoch: 1, index: index) != bytes
        }
        #expect(abs(flips - 2000) < 160)
    }

    @Test func randomCropsHaveTorchvisionsDistribution() {
        var generator = SeededGenerator(seed: 3)
        var area = 0.0
        var logRatio = 0.0
        var place = 0.0
        var places = 0.0
        let count = 20_000
        for _ in 0..<count {
            let crop = Preprocessing.randomResizedCrop(width: 400, height: 300, using: &generator)
            #expect(crop.x >= 0 && crop.y >= 0 && crop.x + crop.width <= 400 && crop.y + crop.height <= 300)
            area += Double(crop.width * crop.height) / 120_000
            logRatio += log(Double(crop.width) / Double(crop.height))
            if crop.width < 400 {
                place += Double(crop.x) / Double(400 - crop.width)
                places += 1
            }
        }
        #expect(abs(area / Double(count) - Self.torchvisionArea) < 0.006)
        #expect(abs(logRatio / Double(count) - Self.torchvisionLogRatio) < 0.005)
        #expect(abs(place / places - 0.5) < 0.01)
    }

    // Means over 60,000 of torchvision's own crops of 400×300: the part of the area, and the logarithm of width to height.
    static let torchvisionArea = 0.4333
    static let torchvisionLogRatio = 0.0308

    @Test func extremeRatiosFallBackToTheCentre() {
        var generator = SeededGenerator(seed: 1)
        let wide = Preprocessing.randomResizedCrop(width: 1000, height: 1, using: &generator)
        #expect(wide == PixelRegion(x: 499, y: 0, width: 1, height: 1))
        let tall = Preprocessing.randomResizedCrop(width: 30, height: 3000, using: &generator)
        #expect(tall.width == 30 && tall.height == 40 && tall.y == 1480)
    }
}
