import Glibc
import Support

/// Task A: seven shapes and five textures, in any two colours that can be told apart.
enum DrawnShape: String, CaseIterable {
    case bricks, checks, crescents, crosses, discs, dots, rings, squares, stars, stripes, triangles, waves

    func draw(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        let ground = generator.colour()
        var ink = generator.colour()
        while abs(luminance(ink) - luminance(ground)) < 0.25 {
            ink = generator.colour(saturation: 0...1, brightness: 0...1)
        }
        paintGround(ground, on: &canvas, using: &generator)
        var place = Placement(
            centre: Point(generator.number(-0.25, 0.25), generator.number(-0.25, 0.25)),
            scale: Point(repeating: generator.number(0.4, 0.75)),
            angle: generator.number(-.pi, .pi))
        if isTexture {
            place.scale = Point(repeating: generator.number(0.22, 0.5))
        } else {
            place.scale *= Point(generator.number(0.85, 1.15), generator.number(0.85, 1.15))
        }
        let detail = generator.number(0, 1)
        let fade = generator.number(-0.12, 0.12)
        let corners = corners(detail)
        let thin = place.stretch
        canvas.paint(
            { distance(place.local($0), detail: detail, corners: corners) * thin }, colour: { ink + fade * $0.y })
        let grain = generator.number(0, 0.06)
        canvas.adjust { $0 + (Float(generator.uniform()) - 0.5) * 2 * grain }
    }

    private var isTexture: Bool {
        switch self {
        case .bricks, .checks, .dots, .stripes, .waves: true
        default: false
        }
    }

    /// A sloping ground with a few faint blots, so that it is never quite flat.
    private func paintGround(_ ground: Colour, on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        let slope = Point(generator.number(-0.1, 0.1), generator.number(-0.1, 0.1))
        canvas.flood { ground + ($0 * slope).sum() }
        for _ in 0..<generator.below(4) {
            let centre = Point(generator.number(-1, 1), generator.number(-1, 1))
            let radius = generator.number(0.1, 0.5)
            canvas.paint(ground + generator.number(-0.1, 0.1)) { Shape.disc($0 - centre, radius) }
        }
    }

    private func corners(_ detail: Float) -> [Point] {
        switch self {
        case .triangles: Shape.starCorners(3, outer: 1, inner: 0.5)
        case .stars: Shape.starCorners(5, outer: 1.05, inner: 0.36 + 0.12 * detail)
        default: []
        }
    }

    /// Textures repeat with a period of one in their own measure.
    private func distance(_ p: Point, detail: Float, corners: [Point]) -> Float {
        func nearest(_ value: Float) -> Float { value - value.rounded() }
        switch self {
        case .discs: return Shape.disc(p, 0.8)
        case .rings: return abs(p.length - 0.75) - (0.12 + 0.12 * detail)
        case .squares: return Shape.box(p, Point(0.72, 0.72), round: 0.1 * detail)
        case .triangles, .stars: return Shape.polygon(p, corners)
        case .crosses:
            let arm = 0.2 + 0.12 * detail
            return min(Shape.box(p, Point(0.9, arm)), Shape.box(p, Point(arm, 0.9)))
        case .crescents:
            return max(Shape.disc(p, 0.85), -Shape.disc(p - Point(0.35 + 0.15 * detail, 0), 0.7))
        case .stripes: return abs(nearest(p.x)) - (0.17 + 0.16 * detail)
        case .checks:
            let x = abs(nearest(p.x)) - 0.25
            let y = abs(nearest(p.y)) - 0.25
            return x * y > 0 ? -min(abs(x), abs(y)) : min(abs(x), abs(y))
        case .dots: return Shape.disc(Point(nearest(p.x), nearest(p.y)), 0.2 + 0.14 * detail)
        case .waves:
            let wave = p.y + 0.3 * sin(2 * .pi * p.x * (0.6 + 0.3 * detail))
            return (abs(nearest(wave)) - 0.22) * 0.6
        case .bricks:
            let row = (p.y * 1.6).rounded()
            let shift: Float = Int(row) % 2 == 0 ? 0 : 0.5
            let brick = Point(nearest(p.x * 0.8 + shift) / 0.8, (p.y * 1.6 - row) / 1.6)
            return Shape.box(brick, Point(0.55, 0.25))
        }
    }
}
