import Glibc
import Support

typealias Point = SIMD2<Float>
typealias Colour = SIMD3<Float>

/// A square to paint on, −1 to 1 both ways, y downwards. A shape is a function that gives the distance to its edge, negative
/// inside; edges are smoothed over one pixel.
struct ImageCanvas {
    let size: Int
    private var pixels: [Colour]
    private var perUnit: Float { Float(size) / 2 }

    init(size: Int) {
        self.size = size
        pixels = [Colour](repeating: .zero, count: size * size)
    }

    private func point(_ x: Int, _ y: Int) -> Point { Point(Float(x) + 0.5, Float(y) + 0.5) / perUnit - 1 }

    /// Covers what is inside of `distance` with one colour.
    @inline(__always)
    mutating func paint(_ colour: Colour, opacity: Float = 1, _ distance: (Point) -> Float) {
        paint(opacity: opacity, distance) { _ in colour }
    }

    /// Covers everything with a colour for each place.
    @inline(__always)
    mutating func flood(_ colour: (Point) -> Colour) { paint({ _ in -1 }, colour: colour) }

    /// Covers what is inside of `distance` with a colour for each place.
    @inline(__always)
    mutating func paint(opacity: Float = 1, _ distance: (Point) -> Float, colour: (Point) -> Colour) {
        for y in 0..<size {
            for x in 0..<size {
                let p = point(x, y)
                let coverage = min(max(0.5 - distance(p) * perUnit, 0), 1) * opacity
                guard coverage > 0 else { continue }
                pixels[y * size + x] += (colour(p) - pixels[y * size + x]) * coverage
            }
        }
    }

    /// Where every pixel lies as `seen` sees it, worked out once for many shapes.
    func places(_ seen: (Point) -> Point) -> [Point] {
        (0..<size * size).map { seen(point($0 % size, $0 / size)) }
    }

    /// Covers what is inside of `distance`, which is given `places` instead of places on the canvas and whose result is
    /// `stretch` times as long on the canvas.
    @inline(__always)
    mutating func paint(
        _ colour: Colour, opacity: Float = 1, in places: [Point], stretch: Float, _ distance: (Point) -> Float
    ) {
        let sharpness = perUnit * stretch
        for i in places.indices {
            let coverage = min(max(0.5 - distance(places[i]) * sharpness, 0), 1) * opacity
            if coverage > 0 { pixels[i] += (colour - pixels[i]) * coverage }
        }
    }

    /// Changes every pixel's colour.
    mutating func adjust(_ change: (Colour) -> Colour) {
        for i in pixels.indices { pixels[i] = change(pixels[i]) }
    }

    /// Colours 0 to 1 become bytes.
    var image: Image {
        Image(
            width: size, height: size,
            pixels: pixels.flatMap { colour in (0..<3).map { UInt8(min(max(colour[$0], 0), 1) * 255 + 0.5) } })
    }
}

/// Where a drawing stands: moved, turned, scaled, maybe mirrored.
struct Placement {
    var centre: Point = .zero
    var scale: Point = Point(1, 1)
    var angle: Float = 0

    /// A place on the canvas, seen from the drawing.
    func local(_ p: Point) -> Point { (p - centre).turned(-angle) / scale }
    /// How much longer a distance is on the canvas than in the drawing.
    var stretch: Float { min(abs(scale.x), abs(scale.y)) }
}

extension Point {
    var length: Float { (x * x + y * y).squareRoot() }

    func turned(_ angle: Float) -> Point {
        let c = cos(angle)
        let s = sin(angle)
        return Point(c * x - s * y, s * x + c * y)
    }
}

/// Distances to the edges of shapes.
enum Shape {
    static func disc(_ p: Point, _ radius: Float) -> Float { p.length - radius }

    /// Nearly the distance to an ellipse; exact on its edge.
    static func ellipse(_ p: Point, _ radii: Point) -> Float {
        let near = (p / radii).length
        let slope = (p / (radii * radii)).length
        return slope > 0 ? near * (near - 1) / slope : -min(radii.x, radii.y)
    }

    /// The lower half of a ring.
    static func smile(_ p: Point, _ radius: Float, _ half: Float) -> Float { max(abs(p.length - radius) - half, -p.y) }

    static func box(_ p: Point, _ half: Point, round: Float = 0) -> Float {
        let d = Point(abs(p.x), abs(p.y)) - half + round
        return Point(max(d.x, 0), max(d.y, 0)).length + min(max(d.x, d.y), 0) - round
    }

    /// A line from a to b, so thick.
    static func line(_ p: Point, _ a: Point, _ b: Point, _ thickness: Float) -> Float {
        let pa = p - a
        let ba = b - a
        let along = min(max((pa * ba).sum() / max((ba * ba).sum(), 1e-9), 0), 1)
        return (pa - ba * along).length - thickness / 2
    }

    /// Any polygon (Inigo Quilez's formula).
    static func polygon(_ p: Point, _ corners: [Point]) -> Float {
        guard var previous = corners.last, let first = corners.first else { return 1 }
        var squared = ((p - first) * (p - first)).sum()
        var inside: Float = 1
        for corner in corners {
            let edge = previous - corner
            let to = p - corner
            let along = min(max((to * edge).sum() / max((edge * edge).sum(), 1e-9), 0), 1)
            let off = to - edge * along
            squared = min(squared, (off * off).sum())
            let above = p.y >= corner.y
            let below = p.y < previous.y
            let left = edge.x * to.y > edge.y * to.x
            if (above && below && left) || (!above && !below && !left) { inside = -inside }
            previous = corner
        }
        return inside * squared.squareRoot()
    }

    /// Corners of a star, or of a regular polygon where both radii are the same.
    static func starCorners(_ points: Int, outer: Float, inner: Float) -> [Point] {
        (0..<2 * points).map { i in
            let angle = Float(i) * .pi / Float(points) - .pi / 2
            return Point(cos(angle), sin(angle)) * (i % 2 == 0 ? outer : inner)
        }
    }
}

extension SeededGenerator {
    mutating func number(_ low: Float, _ high: Float) -> Float { Float(uniform(Double(low), Double(high))) }

    mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

    mutating func pick<Element>(_ choices: [Element], else fallback: Element) -> Element {
        choices.isEmpty ? fallback : choices[below(choices.count)]
    }

    /// Any colour: hue, saturation and brightness on their own.
    mutating func colour(saturation: ClosedRange<Float> = 0.1...0.9, brightness: ClosedRange<Float> = 0.15...1)
        -> Colour
    {
        let hue = number(0, 6)
        let s = number(saturation.lowerBound, saturation.upperBound)
        let v = number(brightness.lowerBound, brightness.upperBound)
        func channel(_ offset: Float) -> Float {
            let k = (offset + hue).truncatingRemainder(dividingBy: 6)
            return v - v * s * max(0, min(k, 4 - k, 1))
        }
        return Colour(channel(5), channel(3), channel(1))
    }
}

/// Brightness as seen, 0 to 1.
func luminance(_ colour: Colour) -> Float { (colour * Colour(0.299, 0.587, 0.114)).sum() }
