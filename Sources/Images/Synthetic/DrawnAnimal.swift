import Glibc
import Support

/// Task B: the head of a cat or a dog, inked by a shaky hand. Ears, muzzle and eyes tell them apart, where nothing hides
/// them; colours, backgrounds, poses, markings and what lies in front are drawn alike for both.
struct DrawnAnimal {
    enum Kind: String, CaseIterable { case cats, dogs }
    private enum Ears { case pointed, folded, hanging }

    private let kind: Kind
    private let ears: Ears
    private var place: Placement
    /// How far the face is turned to a side, −1 to 1.
    private let turn: Float
    private let fur: Colour
    private let secondFur: Colour
    private let ink: Colour
    private let iris: Colour
    private let lineWidth: Float
    private let wobble: (phase: Point, strength: Float)
    private let headRadii: Point
    private let earLength: Float
    private let eyeDistance: Float
    private let eyeRadius: Float
    /// Every pixel in the measure of the head; set when drawing begins.
    private var places: [Point] = []

    private static let furs: [Colour] = [
        Colour(0.93, 0.62, 0.28), Colour(0.55, 0.36, 0.22), Colour(0.35, 0.34, 0.36), Colour(0.93, 0.9, 0.84),
        Colour(0.72, 0.7, 0.68), Colour(0.83, 0.7, 0.5), Colour(0.22, 0.19, 0.2), Colour(0.68, 0.42, 0.25),
    ]
    private static let irises: [Colour] = [
        Colour(0.5, 0.75, 0.3), Colour(0.9, 0.75, 0.25), Colour(0.35, 0.6, 0.85), Colour(0.5, 0.3, 0.15),
    ]

    init(_ kind: Kind, using generator: inout SeededGenerator) {
        self.kind = kind
        let chance = generator.uniform()
        switch kind {
        case .cats: ears = .pointed
        case .dogs: ears = chance < 0.92 ? .hanging : .folded
        }
        let scale = generator.number(0.6, 0.92)
        place = Placement(
            centre: Point(generator.number(-0.2, 0.2), generator.number(-0.12, 0.24)),
            scale: Point(scale * generator.number(0.88, 1.12), scale * generator.number(0.88, 1.12)),
            angle: 0.28 * Float(max(-2.2, min(2.2, generator.normal()))))
        if generator.chance(0.5) { place.scale.x = -place.scale.x }
        turn = generator.number(-1, 1)
        let shade = generator.number(-0.08, 0.08)
        let tint = generator.colour(saturation: 0.3...0.8, brightness: 0.5...1)
        // Crayons are not always the colour of an animal.
        fur = generator.chance(0.2) ? tint : generator.pick(Self.furs, else: .one) + Colour(repeating: shade)
        secondFur =
            generator.chance(0.5)
            ? fur * generator.number(0.6, 0.85) : fur + (Colour(0.98, 0.95, 0.9) - fur) * generator.number(0.5, 0.9)
        ink = Colour(0.1, 0.08, 0.1) + Colour(repeating: generator.number(0, 0.12))
        iris = generator.pick(Self.irises, else: .one)
        lineWidth = generator.number(0.035, 0.075)
        wobble = (Point(generator.number(0, 6), generator.number(0, 6)), generator.number(0.004, 0.022))
        switch kind {
        case .cats: headRadii = Point(generator.number(0.54, 0.66), generator.number(0.46, 0.56))
        case .dogs: headRadii = Point(generator.number(0.48, 0.6), generator.number(0.48, 0.62))
        }
        earLength = generator.number(0.8, 1.2)
        eyeDistance = generator.number(0.2, 0.28)
        eyeRadius = generator.number(0.085, 0.125)
    }

    /// A place on the canvas as the shaky hand sees it from the middle of the head.
    private func local(_ p: Point) -> Point {
        let q = place.local(p)
        return q
            + wobble.strength
            * Point(sin(9 * q.y + wobble.phase.x) + sin(17 * q.x), sin(8 * q.x + wobble.phase.y) + sin(15 * q.y))
    }

    mutating func draw(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        places = canvas.places(local)
        DrawnSurroundings.animals.paintBackground(on: &canvas, using: &generator)
        paintBody(on: &canvas)
        if ears != .hanging { paintEars(on: &canvas) }
        paintHead(on: &canvas, using: &generator)
        if ears == .hanging { paintEars(on: &canvas) }
        paintFace(on: &canvas, using: &generator)
        DrawnSurroundings.animals.paintForeground(on: &canvas, using: &generator)
    }

    private func paintBody(on canvas: inout ImageCanvas) {
        shape(on: &canvas, fur * 0.92) { Shape.ellipse($0 - Point(0.1, 1.15), Point(0.62, 0.75)) }
    }

    // MARK: - The head

    /// A filled shape with an inked edge, in the measure of the head.
    private func shape(
        on canvas: inout ImageCanvas, _ colour: Colour, outline: Bool = true, _ distance: (Point) -> Float
    ) {
        if outline { paint(on: &canvas, ink) { distance($0) - lineWidth } }
        paint(on: &canvas, colour, distance)
    }

    /// A shape without an edge, in the measure of the head.
    @inline(__always)
    private func paint(
        on canvas: inout ImageCanvas, _ colour: Colour, opacity: Float = 1, _ distance: (Point) -> Float
    ) {
        canvas.paint(colour, opacity: opacity, in: places, stretch: place.stretch, distance)
    }

    private func paintHead(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        let cheeks: Float = kind == .cats ? 0.1 : -0.04
        func head(_ p: Point) -> Float {
            // Cats are wider below, dogs a little narrower.
            let width = headRadii.x * (1 + cheeks * min(max(p.y / 0.5, -1), 1))
            return Shape.ellipse(p, Point(width, headRadii.y))
        }
        shape(on: &canvas, fur, head)
        paint(on: &canvas, secondFur, opacity: 0.45) { q in
            max(head(q) + 0.02, -Shape.ellipse(q + Point(0.12, 0.14), headRadii))
        }
        switch generator.below(4) {
        case 0:
            // Stripes on the forehead.
            for x in [-0.16, 0, 0.16] as [Float] {
                paint(on: &canvas, secondFur * 0.8) { q in
                    max(Shape.line(q, Point(x + turn * 0.1, -0.55), Point(x * 0.6 + turn * 0.1, -0.26), 0.07), head(q))
                }
            }
        case 1:
            // A patch around one eye.
            let side: Float = generator.chance(0.5) ? 1 : -1
            paint(on: &canvas, secondFur) { q in
                max(Shape.ellipse(q - Point(side * 0.27, -0.1), Point(0.23, 0.27)), head(q))
            }
        case 2:
            // A blaze down the face.
            paint(on: &canvas, secondFur) { q in
                max(Shape.ellipse(q - Point(turn * 0.12, -0.1), Point(0.12, 0.5)), head(q))
            }
        default: break
        }
    }

    private func paintEars(on canvas: inout ImageCanvas) {
        let blush = Colour(0.92, 0.62, 0.6)
        for side in [-1, 1] as [Float] {
            // The ear on the far side looks narrower.
            let width = 1 - 0.2 * turn * side
            func ear(_ x: Float, _ y: Float) -> Point { Point(side * x * headRadii.x / 0.6, y * headRadii.y / 0.5) }
            switch ears {
            case .pointed:
                let tip = ear(0.5, -0.42 - 0.46 * earLength)
                let outer = [ear(0.6 * width, -0.12), tip, ear(0.1 / width, -0.44)]
                shape(on: &canvas, fur) { Shape.polygon($0, outer) - 0.02 }
                let middle = (outer[0] + outer[1] + outer[2]) / 3
                let inner = outer.map { middle + ($0 - middle) * 0.55 }
                shape(on: &canvas, blush * (0.6 + 0.4 * luminance(fur)), outline: false) { Shape.polygon($0, inner) }
            case .folded:
                // The tip hangs over the front.
                let outer = [ear(0.58, -0.12), ear(0.5, -0.66), ear(0.12, -0.44)]
                shape(on: &canvas, fur) { Shape.polygon($0, outer) - 0.02 }
                let tip = [ear(0.54, -0.56), ear(0.56 + 0.1 * earLength, -0.2), ear(0.22, -0.48)]
                shape(on: &canvas, secondFur) { Shape.polygon($0, tip) - 0.02 }
            case .hanging:
                let centre = ear(0.58, -0.12 + 0.16 * earLength)
                let radii = Point(0.17 * width, 0.4 * earLength)
                shape(on: &canvas, secondFur * 0.9) { Shape.ellipse(($0 - centre).turned(side * 0.3), radii) }
            }
        }
    }

    private func paintFace(on canvas: inout ImageCanvas, using generator: inout SeededGenerator) {
        let shift = Point(turn * 0.12, 0)
        let open = generator.number(0.65, 1.1)
        let asleep = generator.chance(0.08)
        for side in [-1, 1] as [Float] {
            let centre = Point(side * eyeDistance, -0.08) + shift
            if asleep {
                paint(on: &canvas, ink) { Shape.smile($0 - centre, eyeRadius, 0.025) }
                continue
            }
            let slit = kind == .cats
            let radii =
                slit ? Point(eyeRadius * 1.1, eyeRadius * open) : Point(eyeRadius * 0.95, eyeRadius * 0.95 * open)
            shape(on: &canvas, iris) { Shape.ellipse($0 - centre, radii) }
            let narrow = slit ? 0.4 : 0.62 as Float
            let pupil = Point(radii.x * narrow, radii.y * (slit ? 0.95 : 0.7))
            paint(on: &canvas, ink) { Shape.ellipse($0 - centre, pupil) }
            paint(on: &canvas, .one) { Shape.disc($0 - centre + Point(0.03, 0.04), 0.022) }
        }
        let nose = generator.chance(0.5) ? ink : Colour(0.85, 0.5, 0.5) * generator.number(0.6, 1)
        switch kind {
        case .cats: paintCatMuzzle(on: &canvas, nose: nose, shift: shift, using: &generator)
        case .dogs: paintDogMuzzle(on: &canvas, nose: nose, shift: shift, using: &generator)
        }
        if generator.chance(0.25) {
            let collar = generator.colour(saturation: 0.5...1, brightness: 0.4...1)
            shape(on: &canvas, collar) { max(Shape.box($0 - Point(0, headRadii.y + 0.1), Point(0.4, 0.06)), -1) }
        }
    }

    private func paintCatMuzzle(
        on canvas: inout ImageCanvas, nose: Colour, shift: Point, using generator: inout SeededGenerator
    ) {
        let middle = Point(0, 0.15) + shift * 1.3
        let pad = generator.number(0.11, 0.16)
        if generator.chance(0.6) {
            for side in [-1, 1] as [Float] {
                shape(on: &canvas, secondFur, outline: false) {
                    Shape.ellipse($0 - middle - Point(side * pad, 0.08), Point(pad * 1.2, pad * 0.85))
                }
            }
        }
        let corners = [middle + Point(-0.075, -0.05), middle + Point(0.075, -0.05), middle + Point(0, 0.05)]
        shape(on: &canvas, nose, outline: false) { Shape.polygon($0, corners) - 0.015 }
        for side in [-1, 1] as [Float] {
            paint(on: &canvas, ink) { Shape.smile($0 - middle - Point(side * 0.085, 0.08), 0.085, 0.02) }
        }
        let whiskers = generator.chance(0.85) ? 3 : 0
        let light = luminance(fur) < 0.35 ? Colour(0.9, 0.9, 0.88) : ink
        let droop = generator.number(-0.1, 0.12)
        for side in [-1, 1] as [Float] {
            for i in 0..<whiskers {
                let spread = Float(i - 1) * 0.1
                let a = middle + Point(side * 0.2, 0.06 + spread * 0.5)
                let b = middle + Point(side * 0.72, 0.04 + spread * 1.8 + droop)
                paint(on: &canvas, light, opacity: 0.85) { Shape.line($0, a, b, 0.025) }
            }
        }
    }

    private func paintDogMuzzle(
        on canvas: inout ImageCanvas, nose: Colour, shift: Point, using generator: inout SeededGenerator
    ) {
        let middle = Point(0, 0.26) + shift * 1.9
        let radii = Point(generator.number(0.24, 0.32), generator.number(0.2, 0.28))
        let isLight = generator.chance(0.6)
        if generator.chance(0.4) {
            shape(on: &canvas, Colour(0.9, 0.45, 0.48)) {
                Shape.ellipse($0 - middle - Point(0.02, radii.y), Point(0.09, 0.16))
            }
        }
        shape(on: &canvas, isLight ? secondFur : fur * 1.03, outline: generator.chance(0.6)) {
            Shape.ellipse($0 - middle, radii)
        }
        let size = generator.number(0.1, 0.14)
        shape(on: &canvas, nose, outline: false) {
            Shape.ellipse($0 - middle + Point(0, radii.y * 0.5), Point(size, size * 0.75))
        }
        paint(on: &canvas, ink) { p in
            Shape.line(p, middle - Point(0, radii.y * 0.3), middle + Point(0, radii.y * 0.35), 0.03)
        }
        for side in [-1, 1] as [Float] {
            paint(on: &canvas, ink) { Shape.smile($0 - middle - Point(side * 0.09, radii.y * 0.3), 0.09, 0.018) }
        }
        if generator.chance(0.3) {
            for side in [-1, 1] as [Float] {
                for i in 0..<3 {
                    let spot = middle + Point(side * (0.12 + 0.05 * Float(i % 2)), -0.02 + 0.05 * Float(i))
                    paint(on: &canvas, ink) { Shape.disc($0 - spot, 0.016) }
                }
            }
        }
    }
}
