import Foundation

/// What one validation predicted, and the pictures on which it was most wrong.
package struct MistakesReport: Sendable, Equatable, Codable {
    /// The last step before it.
    package var step: Int
    /// How many pictures of each class there were, and how often each was predicted.
    package var actual: [Int]
    package var predicted: [Int]
    /// Row by row the pictures of a class by what was predicted for them; empty beyond `matrixLimit` classes.
    package var matrix: [Int]
    /// Most wrong first: least probability for the true class.
    package var mistakes: [Mistake]

    /// A larger matrix is of no use on a screen.
    package static let matrixLimit = 100

    package init(step: Int, actual: [Int], predicted: [Int], matrix: [Int], mistakes: [Mistake]) {
        self.step = step
        self.actual = actual
        self.predicted = predicted
        self.matrix = matrix
        self.mistakes = mistakes
    }

    /// Pictures of class `row` for which `column` was predicted; nil where there is no such cell.
    package func count(_ row: Int, _ column: Int) -> Int? {
        let size = actual.count
        guard row >= 0, column >= 0, row < size, column < size, matrix.count == size * size else { return nil }
        return matrix[row * size + column]
    }

    /// Classes that have pictures and were predicted for none.
    package var neverPredicted: [Int] {
        actual.indices.filter { actual[$0] > 0 && predicted.indices.contains($0) && predicted[$0] == 0 }
    }
}

/// One wrong prediction; classes by index, probabilities from 0 to 1.
package struct Mistake: Sendable, Equatable, Codable {
    /// The picture's file, or what messages call it.
    package var name: String
    package var actual: Int
    package var predicted: Int
    /// The probabilities that the network gave to both.
    package var predictedProbability: Double
    package var actualProbability: Double
    /// nil where the picture could not be read again.
    package var picture: Thumbnail?
    /// Where the picture speaks for the predicted and for the true class; nil where there is no picture, where the map has
    /// nothing to tell apart, and from a run of an older version.
    package var predictedHeat: ClassHeat?
    package var actualHeat: ClassHeat?

    package init(
        name: String, actual: Int, predicted: Int, predictedProbability: Double, actualProbability: Double,
        picture: Thumbnail?, predictedHeat: ClassHeat? = nil, actualHeat: ClassHeat? = nil
    ) {
        self.name = name
        self.actual = actual
        self.predicted = predicted
        self.predictedProbability = predictedProbability
        self.actualProbability = actualProbability
        self.picture = picture
        self.predictedHeat = predictedHeat
        self.actualHeat = actualHeat
    }
}

/// A small picture, `[height, width, 3]` bytes.
package struct Thumbnail: Sendable, Equatable {
    package let width: Int
    package let height: Int
    package let pixels: [UInt8]

    private enum CodingKeys: CodingKey { case width, height, pixels }

    /// nil where the bytes are not as many as the size says.
    package init?(width: Int, height: Int, pixels: [UInt8]) {
        guard width > 0, height > 0, width <= 1024, height <= 1024, pixels.count == width * height * 3 else {
            return nil
        }
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// The mean colour of the part of the picture that cell (`x`, `y`) of a `columns`×`rows` grid covers.
    package func color(x: Int, y: Int, columns: Int, rows: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
        func range(_ place: Int, _ count: Int, _ size: Int) -> Range<Int> {
            let place = max(0, min(count - 1, place))
            let from = place * size / max(1, count)
            return from..<max(from + 1, min(size, (place + 1) * size / max(1, count)))
        }
        var sums = (0, 0, 0)
        let (across, down) = (range(x, columns, width), range(y, rows, height))
        for row in down {
            for column in across {
                let at = (row * width + column) * 3
                sums.0 += Int(pixels[at])
                sums.1 += Int(pixels[at + 1])
                sums.2 += Int(pixels[at + 2])
            }
        }
        let count = across.count * down.count
        return (UInt8(sums.0 / count), UInt8(sums.1 / count), UInt8(sums.2 / count))
    }
}

/// Pixels go as Base64: as numbers they would be four times as long.
extension Thumbnail: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let pixels = try container.decode(Data.self, forKey: .pixels)
        let size = (try container.decode(Int.self, forKey: .width), try container.decode(Int.self, forKey: .height))
        guard let whole = Thumbnail(width: size.0, height: size.1, pixels: Array(pixels)) else {
            throw DecodingError.dataCorruptedError(
                forKey: .pixels, in: container, debugDescription: "\(pixels.count) bytes for \(size.0)×\(size.1) pixels"
            )
        }
        self = whole
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(width, forKey: .width)
        try container.encode(height, forKey: .height)
        try container.encode(Data(pixels), forKey: .pixels)
    }
}
