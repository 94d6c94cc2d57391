/// What is done to a convolution's sums before they are written: y = sum · scale + shift + addend, then max(y, 0).
public struct Epilogue {
    /// Per output channel; both or neither.
    public var scale: UnsafePointer<Float>?
    public var shift: UnsafePointer<Float>?
    /// Laid out like the output, and allowed to be the output itself.
    public var addend: UnsafePointer<Float>?
    public var rectifies: Bool

    public init(
        scale: UnsafePointer<Float>? = nil, shift: UnsafePointer<Float>? = nil, addend: UnsafePointer<Float>? = nil,
        rectifies: Bool = false
    ) {
        self.scale = scale
        self.shift = shift
        self.addend = addend
        self.rectifies = rectifies
    }
}

/// The product behind every convolution but the weights' gradient: rows that are gathered from a map, times packed
/// weights.
///
///     out[r, c] = Σ_run Σ_k map[rowOffset[r] + run · pitch + k] · panel[c / width][run · length + k][c % width]
///
/// A 3×3 convolution over an NHWC map is three runs of 3 · channels neighbouring floats, so nothing is unrolled into
/// columns first. Each output is a sum of chains of at most `longestChain` fused multiply-adds (short, so that
/// rounding stays small) in the order of (run, k), whatever tile it is in: the bits do not depend on how rows and
/// columns are shared out. The tile of `rows` × `width` sums stays in registers: 6×16 in twelve of AVX2's sixteen,
/// 8×32 in sixteen of AVX-512's thirty-two.
struct GatheredProduct {
    @inline(__always) static var rows: Int { Processor.hasWideVectors ? 8 : 6 }
    @inline(__always) static var width: Int { Processor.hasWideVectors ? 32 : 16 }

    private static let longestChain = 384

    /// Runs of neighbouring floats that one pass over the registers takes in.
    struct Runs {
        var groups = 1
        var groupPitch = 0
        var count: Int
        var length: Int
        var pitch: Int
        var depth: Int { groups * count * length }
    }

    let runs: Runs
    let weights: UnsafePointer<Float>
    /// Everything in one chain, for depths that are short by construction.
    var isOneChain = false

    /// Whole runs that a chain takes in, or the parts that a long run falls into.
    private var pieces: (runs: Int, length: Int) {
        if runs.length == 0 { return (1, 1) }
        if runs.length <= Self.longestChain { return (max(1, Self.longestChain / runs.length), runs.length) }
        let parts = (runs.length + Self.longestChain - 1) / Self.longestChain
        return (1, (runs.length + parts - 1) / parts)
    }

    /// Rounds a number of rows up to whole tiles; offsets beyond the last row must repeat a valid one.
    static func padded(_ rows: Int) -> Int { (rows + Self.rows - 1) / Self.rows * Self.rows }

    /// Computes `rowCount` rows of the columns in `panels` (counted in `width`s).
    func compute(
        rowCount: Int, map: UnsafePointer<Float>, rowOffsets: UnsafePointer<Int32>, panels: Range<Int>,
        output: UnsafeMutablePointer<Float>, outputOffsets: UnsafePointer<Int32>, epilogue: Epilogue,
        sums: UnsafeMutablePointer<Float>
    ) {
        let width = Self.width
        let depth = runs.depth
        let pieces = pieces
        for panel in panels {
            let column = panel * width
            let panelWeights = weights + panel * depth * width
            var row = 0
            while row < rowCount {
                if depth == 0 {
                    sums.update(repeating: 0, count: Self.rows * width)
                } else if isOneChain {
                    Self.tile(map, rowOffsets + row, runs, panelWeights, adds: false, sums)
                } else {
                    var w = panelWeights
                    var run = 0
                    while run < runs.count {
                        let count = min(pieces.runs, runs.count &- run)
                        var k = 0
                        while k < runs.length {
                            let length = min(pieces.length, runs.length &- k)
                            Self.tile(
                                map + (run &* runs.pitch &+ k), rowOffsets + row,
                                Runs(count: count, length: length, pitch: runs.pitch), w, adds: run > 0 || k > 0, sums)
                            w += count &* length &* width
                            k &+= length
                        }
                        run &+= count
                    }
                }
                let valid = min(Self.rows, rowCount - row)
                for r in 0..<valid {
                    let place = Int(outputOffsets[row &+ r]) &+ column
                    var c = 0
                    while c < width {
                        var value = sums.vector8(r &* width &+ c)
                        if let scale = epilogue.scale, let shift = epilogue.shift {
                            value = fused(value, scale.vector8(column &+ c), shift.vector8(column &+ c))
                        }
                        if let addend = epilogue.addend { value += addend.vector8(place &+ c) }
                        if epilogue.rectifies { value = rectified(value) }
                        output.store(value, place &+ c)
                        c &+= 8
                    }
                }
                row &+= Self.rows
            }
        }
    }

    @inline(__always)
    private static func tile(
        _ map: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ runs: Runs, _ panel: UnsafePointer<Float>,
        adds: Bool, _ sums: UnsafeMutablePointer<Float>
    ) {
        if Processor.hasWideVectors {
            tile8x32(map, offsets, runs, panel, adds: adds, sums)
        } else {
            tile6x16(map, offsets, runs, panel, adds: adds, sums)
        }
    }

    @inline(never)
    private static func tile6x16(
        _ map: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ runs: Runs, _ panel: UnsafePointer<Float>,
        adds: Bool, _ sums: UnsafeMutablePointer<Float>
    ) {
        var c00 = Vector8.zero, c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00
        var c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00
        var w = panel
        for group in 0..<runs.groups {
            for run in 0..<runs.count {
                let start = map + (group &* runs.groupPitch &+ run &* runs.pitch)
                let p0 = start + Int(offsets[0]), p1 = start + Int(offsets[1]), p2 = start + Int(offsets[2])
                let p3 = start + Int(offsets[3]), p4 = start + Int(offsets[4]), p5 = start + Int(offsets[5])
                var k = 0
                while k < runs.length {
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
                    k &+= 1
                }
            }
        }
        if adds {
            c00 += sums.vector8(0)
            c01 += sums.vector8(8)
            c10 += sums.vector8(16)
            c11 += sums.vector8(24)
            c20 += sums.vector8(32)
            c21 += sums.vector8(40)
            c30 += sums.vector8(48)
            c31 += sums.vector8(56)
            c40 += sums.vector8(64)
            c41 += sums.vector8(72)
            c50 += sums.vector8(80)
            c51 += sums.vector8(88)
        }
        sums.store(c00, 0)
        sums.store(c01, 8)
        sums.store(c10, 16)
        sums.store(c11, 24)
        sums.store(c20, 32)
        sums.store(c21, 40)
        sums.store(c30, 48)
        sums.store(c31, 56)
        sums.store(c40, 64)
        sums.store(c41, 72)
        sums.store(c50, 80)
        sums.store(c51, 88)
    }

    @inline(never)
    private static func tile8x32(
        _ map: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ runs: Runs, _ panel: UnsafePointer<Float>,
        adds: Bool, _ sums: UnsafeMutablePointer<Float>
    ) {
        var c00 = Vector16.zero, c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00
        var c40 = c00, c41 = c00, c50 = c00, c51 = c00, c60 = c00, c61 = c00, c70 = c00, c71 = c00
        var w = panel
        for group in 0..<runs.groups {
            for run in 0..<runs.count {
                let start = map + (group &* runs.groupPitch &+ run &* runs.pitch)
                let p0 = start + Int(offsets[0]), p1 = start + Int(offsets[1]), p2 = start + Int(offsets[2])
                let p3 = start + Int(offsets[3]), p4 = start + Int(offsets[4]), p5 = start + Int(offsets[5])
                let p6 = start + Int(offsets[6]), p7 = start + Int(offsets[7])
                var k = 0
                while k < runs.length {
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
                    k &+= 1
                }
            }
        }
        if adds {
            c00 += sums.vector16(0)
            c01 += sums.vector16(16)
            c10 += sums.vector16(32)
            c11 += sums.vector16(48)
            c20 += sums.vector16(64)
            c21 += sums.vector16(80)
            c30 += sums.vector16(96)
            c31 += sums.vector16(112)
            c40 += sums.vector16(128)
            c41 += sums.vector16(144)
            c50 += sums.vector16(160)
            c51 += sums.vector16(176)
            c60 += sums.vector16(192)
            c61 += sums.vector16(208)
            c70 += sums.vector16(224)
            c71 += sums.vector16(240)
        }
        sums.store(c00, 0)
        sums.store(c01, 16)
        sums.store(c10, 32)
        sums.store(c11, 48)
        sums.store(c20, 64)
        sums.store(c21, 80)
        sums.store(c30, 96)
        sums.store(c31, 112)
        sums.store(c40, 128)
        sums.store(c41, 144)
        sums.store(c50, 160)
        sums.store(c51, 176)
        sums.store(c60, 192)
        sums.store(c61, 208)
        sums.store(c70, 224)
        sums.store(c71, 240)
    }
}
