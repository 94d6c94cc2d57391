import Support

/// The drawn demonstration: images in endless variety that the program draws itself, from the seed and the index alone.
///
/// The labels go round: image i has label i mod the number of classes, so every range of indices is balanced.
package struct DrawnImages: ImageSource {
    package enum Task: Sendable {
        /// Task A: a dozen classes of shapes and textures, flat colours.
        case shapesAndTextures
        /// Task B: cats and dogs in ink and crayon.
        case animals
    }

    package let task: Task
    package let count: Int
    /// The side of each image in pixels.
    package let size: Int
    package let seed: UInt64

    package init(task: Task, count: Int, size: Int, seed: UInt64) {
        self.task = task
        self.count = max(0, count)
        self.size = min(max(8, size), 4096)
        self.seed = seed
    }

    package var classes: [String] {
        switch task {
        case .shapesAndTextures: DrawnShape.allCases.map(\.rawValue)
        case .animals: DrawnAnimal.Kind.allCases.map(\.rawValue)
        }
    }

    package func label(_ index: Int) -> Int { index % classes.count }

    package func name(_ index: Int) -> String { "drawn \(classes[label(index)]) \(index)" }

    package func image(_ index: Int) -> Image {
        var generator = SeededGenerator(seed: seed, stream: task == .animals ? 2 : 1, UInt64(bitPattern: Int64(index)))
        var canvas = ImageCanvas(size: size)
        switch task {
        case .shapesAndTextures: DrawnShape.allCases[label(index)].draw(on: &canvas, using: &generator)
        case .animals:
            var animal = DrawnAnimal(DrawnAnimal.Kind.allCases[label(index)], using: &generator)
            animal.draw(on: &canvas, using: &generator)
        }
        return canvas.image
    }
}
