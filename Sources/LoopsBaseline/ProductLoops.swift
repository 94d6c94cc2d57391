import LoopTypes

/// A product with all sums of a tile in registers: six rows by two vectors, twelve of AVX2's sixteen registers, so that two
/// loads and six broadcasts feed twelve multiply-adds (the shape of BLIS's Haswell kernel; Van Zee and van de Geijn 2015).
extension VectorLoops {
    package func multiply(
        _ a: UnsafePointer<Float>, stride strideA: Int, _ b: UnsafePointer<Float>, stride strideB: Int, rows: Int,
        columns: Int, depth: Int, adds: Bool, into c: UnsafeMutablePointer<Float>, stride strideC: Int
    ) {
        let width = 2 &* Vector.scalarCount
        var column = 0
        while column &+ width <= columns {
            for row in stride(from: 0, to: rows, by: 6) {
                tile(
                    a + row &* strideA, strideA, b + column, strideB, rows: min(6, rows &- row), depth: depth,
                    adds: adds, c + (row &* strideC &+ column), strideC)
            }
            column &+= width
        }
        while column < columns {
            for row in 0..<rows {
                let target = c + (row &* strideC &+ column)
                for v in stride(from: 0, to: 16, by: Vector.scalarCount) {
                    var sum = Vector.zero
                    for k in 0..<depth {
                        sum = fused(a[row &* strideA &+ k], b.vector(k &* strideB &+ column &+ v), sum)
                    }
                    target.store(adds ? target.vector(v) + sum : sum, v)
                }
            }
            column &+= 16
        }
    }

    /// Fewer than six rows repeat the last one.
    @inline(never)
    private func tile(
        _ a: UnsafePointer<Float>, _ strideA: Int, _ b: UnsafePointer<Float>, _ strideB: Int, rows: Int, depth: Int,
        adds: Bool, _ c: UnsafeMutablePointer<Float>, _ strideC: Int
    ) {
        var c00 = Vector.zero, c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00
        var c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00
        let last = rows &- 1
        let p0 = a, p1 = a + min(1, last) &* strideA, p2 = a + min(2, last) &* strideA
        let p3 = a + min(3, last) &* strideA, p4 = a + min(4, last) &* strideA, p5 = a + last &* strideA
        var w = b
        for k in 0..<depth {
            let w0 = w.vector(0), w1 = w.vector(Vector.scalarCount)
            w += strideB
            multiplyAdd(p0[k], w0, w1, &c00, &c01)
            multiplyAdd(p1[k], w0, w1, &c10, &c11)
            multiplyAdd(p2[k], w0, w1, &c20, &c21)
            multiplyAdd(p3[k], w0, w1, &c30, &c31)
            multiplyAdd(p4[k], w0, w1, &c40, &c41)
            multiplyAdd(p5[k], w0, w1, &c50, &c51)
        }
        finish(c00, c01, c, adds)
        if rows > 1 { finish(c10, c11, c + strideC, adds) }
        if rows > 2 { finish(c20, c21, c + 2 &* strideC, adds) }
        if rows > 3 { finish(c30, c31, c + 3 &* strideC, adds) }
        if rows > 4 { finish(c40, c41, c + 4 &* strideC, adds) }
        if rows > 5 { finish(c50, c51, c + 5 &* strideC, adds) }
    }

    @inline(__always)
    private func multiplyAdd(_ a: Float, _ w0: Vector, _ w1: Vector, _ c0: inout Vector, _ c1: inout Vector) {
        c0 = fused(Vector(repeating: a), w0, c0)
        c1 = fused(Vector(repeating: a), w1, c1)
    }

    @inline(__always)
    private func finish(_ c0: Vector, _ c1: Vector, _ target: UnsafeMutablePointer<Float>, _ adds: Bool) {
        target.store(adds ? target.vector(0) + c0 : c0, 0)
        target.store(adds ? target.vector(Vector.scalarCount) + c1 : c1, Vector.scalarCount)
    }
}
