/// The matrix product of a convolution (implicit GEMM): rows gathered from a map, times packed weights.
///
///     out[r, c] = Σ_run Σ_k map[rowOffset[r] + run · pitch + k] · panel[c / width][run · length + k][c % width]
///
/// A 3×3 convolution over an NHWC map is three runs of 3 · channels neighbouring floats, so nothing is unrolled into
/// columns first. Each output is a sum of chains of at most `longestChain` fused multiply-adds (short, so that
/// rounding stays small) in the order of (run, k), whatever tile it is in: the bits do not depend on how rows and
/// columns are shared out. The tile of `rows` × `width` sums stays in registers: 6×16 in twelve of AVX2's sixteen,
/// 8×32 in sixteen of AVX-512's thirty-two.
struct ImplicitGEMM {
    private static let longestChain = 384

    let runs: Microkernel.Runs
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

    /// Computes `rowCount` rows of the columns in `panels` (counted in `width`s). The row offsets are padded to whole
    /// tiles: those beyond the last row repeat a valid one.
    func compute(
        rowCount: Int, map: UnsafePointer<Float>, rowOffsets: UnsafePointer<Int32>, panels: Range<Int>,
        output: UnsafeMutablePointer<Float>, outputOffsets: UnsafePointer<Int32>, epilogue: Epilogue,
        sums: UnsafeMutablePointer<Float>
    ) {
        let (rows, width) = (Microkernel.rows, Microkernel.width)
        let depth = runs.depth
        let pieces = pieces
        for panel in panels {
            let column = panel * width
            let panelWeights = weights + panel * depth * width
            var row = 0
            while row < rowCount {
                if depth == 0 {
                    sums.update(repeating: 0, count: rows * width)
                } else if isOneChain {
                    Microkernel.multiply(
                        map, rowOffsets + row, runs, panelWeights, adds: false, sums, pitch: width)
                } else {
                    var w = panelWeights
                    var run = 0
                    while run < runs.count {
                        let count = min(pieces.runs, runs.count &- run)
                        var k = 0
                        while k < runs.length {
                            let length = min(pieces.length, runs.length &- k)
                            Microkernel.multiply(
                                map + (run &* runs.pitch &+ k), rowOffsets + row,
                                Microkernel.Runs(count: count, length: length, pitch: runs.pitch), w,
                                adds: run > 0 || k > 0, sums, pitch: width)
                            w += count &* length &* width
                            k &+= length
                        }
                        run &+= count
                    }
                }
                let valid = min(rows, rowCount - row)
                for r in 0..<valid {
                    let target = Int(outputOffsets[row &+ r]) &+ column
                    eachVector(width) { c in
                        output.store(epilogue(sums.vector8(r &* width &+ c), column &+ c, target &+ c), target &+ c)
                    }
                }
                row &+= rows
            }
        }
    }
}
