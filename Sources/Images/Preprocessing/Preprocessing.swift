import Glibc
import Support

/// What is done with the EXIF orientation that telephones write.
package enum ExifHandling: String, Sendable, CaseIterable {
    /// Turn the image the way it was taken.
    case apply
    /// Leave it as stored, as torchvision's ImageFolder does.
    case ignore
}

package enum Augmentation: String, Sendable, CaseIterable {
    /// Resize and centre crop.
    case none
    /// Resize, centre crop, RandomHorizontalFlip(0.5).
    case flip
    /// RandomResizedCrop, RandomHorizontalFlip(0.5).
    case standard

    /// Whether every epoch starts from the same resized bytes (a flip can be done afterwards), so that they can be kept.
    package var keepsResizedBytes: Bool { self != .standard }
}

/// From a decoded image to what the network sees, as torchvision does it on PIL images, byte for byte.
package struct Preprocessing: Sendable {
    /// The side of the square that the network sees; at least 1.
    package var imageSize: Int
    package var exif: ExifHandling
    package var augmentation: Augmentation

    package init(imageSize: Int = 224, exif: ExifHandling = .apply, augmentation: Augmentation = .none) {
        self.imageSize = max(1, imageSize)
        self.exif = exif
        self.augmentation = augmentation
    }

    /// What the short side is resized to before the centre crop: 256 for 224.
    package var resizedShortSide: Int { (imageSize * 256 + 112) / 224 }

    /// The bytes that one image becomes: `imageSize * imageSize * 3`.
    package var byteCount: Int { imageSize * imageSize * 3 }

    /// Resize(round(imageSize · 256 / 224)) and CenterCrop(imageSize): `[height, width, 3]` bytes.
    package func evaluated(_ picture: Image) -> [UInt8] {
        let short = resizedShortSide
        let target = Self.resizedSize(width: picture.width, height: picture.height, short: short)
        return resized(
            picture, region: PixelRegion(x: 0, y: 0, width: picture.width, height: picture.height),
            to: target,
            window: PixelRegion(
                x: Self.centreOffset(target.width, imageSize), y: Self.centreOffset(target.height, imageSize),
                width: imageSize, height: imageSize))
    }

    /// What training sees of the image in this epoch. Every random choice comes from (seed, epoch, index) alone.
    package func augmented(_ picture: Image, seed: UInt64, epoch: Int, index: Int) -> [UInt8] {
        switch augmentation {
        case .none:
            return evaluated(picture)
        case .flip:
            return flippedAtRandom(evaluated(picture), seed: seed, epoch: epoch, index: index)
        case .standard:
            var generator = Self.generator(seed: seed, epoch: epoch, index: index)
            let crop = Self.randomResizedCrop(width: picture.width, height: picture.height, using: &generator)
            var bytes = cropped(picture, to: crop)
            if generator.uniform() < 0.5 { Self.flip(&bytes, side: imageSize) }
            return bytes
        }
    }

    /// The part of `image` in `crop`, resized to the square that the network sees.
    package func cropped(_ picture: Image, to crop: PixelRegion) -> [UInt8] {
        resized(
            picture, region: crop, to: (imageSize, imageSize),
            window: PixelRegion(x: 0, y: 0, width: imageSize, height: imageSize))
    }

    /// RandomHorizontalFlip(0.5) of bytes that `evaluated` made.
    package func flippedAtRandom(_ bytes: [UInt8], seed: UInt64, epoch: Int, index: Int) -> [UInt8] {
        guard Self.flips(seed: seed, epoch: epoch, index: index) else { return bytes }
        var flipped = bytes
        Self.flip(&flipped, side: imageSize)
        return flipped
    }

    /// Whether `flippedAtRandom` mirrors this image in this epoch.
    package static func flips(seed: UInt64, epoch: Int, index: Int) -> Bool {
        var generator = generator(seed: seed, epoch: epoch, index: index)
        return generator.uniform() < 0.5
    }

    static func generator(seed: UInt64, epoch: Int, index: Int) -> SeededGenerator {
        SeededGenerator(seed: seed, stream: UInt64(bitPattern: Int64(epoch)), UInt64(bitPattern: Int64(index)))
    }

    /// torchvision's RandomResizedCrop: area 0.08 to 1 of the image's, ratio log-uniform in 3/4 to 4/3, ten tries,
    /// then the largest centred region within those ratios.
    package static func randomResizedCrop(
        width: Int, height: Int, using generator: inout SeededGenerator
    ) -> PixelRegion {
        let area = Double(width) * Double(height)
        let lowRatio = 3.0 / 4.0
        let highRatio = 4.0 / 3.0
        for _ in 0..<10 {
            let targetArea = area * generator.uniform(0.08, 1)
            let ratio = exp(generator.uniform(log(lowRatio), log(highRatio)))
            let w = Int((targetArea * ratio).squareRoot().rounded(.toNearestOrEven))
            let h = Int((targetArea / ratio).squareRoot().rounded(.toNearestOrEven))
            if w > 0, w <= width, h > 0, h <= height {
                let y = generator.below(height - h + 1)
                let x = generator.below(width - w + 1)
                return PixelRegion(x: x, y: y, width: w, height: h)
            }
        }
        let ratio = Double(width) / Double(height)
        var w = width
        var h = height
        if ratio < lowRatio {
            h = Int((Double(width) / lowRatio).rounded(.toNearestOrEven))
        } else if ratio > highRatio {
            w = Int((Double(height) * highRatio).rounded(.toNearestOrEven))
        }
        return PixelRegion(x: (width - w) / 2, y: (height - h) / 2, width: w, height: h)
    }

    /// torchvision's size for Resize(short): the long side is int(short · long / short side).
    static func resizedSize(width: Int, height: Int, short: Int) -> (width: Int, height: Int) {
        if width <= height {
            (short, Int(Double(short * height) / Double(width)))
        } else {
            (Int(Double(short * width) / Double(height)), short)
        }
    }

    /// torchvision's CenterCrop: int(round((size − crop) / 2)), halves to even.
    static func centreOffset(_ size: Int, _ crop: Int) -> Int {
        max(0, Int((Double(size - crop) / 2).rounded(.toNearestOrEven)))
    }

    /// Mirrors a square image in place, left to right.
    package static func flip(_ bytes: inout [UInt8], side: Int) {
        bytes.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, buffer.count == side * side * 3 else { return }
            for y in 0..<side {
                var left = base + y * side * 3
                var right = left + (side - 1) * 3
                while left < right {
                    for channel in 0..<3 { swap(&left[channel], &right[channel]) }
                    left += 3
                    right -= 3
                }
            }
        }
    }
}
