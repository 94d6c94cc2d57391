/// The innermost product of every convolution: a few rows times one panel of weights, with all sums in registers.
///
///     sums[r · pitch + c] (+)= Σ_group Σ_run Σ_k map[offsets[r] + group · groupPitch + run · runPitch + k · step]
///                                               · panel[(group, run, k)][c]
///
/// `rows` × `width` is 6×16 with AVX2 (twelve of sixteen registers hold sums, two weights, one a broadcast value) and
/// 8×32 with AVX-512 (sixteen of thirty-two): wide enough that two loads and a broadcast a row feed two multipliers (the
/// shapes of BLIS's Haswell and Skylake kernels, Van Zee and van de Geijn 2015). A sum is one chain of fused
/// multiply-adds in the order of (group, run, k), so its bits do not depend on its place in the tile.
enum Microkernel {
    @inline(__always) static var rows: Int { Processor.hasWideVectors ? 8 : 6 }
    @inline(__always) static var width: Int { Processor.hasWideVectors ? 32 : 16 }

    /// Runs of evenly spaced floats that one pass over the registers takes in.
    struct Runs {
        var groups = 1
        var groupPitch = 0
        var count = 1
        var length: Int
        var pitch = 0
        /// Floats from one element of a run to the next.
        var step = 1
        var depth: Int { groups * count * length }
    }

    /// Rounds a number of rows up to whole tiles.
    @inline(__always) static func padded(_ count: Int) -> Int { (count + rows - 1) / rows * rows }

    @inline(__always)
    static func multiply(
        _ map: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ runs: Runs, _ panel: UnsafePointer<Float>,
        adds: Bool, _ sums: UnsafeMutablePointer<Float>, pitch: Int
    ) {
        if Processor.hasWideVectors {
            tile8x32(map, offsets, runs, panel, adds: adds, sums, pitch)
        } else {
            tile6x16(map, offsets, runs, panel, adds: adds, sums, pitch)
        }
    }

    @inline(never)
    private static func tile6x16(
        _ map: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ runs: Runs, _ panel: UnsafePointer<Float>,
        adds: Bool, _ sums: UnsafeMutablePointer<Float>, _ pitch: Int
    ) {
        var c00 = Vector8.zero, c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00
        var c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00
        var w = panel
        let end = runs.length &* runs.step
        for group in 0..<runs.groups {
            for run in 0..<runs.count {
                let start = map + (group &* runs.groupPitch &+ run &* runs.pitch)
                let p0 = start + Int(offsets[0]), p1 = start + Int(offsets[1]), p2 = start + Int(offsets[2])
                let p3 = start + Int(offsets[3]), p4 = start + Int(offsets[4]), p5 = start + Int(offsets[5])
                var k = 0
                while k < end {
                    let w0 = w.vector8(0), w1 = w.vector8(8)
                    w += 16
                    multiplyAdd(p0[k], w0, w1, &c00, &c01)
                    multiplyAdd(p1[k], w0, w1, &c10, &c11)
                    multiplyAdd(p2[k], w0, w1, &c20, &c21)
                    multiplyAdd(p3[k], w0, w1, &c30, &c31)
                    multiplyAdd(p4[k], w0, w1, &c40, &c41)
                    multiplyAdd(p5[k], w0, w1, &c50, &c51)
                    k &+= runs.step
                }
            }
        }
        if adds {
            add(sums + 0 &* pitch, &c00, &c01)
            add(sums + 1 &* pitch, &c10, &c11)
            add(sums + 2 &* pitch, &c20, &c21)
            add(sums + 3 &* pitch, &c30, &c31)
            add(sums + 4 &* pitch, &c40, &c41)
            add(sums + 5 &* pitch, &c50, &c51)
        }
        store(c00, c01, sums + 0 &* pitch)
        store(c10, c11, sums + 1 &* pitch)
        store(c20, c21, sums + 2 &* pitch)
        store(c30, c31, sums + 3 &* pitch)
        store(c40, c41, sums + 4 &* pitch)
        store(c50, c51, sums + 5 &* pitch)
    }

    @inline(never)
    private static func tile8x32(
        _ map: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ runs: Runs, _ panel: UnsafePointer<Float>,
        adds: Bool, _ sums: UnsafeMutablePointer<Float>, _ pitch: Int
    ) {
        var c00 = Vector16.zero, c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00
        var c40 = c00, c41 = c00, c50 = c00, c51 = c00, c60 = c00, c61 = c00, c70 = c00, c71 = c00
        var w = panel
        let end = runs.length &* runs.step
        for group in 0..<runs.groups {
            for run in 0..<runs.count {
                let start = map + (group &* runs.groupPitch &+ run &* runs.pitch)
                let p0 = start + Int(offsets[0]), p1 = start + Int(offsets[1]), p2 = start + Int(offsets[2])
                let p3 = start + Int(offsets[3]), p4 = start + Int(offsets[4]), p5 = start + Int(offsets[5])
                let p6 = start + Int(offsets[6]), p7 = start + Int(offsets[7])
                var k = 0
                while k < end {
                    let w0 = w.vector16(0), w1 = w.vector16(16)
                    w += 32
                    multiplyAdd(p0[k], w0, w1, &c00, &c01)
                    multiplyAdd(p1[k], w0, w1, &c10, &c11)
                    multiplyAdd(p2[k], w0, w1, &c20, &c21)
                    multiplyAdd(p3[k], w0, w1, &c30, &c31)
                    multiplyAdd(p4[k], w0, w1, &c40, &c41)
                    multiplyAdd(p5[k], w0, w1, &c50, &c51)
                    multiplyAdd(p6[k], w0, w1, &c60, &c61)
                    multiplyAdd(p7[k], w0, w1, &c70, &c71)
                    k &+= runs.step
                }
            }
        }
        if adds {
            add(sums + 0 &* pitch, &c00, &c01)
            add(sums + 1 &* pitch, &c10, &c11)
            add(sums + 2 &* pitch, &c20, &c21)
            add(sums + 3 &* pitch, &c30, &c31)
            add(sums + 4 &* pitch, &c40, &c41)
            add(sums + 5 &* pitch, &c50, &c51)
            add(sums + 6 &* pitch, &c60, &c61)
            add(sums + 7 &* pitch, &c70, &c71)
        }
        store(c00, c01, sums + 0 &* pitch)
        store(c10, c11, sums + 1 &* pitch)
        store(c20, c21, sums + 2 &* pitch)
        store(c30, c31, sums + 3 &* pitch)
        store(c40, c41, sums + 4 &* pitch)
        store(c50, c51, sums + 5 &* pitch)
        store(c60, c61, sums + 6 &* pitch)
        store(c70, c71, sums + 7 &* pitch)
    }

    // MARK: A row of sums, in two vectors

    @inline(__always) private static func multiplyAdd(
        _ a: Float, _ w0: Vector8, _ w1: Vector8, _ c0: inout Vector8, _ c1: inout Vector8
    ) {
        c0 = fused(Vector8(repeating: a), w0, c0)
        c1 = fused(Vector8(repeating: a), w1, c1)
    }

    @inline(__always) private static func multiplyAdd(
        _ a: Float, _ w0: Vector16, _ w1: Vector16, _ c0: inout Vector16, _ c1: inout Vector16
    ) {
        c0 = fused(Vector16(repeating: a), w0, c0)
        c1 = fused(Vector16(repeating: a), w1, c1)
    }

    @inline(__always) private static func add(
        _ sums: UnsafeMutablePointer<Float>, _ c0: inout Vector8, _ c1: inout Vector8
    ) {
        c0 += sums.vector8(0)
        c1 += sums.vector8(8)
    }

    @inline(__always) private static func add(
        _ sums: UnsafeMutablePointer<Float>, _ c0: inout Vector16, _ c1: inout Vector16
    ) {
        c0 += sums.vector16(0)
        c1 += sums.vector16(16)
    }

    @inline(__always) private static func store(_ c0: Vector8, _ c1: Vector8, _ sums: UnsafeMutablePointer<Float>) {
        sums.store(c0, 0)
        sums.store(c1, 8)
    }

    @inline(__always) private static func store(_ c0: Vector16, _ c1: Vector16, _ sums: UnsafeMutablePointer<Float>) {
        sums.store(c0, 0)
        sums.store(c1, 16)
    }
}
