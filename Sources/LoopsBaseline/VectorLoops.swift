import LoopTypes

/// The loops as these sources were compiled.
package struct VectorLoops: Loops {
    package init() {}

    package var lanes: Int { Vector.scalarCount }

    /// Ten chains, as a fused multiply-add takes four or five cycles and two begin in one.
    @inline(never)
    package func multiplyAdds(rounds: Int) -> (operations: Double, value: Float) {
        var a = Vector(repeating: 0.1), b = Vector(repeating: 0.2), c = Vector(repeating: 0.3)
        var d = Vector(repeating: 0.4), e = Vector(repeating: 0.5), f = Vector(repeating: 0.6)
        var g = Vector(repeating: 0.7), h = Vector(repeating: 0.8), i = Vector(repeating: 0.9), j = Vector.zero
        let (factor, addend) = (Vector(repeating: 0.999), Vector(repeating: 0.001))
        for _ in 0..<rounds {
            a = fused(a, factor, addend)
            b = fused(b, factor, addend)
            c = fused(c, factor, addend)
            d = fused(d, factor, addend)
            e = fused(e, factor, addend)
            f = fused(f, factor, addend)
            g = fused(g, factor, addend)
            h = fused(h, factor, addend)
            i = fused(i, factor, addend)
            j = fused(j, factor, addend)
        }
        let sum = a + b + c + d + e + f + g + h + i + j
        return (20 * Double(rounds * Vector.scalarCount), sum.sum())
    }
}

extension FoldedBatchNorm {
    /// A vector of channels from `c` on.
    @inline(__always) func callAsFunction(_ x: Vector, _ c: Int) -> Vector {
        fused(x, scale.vector(c), shift.vector(c))
    }
}

extension Epilogue {
    /// A vector of channels from `c` on, which go to `offset` of the output.
    @inline(__always) func callAsFunction(_ sum: Vector, _ c: Int, _ offset: Int) -> Vector {
        var value = sum
        if let folded { value = folded(value, c) }
        if let addend { value += addend.vector(offset) }
        return relu ? rectified(value) : value
    }
}

/// `relu` where a property has that name.
@inline(__always) private func rectified(_ x: Vector) -> Vector { relu(x) }
