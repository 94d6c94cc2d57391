import Glibc
import Support

/// Task A: eight shapes and four textures, in any colours, inked, flat or hollow, by a more or less steady hand.
///
/// What tells task B's animals apart are edges, points and lobes as well; no animal is among these.
enum DrawnShape: String, CaseIterable {
    case bricks, checks, clovers, crescents, crowns, drops, fans, hearts, rings, stars, stripes, waves

    func draw(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        DrawnSurroundings.shapes.paintBackground(on: &canvas, using: &generator)
        if isTexture {
            paintTexture(on: &canvas, using: &generator)
        } else {
            let isAlone = generator.chance(0.75)
            for _ in 0..<(isAlone ? 1 : 2) { paintShape(on: &canvas, isAlone: isAlone, using: &generator) }
        }
        DrawnSurroundings.shapes.paintForeground(on: &canvas, using: &generator)
    }

    private var isTexture: Bool {
        switch self {
        case .bricks, .checks, .stripes, .waves: true
        default: false
        }
    }

    // MARK: - Painting

    /// How one figure is drawn.
    private struct Style {
        let fill: Colour
        let fade: Float
        let ink: Colour
        let isInked: Bool
        let isHollow: Bool
        let lineWidth: Float
        let wobble: (phase: Point, strength: Float)

        init(canBeHollow: Bool, using generator: inout SeededGenerator) {
            fill = generator.colour(saturation: 0.1...0.9, brightness: 0.45...1)
            fade = generator.number(-0.12, 0.12)
            ink = generator.colour(saturation: 0...0.5, brightness: 0...0.3)
            isHollow = canBeHollow && generator.chance(0.15)
            isInked = !isHollow && generator.chance(0.85)
            lineWidth = generator.number(0.03, 0.08)
            wobble = (Point(generator.number(0, 6), generator.number(0, 6)), generator.number(0, 0.02))
        }

        /// A place in the figure as a shaky hand meets it.
        func shaken(_ q: Point) -> Point {
            q + wobble.strength
                * Point(sin(7 * q.y + wobble.phase.x) + sin(13 * q.x), sin(6 * q.x + wobble.phase.y) + sin(11 * q.y))
        }

        func paint(on canvas: inout ImageCanvas, _ edge: (Point) -> Float) {
            if isInked { canvas.paint(ink) { edge($0) - lineWidth } }
            canvas.paint({ isHollow ? abs(edge($0)) - lineWidth : edge($0) }, colour: { fill + fade * $0.y })
        }
    }

    private static func placement(
        reach: Float, size: ClosedRange<Float>, using generator: inout SeededGenerator
    ) -> Placement {
        let scale = generator.number(size.lowerBound, size.upperBound)
        var place = Placement(
            centre: Point(generator.number(-reach, reach), generator.number(-reach, reach)),
            scale: Point(scale * generator.number(0.8, 1.2), scale * generator.number(0.8, 1.2)),
            angle: 0.35 * Float(generator.normal()))
        if generator.chance(0.5) { place.scale.x = -place.scale.x }
        return place
    }

    private func paintShape(
        on canvas: inout ImageCanvas, isAlone: Bool, using generator: inout SeededGenerator
    ) {
        let style = Style(canBeHollow: true, using: &generator)
        let place = Self.placement(
            reach: isAlone ? 0.3 : 0.65, size: isAlone ? 0.5...0.8 : 0.35...0.55, using: &generator)
        let detail = generator.number(0, 1)
        let hasMore = generator.chance(0.5)
        style.paint(on: &canvas) { p in
            shape(style.shaken(place.local(p)), detail: detail, hasMore: hasMore) * place.stretch
        }
    }

    /// A round or square patch of it, or the whole canvas.
    private func paintTexture(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        let style = Style(canBeHollow: false, using: &generator)
        let place = Self.placement(reach: 0.3, size: 0.22...0.5, using: &generator)
        let detail = generator.number(0, 1)
        let size = generator.number(0.6, 1.3)
        let isRound = generator.chance(0.5)
        let centre = Point(generator.number(-0.3, 0.3), generator.number(-0.3, 0.3))
        style.paint(on: &canvas) { p in
            let q = p - centre
            let patch = isRound ? Shape.disc(q, size) : Shape.box(q, Point(size, size * 0.8))
            return max(texture(style.shaken(place.local(p)), detail: detail) * place.stretch, patch)
        }
    }

    // MARK: - Distances

    private func shape(_ p: Point, detail: Float, hasMore: Bool) -> Float {
        switch self {
        case .rings: return abs(p.length - 0.7) - (0.1 + 0.18 * detail)
        case .stars: return Shape.polygon(p, Shape.starCorners(5, outer: 1.05, inner: 0.36 + 0.12 * detail))
        case .drops:
            let top = [Point(-0.4, 0.12), Point(0, -0.7 - 0.3 * detail), Point(0.4, 0.12)]
            return min(Shape.ellipse(p - Point(0, 0.3), Point(0.45, 0.5)), Shape.polygon(p, top))
        case .hearts:
            let low = Shape.polygon(p, [Point(-0.74, 0.02), Point(0.74, 0.02), Point(0, 0.9)])
            return min(Shape.disc(Point(abs(p.x) - 0.38, p.y + 0.2), 0.43), low)
        case .crescents:
            return max(Shape.disc(p, 0.85), -Shape.disc(p - Point(0.35 + 0.15 * detail, 0), 0.7))
        case .crowns:
            // A round body with two or three points.
            var nearest = Shape.ellipse(p - Point(0, 0.25), Point(0.72, 0.56))
            for side in hasMore ? [-1, 0, 1] as [Float] : [-1, 1] {
                let foot = Point(side * 0.4, 0.05)
                let tip = Point(side * (0.5 + 0.12 * detail), -0.75 - 0.2 * detail)
                nearest = min(nearest, Shape.polygon(p, [foot - Point(0.26, 0), tip, foot + Point(0.26, 0)]))
            }
            return nearest
        case .clovers:
            // A round body with two lobes, further up or down.
            var nearest = Shape.disc(p, 0.55)
            for side in [-1, 1] as [Float] {
                let lobe = Point(side * 0.62, hasMore ? 0.25 : -0.35)
                let radii = Point(0.22 + 0.08 * detail, 0.48)
                nearest = min(nearest, Shape.ellipse((p - lobe).turned(side * 0.4), radii))
            }
            return nearest
        case .fans:
            // Three spokes to one side or to both.
            var nearest = Float.infinity
            for side in hasMore ? [-1, 1] as [Float] : [-1] {
                for spoke in [-1, 0, 1] as [Float] {
                    let angle = spoke * (0.25 + 0.25 * detail)
                    let end = Point(side * cos(angle), sin(angle))
                    nearest = min(nearest, Shape.line(p, Point(side * 0.15, 0.05 * spoke), end, 0.1))
                }
            }
            return nearest
        case .bricks, .checks, .stripes, .waves: return texture(p, detail: detail)
        }
    }

    /// Textures repeat with a period of one in their own measure.
    private func texture(_ p: Point, detail: Float) -> Float {
        func nearest(_ value: Float) -> Float { value - value.rounded() }
        switch self {
        case .checks:
            let x = abs(nearest(p.x)) - 0.25
            let y = abs(nearest(p.y)) - 0.25
            return x * y > 0 ? -min(abs(x), abs(y)) : min(abs(x), abs(y))
        case .waves:
            let wave = p.y + 0.3 * sin(2 * .pi * p.x * (0.6 + 0.3 * detail))
            return (abs(nearest(wave)) - 0.22) * 0.6
        case .bricks:
            let row = (p.y * 1.6).rounded()
            let shift: Float = Int(row) % 2 == 0 ? 0 : 0.5
            let brick = Point(nearest(p.x * 0.8 + shift) / 0.8, (p.y * 1.6 - row) / 1.6)
            return Shape.box(brick, Point(0.55, 0.25))
        default: return abs(nearest(p.x)) - (0.17 + 0.16 * detail)
        }
    }
}
