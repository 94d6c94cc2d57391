import Support

/// What lies behind and in front of a drawing, alike for all classes of a task.
struct DrawnSurroundings {
    /// Fewer blots than this lie behind.
    var blots: Int
    /// How often something lies in front.
    var hiding: Double
    /// The strongest grain.
    var grain: Float

    static let shapes = DrawnSurroundings(blots: 3, hiding: 0.1, grain: 0.03)
    static let animals = DrawnSurroundings(blots: 6, hiding: 0.25, grain: 0.05)

    /// Two colours, in a slope or with a horizon, and blots of any form.
    func paintBackground(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        let top = generator.colour(saturation: 0.05...0.7, brightness: 0.25...1)
        let bottom = generator.colour(saturation: 0.05...0.7, brightness: 0.25...1)
        let horizon = generator.number(-0.2, 0.7)
        let soft = generator.chance(0.5)
        canvas.flood { p in
            let part = soft ? min(max(p.y * 0.5 + 0.5, 0), 1) : p.y > horizon ? 1 : 0
            return top + (bottom - top) * part
        }
        for _ in 0..<generator.below(blots) {
            let centre = Point(generator.number(-1.1, 1.1), generator.number(-1.1, 1.1))
            let radius = generator.number(0.1, 0.45)
            let angle = generator.number(-.pi, .pi)
            let form = generator.below(4)
            let colour = generator.colour(saturation: 0.1...0.8, brightness: 0.2...1)
            let triangle = Shape.starCorners(3, outer: radius, inner: radius / 2)
            canvas.paint(colour, opacity: 0.8) { p in
                let q = (p - centre).turned(angle)
                switch form {
                case 0: return Shape.disc(q, radius)
                case 1: return Shape.box(q, Point(radius, radius * 0.6))
                case 2: return Shape.polygon(q, triangle)
                default: return Shape.line(q, Point(-1, 0), Point(1, 0), 0.08)
                }
            }
        }
    }

    /// A rail, a spot or nothing in front; then chalk grain and the light of the day.
    func paintForeground(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        if generator.chance(hiding) {
            let colour = generator.colour(saturation: 0.2...0.8, brightness: 0.2...0.9)
            if generator.chance(0.5) {
                let across = generator.number(-0.9, 0.9)
                let tilt = generator.number(-0.5, 0.5)
                canvas.paint(colour, opacity: 0.9) { p in
                    Shape.line(p, Point(-1.5, across - tilt), Point(1.5, across + tilt), 0.12)
                }
            } else {
                let centre = Point(generator.number(-0.9, 0.9), generator.number(-0.9, 0.9))
                let radius = generator.number(0.15, 0.3)
                canvas.paint(colour) { Shape.disc($0 - centre, radius) }
            }
        }
        let grain = generator.number(0.01, grain)
        let light = generator.number(0.75, 1.15)
        let lift = generator.number(-0.06, 0.1)
        canvas.adjust { colour in
            colour * light + lift + (Float(generator.uniform()) + Float(generator.uniform()) - 1) * 2 * grain
        }
    }
}
