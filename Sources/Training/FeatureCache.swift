import Kernels

/// The frozen prefix's output, kept per picture (rule 6).
///
/// Valid for one cut and one set of pictures for as long as no parameter below the cut thaws; whoever owns it drops it
/// then. It holds the very bits that the prefix computed, so a cached run and an uncached one see the same numbers.
final class FeatureCache {
    let cut: Int
    let floatsPerImage: Int
    let count: Int
    private let values: FloatBuffer
    private var filled: [Bool]
    private(set) var filledCount = 0

    init(cut: Int, floatsPerImage: Int, count: Int) {
        self.cut = cut
        self.floatsPerImage = floatsPerImage
        self.count = count
        values = FloatBuffer(count: floatsPerImage * count)
        filled = [Bool](repeating: false, count: count)
    }

    static func byteCount(floatsPerImage: Int, count: Int) -> Int { floatsPerImage * count * MemoryLayout<Float>.size }

    func holds(_ indices: ArraySlice<Int>) -> Bool { indices.allSatisfy { filled[$0] } }

    /// `features`: `[indices.count, floatsPerImage]`.
    func store(_ indices: [Int], _ features: UnsafePointer<Float>) {
        for (row, index) in indices.enumerated() where !filled[index] {
            (values.pointer + index * floatsPerImage)
                .update(from: features + row * floatsPerImage, count: floatsPerImage)
            filled[index] = true
            filledCount += 1
        }
    }

    /// Copies the features of `indices` to `[indices.count, floatsPerImage]`.
    func gather(_ indices: ArraySlice<Int>, into features: UnsafeMutablePointer<Float>) {
        for (row, index) in indices.enumerated() {
            (features + row * floatsPerImage)
                .update(from: values.pointer + index * floatsPerImage, count: floatsPerImage)
        }
    }
}
