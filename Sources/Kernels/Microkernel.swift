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
                    let a0 = Vector8(repeating: p0[k])
                    c00 = fused(a0, w0, c00)
                    c01 = fused(a0, w1, c01)
                    let a1 = Vector8(repeating: p1[k])
                    c10 = fused(a1, w0, c10)
                    c11 = fused(a1, w1, c11)
                    let a2 = Vector8(repeating: p2[k])
                    c20 = fused(a2, w0, c20)
                    c21 = fused(a2, w1, c21)
                    let a3 = Vector8(repeating: p3[k])
                    c30 = fused(a3, w0, c30)
                    c31 = fused(a3, w1, c31)
                    let a4 = Vector8(repeating: p4[k])
                    c40 = fused(a4, w0, c40)
                    c41 = fused(a4, w1, c41)
                    let a5 = Vector8(repeating: p5[k])
                    c50 = fused(a5, w0, c50)
                    c51 = fused(a5, w1, c51)
                    k &+= runs.step
                }
            }
        }
        if adds {
            c00 += sums.vector8(0)
            c01 += sums.vector8(8)
            c10 += sums.vector8(pitch)
            c11 += sums.vector8(pitch &+ 8)
            c20 += sums.vector8(2 &* pitch)
            c21 += sums.vector8(2 &* pitch &+ 8)
            c30 += sums.vector8(3 &* pitch)
            c31 += sums.vector8(3 &* pitch &+ 8)
            c40 += sums.vector8(4 &* pitch)
            c41 += sums.vector8(4 &* pitch &+ 8)
            c50 += sums.vector8(5 &* pitch)
            c51 += sums.vector8(5 &* pitch &+ 8)
        }
        sums.store(c00, 0)
        sums.store(c01, 8)
        sums.store(c10, pitch)
        sums.store(c11, pitch &+ 8)
        sums.store(c20, 2 &* pitch)
        sums.store(c21, 2 &* pitch &+ 8)
        sums.store(c30, 3 &* pitch)
        sums.store(c31, 3 &* pitch &+ 8)
        sums.store(c40, 4 &* pitch)
        sums.store(c41, 4 &* pitch &+ 8)
        sums.store(c50, 5 &* pitch)
        sums.store(c51, 5 &* pitch &+ 8)
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
                    let a0 = Vector16(repeating: p0[k])
                    c00 = fused(a0, w0, c00)
                    c01 = fused(a0, w1, c01)
                    let a1 = Vector16(repeating: p1[k])
                    c10 = fused(a1, w0, c10)
                    c11 = fused(a1, w1, c11)
                    let a2 = Vector16(repeating: p2[k])
                    c20 = fused(a2, w0, c20)
                    c21 = fused(a2, w1, c21)
                    let a3 = Vector16(repeating: p3[k])
                    c30 = fused(a3, w0, c30)
                    c31 = fused(a3, w1, c31)
                    let a4 = Vector16(repeating: p4[k])
                    c40 = fused(a4, w0, c40)
                    c41 = fused(a4, w1, c41)
                    let a5 = Vector16(repeating: p5[k])
                    c50 = fused(a5, w0, c50)
                    c51 = fused(a5, w1, c51)
                    let a6 = Vector16(repeating: p6[k])
                    c60 = fused(a6, w0, c60)
                    c61 = fused(a6, w1, c61)
                    let a7 = Vector16(repeating: p7[k])
                    c70 = fused(a7, w0, c70)
                    c71 = fused(a7, w1, c71)
                    k &+= runs.step
                }
            }
        }
        if adds {
            c00 += sums.vector16(0)
            c01 += sums.vector16(16)
            c10 += sums.vector16(pitch)
            c11 += sums.vector16(pitch &+ 16)
            c20 += sums.vector16(2 &* pitch)
            c21 += sums.vector16(2 &* pitch &+ 16)
            c30 += sums.vector16(3 &* pitch)
            c31 += sums.vector16(3 &* pitch &+ 16)
            c40 += sums.vector16(4 &* pitch)
            c41 += sums.vector16(4 &* pitch &+ 16)
            c50 += sums.vector16(5 &* pitch)
            c51 += sums.vector16(5 &* pitch &+ 16)
            c60 += sums.vector16(6 &* pitch)
            c61 += sums.vector16(6 &* pitch &+ 16)
            c70 += sums.vector16(7 &* pitch)
            c71 += sums.vector16(7 &* pitch &+ 16)
        }
        sums.store(c00, 0)
        sums.store(c01, 16)
        sums.store(c10, pitch)
        sums.store(c11, pitch &+ 16)
        sums.store(c20, 2 &* pitch)
        sums.store(c21, 2 &* pitch &+ 16)
        sums.store(c30, 3 &* pitch)
        sums.store(c31, 3 &* pitch &+ 16)
        sums.store(c40, 4 &* pitch)
        sums.store(c41, 4 &* pitch &+ 16)
        sums.store(c50, 5 &* pitch)
        sums.store(c51, 5 &* pitch &+ 16)
        sums.store(c60, 6 &* pitch)
        sums.store(c61, 6 &* pitch &+ 16)
        sums.store(c70, 7 &* pitch)
        sums.store(c71, 7 &* pitch &+ 16)
    }
}
