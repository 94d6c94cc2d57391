import Foundation

/// A class activation map as it is drawn over its picture: each place between the map's least and greatest value.
package struct ClassHeat: Sendable, Equatable {
    /// Places along each side of the square that the network saw.
    package let side: Int
    /// `[side, side]`, rows from the top: 0 for the map's least value, 255 for its greatest.
    package let levels: [UInt8]

    /// The map of the largest picture that a network is given, 1024 pixels wide.
    package static let largestSide = 32

    private enum CodingKeys: CodingKey { case side, levels }

    /// nil where the levels are not as many as the side says.
    package init?(side: Int, levels: [UInt8]) {
        guard (1...Self.largestSide).contains(side), levels.count == side * side else { return nil }
        self.side = side
        self.levels = levels
    }

    /// From a map's values, `[side, side]`. nil where they are not as many as the side says, where one is not finite, and
    /// where all are equal, as in a map of one place.
    package init?(side: Int, values: [Float]) {
        guard let least = values.min(), let greatest = values.max(), least < greatest, values.allSatisfy(\.isFinite)
        else { return nil }
        let range = Double(greatest) - Double(least)
        self.init(
            side: side, levels: values.map { UInt8(((Double($0) - Double(least)) / range * 255).rounded()) })
    }

    /// The level, from 0 to 1, at the middle of cell (`x`, `y`) of a grid of `columns`×`rows` over the picture: bilinear
    /// between the middles of the map's places, as PyTorch's `interpolate` with `align_corners=False`.
    package func level(x: Int, y: Int, columns: Int, rows: Int) -> Double {
        func place(_ cell: Int, _ count: Int) -> (low: Int, high: Int, share: Double) {
            let at = (Double(cell) + 0.5) * Double(side) / Double(max(1, count)) - 0.5
            let inside = max(0, min(Double(side - 1), at))
            let low = Int(inside)
            return (low, min(low + 1, side - 1), inside - Double(low))
        }
        let (across, down) = (place(x, columns), place(y, rows))
        func row(_ y: Int) -> Double {
            let (left, right) = (Double(levels[y * side + across.low]), Double(levels[y * side + across.high]))
            return left + (right - left) * across.share
        }
        let (upper, lower) = (row(down.low), row(down.high))
        return (upper + (lower - upper) * down.share) / 255
    }
}

/// Levels go as Base64, as a thumbnail's pixels.
extension ClassHeat: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let levels = try container.decode(Data.self, forKey: .levels)
        let side = try container.decode(Int.self, forKey: .side)
        guard let map = ClassHeat(side: side, levels: Array(levels)) else {
            throw DecodingError.dataCorruptedError(
                forKey: .levels, in: container, debugDescription: "\(levels.count) levels for \(side)×\(side) places")
        }
        self = map
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(side, forKey: .side)
        try container.encode(Data(levels), forKey: .levels)
    }
}
