import Images

/// All that a picture's features follow from. Two caches with the same key hold the same bits, so one that is found by
/// its key cannot be stale.
package struct FeatureKey: Hashable, Sendable {
    /// How many units the features have passed.
    package var cut: Int
    /// Of the bits of every tensor below the cut.
    package var weights: UInt64
    /// Of the pictures' names and labels in order.
    package var pictures: UInt64
    package var imageSize: Int
    package var exif: ExifHandling
    /// How many variants of each image there are: 2 where it may be mirrored.
    package var variants: Int

    package init(
        cut: Int, weights: UInt64, pictures: UInt64, imageSize: Int, exif: ExifHandling = .apply, variants: Int = 1
    ) {
        self.cut = cut
        self.weights = weights
        self.pictures = pictures
        self.imageSize = imageSize
        self.exif = exif
        self.variants = variants
    }
}

/// The frozen prefix's output, kept per picture and variant (docs/freezing.md, rule 6): the very bits that the prefix
/// computed, so that a cached run and an uncached one see the same numbers.
package final class FeatureCache {
    package let cut: Int
    package let floatsPerImage: Int
    /// How many features there are room for: pictures times variants.
    package let count: Int
    package private(set) var filledCount = 0
    /// What computing the kept features took.
    package var seconds = 0.0
    /// Why nothing more can be kept; what is filled stays good.
    package private(set) var failure: FeatureStorageError?
    private let variants: Int
    private let storage: any FeatureStorage
    private let start: Int
    private var filled: [Bool]

    /// `start`: where in the storage its floats begin.
    package init(cut: Int, floatsPerImage: Int, pictures: Int, variants: Int, storage: any FeatureStorage, start: Int) {
        self.cut = cut
        self.floatsPerImage = floatsPerImage
        self.variants = variants
        self.storage = storage
        self.start = start
        count = pictures * variants
        filled = [Bool](repeating: false, count: count)
    }

    package func holds(_ index: Int, variant: Int) -> Bool { filled[index * variants + variant] }

    /// Keeps `floatsPerImage` floats, unless they are kept already or there has been a failure.
    package func store(_ index: Int, variant: Int, _ features: UnsafePointer<Float>) {
        let slot = index * variants + variant
        guard failure == nil, !filled[slot] else { return }
        do throws(FeatureStorageError) {
            try storage.write(features, count: floatsPerImage, at: start + slot * floatsPerImage)
            filled[slot] = true
            filledCount += 1
        } catch { failure = error }
    }

    /// Copies the features of a picture that is held.
    package func load(_ index: Int, variant: Int, into features: UnsafeMutablePointer<Float>) {
        storage.read(at: start + (index * variants + variant) * floatsPerImage, count: floatsPerImage, into: features)
    }
}
