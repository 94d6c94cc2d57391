/// The one-dimensional transforms of F(4, 3): four outputs of a 3-tap filter from six inputs with six multiplications
/// instead of twelve. Nested, F(4×4, 3×3) takes 36 for what directly takes 144.
///
///     y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A
///
/// The polynomials are interpolated at 0, ±3/4, ±3/2 and ∞ instead of the usual 0, ±1, ±2, ∞: powers that stay near 1
/// halve the rounding error (Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution
/// for deep neural networks"). All entries of A and B are exact in binary. The algorithm is Lavin and Gray's (2015,
/// arXiv 1509.09308); the gradients follow by transposing it: of x like y with turned weights, of w as
/// Gᵀ [(Bᵀ x B) ⊙ (A dy Aᵀ)] G.
enum Winograd {
    private static let a: Float = 0.75
    private static let b: Float = 1.5
    private static let a2 = a * a, b2 = b * b

    typealias Six = (Vector, Vector, Vector, Vector, Vector, Vector)
    typealias Four = (Vector, Vector, Vector, Vector)
    typealias Three = (Vector, Vector, Vector)

    /// Bᵀ x.
    @inline(__always)
    static func input(_ x: Six) -> Six {
        let evenA = fused(-b2, x.2, x.4), oddA = fused(-b2, x.1, x.3)
        let evenB = fused(-a2, x.2, x.4), oddB = fused(-a2, x.1, x.3)
        return (
            fused(a2 * b2, x.0, fused(-a2 - b2, x.2, x.4)),
            fused(a, oddA, evenA), fused(-a, oddA, evenA),
            fused(b, oddB, evenB), fused(-b, oddB, evenB),
            fused(a2 * b2, x.1, fused(-a2 - b2, x.3, x.5))
        )
    }

    /// Aᵀ m.
    @inline(__always)
    static func output(_ m: Six) -> Four {
        let evenA = m.1 + m.2, oddA = m.1 - m.2
        let evenB = m.3 + m.4, oddB = m.3 - m.4
        return (
            m.0 + (evenA + evenB),
            fused(b, oddB, a * oddA),
            fused(b2, evenB, a2 * evenA),
            fused(b2 * b, oddB, fused(a2 * a, oddA, m.5))
        )
    }

    /// A dy.
    @inline(__always)
    static func gradient(_ y: Four) -> Six {
        let evenA = fused(a2, y.2, y.0), oddA = fused(a2, y.3, y.1)
        let evenB = fused(b2, y.2, y.0), oddB = fused(b2, y.3, y.1)
        return (
            y.0,
            fused(a, oddA, evenA), fused(-a, oddA, evenA),
            fused(b, oddB, evenB), fused(-b, oddB, evenB),
            y.3
        )
    }

    /// The divisors of G's rows: products of the differences of a point to the others.
    private static let g0 = 1 / (a2 * b2)
    private static let ga = 1 / (2 * a2 * (a2 - b2)), gaa = a * ga, gaaa = a2 * ga
    private static let gb = 1 / (2 * b2 * (b2 - a2)), gbb = b * gb, gbbb = b2 * gb

    /// G w.
    @inline(__always)
    static func weights(_ w: Three) -> Six {
        let evenA = fused(gaaa, w.2, ga * w.0), evenB = fused(gbbb, w.2, gb * w.0)
        return (
            g0 * w.0,
            fused(gaa, w.1, evenA), fused(-gaa, w.1, evenA),
            fused(gbb, w.1, evenB), fused(-gbb, w.1, evenB),
            w.2
        )
    }

    /// Gᵀ u.
    @inline(__always)
    static func weightGradient(_ u: Six) -> Three {
        let evenA = u.1 + u.2, evenB = u.3 + u.4
        return (
            fused(g0, u.0, fused(ga, evenA, gb * evenB)),
            fused(gaa, u.1 - u.2, gbb * (u.3 - u.4)),
            fused(gaaa, evenA, fused(gbbb, evenB, u.5))
        )
    }
}

extension UnsafePointer<Float> {
    /// Six vectors, `step` floats apart.
    @inline(__always)
    func six(_ offset: Int, _ step: Int) -> Winograd.Six {
        (
            vector(offset), vector(offset &+ step), vector(offset &+ 2 &* step), vector(offset &+ 3 &* step),
            vector(offset &+ 4 &* step), vector(offset &+ 5 &* step)
        )
    }
}

extension UnsafeMutablePointer<Float> {
    @inline(__always)
    func store(_ six: Winograd.Six, _ offset: Int, _ step: Int) {
        store(six.0, offset)
        store(six.1, offset &+ step)
        store(six.2, offset &+ 2 &* step)
        store(six.3, offset &+ 3 &* step)
        store(six.4, offset &+ 4 &* step)
        store(six.5, offset &+ 5 &* step)
    }
}
