/// A batch that is ready for the network.
package struct ImageBatch: Sendable {
    /// The source's indices of the images in it.
    package let indices: [Int]
    package let labels: [Int]
    /// Normalised float32, `[batch, height, width, 3]`.
    package let pixels: [Float]
    package var count: Int { indices.count }
}
