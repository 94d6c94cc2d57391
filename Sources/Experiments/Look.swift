import Images
import Model
import TrainingEvents

/// A picture as the network saw it, with the map of the class that it predicted.
package struct Look: Sendable, Equatable {
    /// Side of the square, in pixels.
    package let size: Int
    /// `[size, size, 3]` bytes: resized and cropped.
    package let seen: [UInt8]
    package let map: ClassActivationMap

    package init(size: Int, seen: [UInt8], map: ClassActivationMap) {
        (self.size, self.seen, self.map) = (size, seen, map)
    }

    /// The picture in grey and the heat's colours, half and half, so that colour is heat alone: the map enlarged bilinearly,
    /// from its least value (black and violet) to its greatest (yellow). The plain picture where all values are equal.
    package var overlaid: Image {
        var picture = Image(width: size, height: size, pixels: seen)
        guard let heat = ClassHeat(side: map.side, values: map.values) else { return picture }
        for y in 0..<size {
            for x in 0..<size {
                let color = Self.color(heat.level(x: x, y: y, columns: size, rows: size))
                let place = (y * size + x) * 3
                let grey = (3 * Int(seen[place]) + 6 * Int(seen[place + 1]) + Int(seen[place + 2])) / 10
                for channel in 0..<3 { picture.pixels[place + channel] = UInt8((grey + color[channel] + 1) / 2) }
            }
        }
        return picture
    }

    /// Matplotlib's `inferno` at quarters: its brightness grows evenly, so it is read with any colour vision.
    private static let stops = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]

    private static func color(_ level: Double) -> [Int] {
        let place = max(0, min(1, level)) * Double(stops.count - 1)
        let low = min(Int(place), stops.count - 2)
        return (0..<3).map { channel in
            let (from, to) = (Double(stops[low][channel]), Double(stops[low + 1][channel]))
            return Int((from + (to - from) * (place - Double(low))).rounded())
        }
    }
}
