/// A batch that is ready for the network.
public struct PictureBatch: Sendable {
    /// The source's indices of the pictures in it.
    public let indices: [Int]
    public let labels: [Int]
    /// Normalised float32, `[batch, height, width, 3]`.
    public let pixels: [Float]
    public var count: Int { indices.count }

    public init(indices: [Int], labels: [Int], pixels: [Float]) {
        self.indices = indices
        self.labels = labels
        self.pixels = pixels
    }
}
