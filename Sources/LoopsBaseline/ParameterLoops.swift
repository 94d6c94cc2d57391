import LoopTypes

/// Over parameters of any length: the rest behind the last eight floats goes through a padded copy.
extension VectorLoops {
    package func sgd(
        _ weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, momenta: UnsafeMutablePointer<Float>?,
        isFirst: Bool, count: Int, rate: Float, momentum: Float, decay: Float
    ) -> SIMD4<Double> {
        var sums = SquareSums()
        for at in stride(from: 0, to: count, by: 8) {
            let n = min(8, count - at)
            let w = load(UnsafePointer(weights), at, n), g = load(gradient, at, n)
            var d = fused8(w, SIMD8(repeating: decay), g)
            if let momenta {
                // PyTorch's first buffer is the gradient itself, not (1 − dampening) of it.
                if !isFirst { d = fused8(load(UnsafePointer(momenta), at, n), SIMD8(repeating: momentum), d) }
                store(d, momenta, at, n)
            }
            let new = fused8(d, SIMD8(repeating: -rate), w)
            store(new, weights, at, n)
            sums.add(g, new - w, w)
        }
        return sums.total
    }

    package func adamw(
        _ weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, first: UnsafeMutablePointer<Float>,
        second: UnsafeMutablePointer<Float>, count: Int, terms: AdamTerms
    ) -> SIMD4<Double> {
        var sums = SquareSums()
        for at in stride(from: 0, to: count, by: 8) {
            let n = min(8, count - at)
            let w = load(UnsafePointer(weights), at, n), g = load(gradient, at, n)
            let m = load(UnsafePointer(first), at, n) * terms.betas.0 + g * terms.complements.0
            let v = load(UnsafePointer(second), at, n) * terms.betas.1 + (g * g) * terms.complements.1
            store(m, first, at, n)
            store(v, second, at, n)
            let denominator = v.squareRoot() / terms.root + terms.epsilon
            let new = w * terms.keep - terms.stepSize * m / denominator
            store(new, weights, at, n)
            sums.add(g, new - w, w)
        }
        return sums.total
    }

    package func squareSum(_ x: UnsafePointer<Float>, count: Int) -> Double {
        var sums = Doubles.zero
        var i = 0
        while i + 8 <= count {
            let part = widened(x.eight(i))
            sums += part * part
            i += 8
        }
        var total = sums.sum()
        while i < count {
            total += Double(x[i]) * Double(x[i])
            i += 1
        }
        return total
    }

    package func addParts(
        _ parts: UnsafePointer<Float>, pitch: Int, groups: Int, into y: UnsafeMutablePointer<Float>, count: Int
    ) {
        var i = 0
        while i + Vector.scalarCount <= count {
            var sum = parts.vector(i)
            for g in 1..<groups { sum += parts.vector(g &* pitch &+ i) }
            y.store(sum, i)
            i &+= Vector.scalarCount
        }
        while i < count {
            var sum = parts[i]
            for g in 1..<groups { sum += parts[g * pitch + i] }
            y[i] = sum
            i += 1
        }
    }

    @inline(__always) private func fused8(_ a: SIMD8<Float>, _ b: SIMD8<Float>, _ c: SIMD8<Float>) -> SIMD8<Float> {
        #if FUSED
            c.addingProduct(a, b)
        #else
            c + a * b
        #endif
    }

    @inline(__always) private func load(_ p: UnsafePointer<Float>, _ at: Int, _ n: Int) -> SIMD8<Float> {
        if n == 8 { return p.eight(at) }
        var v = SIMD8<Float>.zero
        for i in 0..<n { v[i] = p[at + i] }
        return v
    }

    @inline(__always)
    private func store(_ v: SIMD8<Float>, _ p: UnsafeMutablePointer<Float>, _ at: Int, _ n: Int) {
        if n == 8 {
            UnsafeMutableRawPointer(p + at).storeBytes(of: v, as: SIMD8<Float>.self)
        } else {
            for i in 0..<n { p[at + i] = v[i] }
        }
    }
}

/// Sums of squares in float64: 2.4 million float32 squares lose digits otherwise.
private struct SquareSums {
    private var gradient = Doubles.zero
    private var update = Doubles.zero
    private var weight = Doubles.zero

    @inline(__always) mutating func add(_ g: SIMD8<Float>, _ u: SIMD8<Float>, _ w: SIMD8<Float>) {
        let (g, u, w) = (widened(g), widened(u), widened(w))
        gradient += g * g
        update += u * u
        weight += w * w
    }

    var total: SIMD4<Double> { SIMD4(gradient.sum(), update.sum(), weight.sum(), 0) }
}
