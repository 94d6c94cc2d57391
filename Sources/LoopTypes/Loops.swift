/// The loops over floats that run in vectors, one implementation for each instruction set. They know no threads: a kernel
/// shares out the work and calls them for a part. Channels are a multiple of 16 unless said otherwise, and every
/// implementation gives the same bits, but for those without fused multiply-adds.
package protocol Loops: Sendable {
    /// Floats in a vector.
    var lanes: Int { get }

    // MARK: Direct convolutions

    /// Output rows `rows` of one image as rows of a product: pixel (i, j) becomes taps of `window`, each `window.channels`
    /// floats, zero beyond the map; with `prologue` relu(prologue(x)). Any number of channels without a prologue.
    func gather(
        _ window: GatherWindow, image: UnsafePointer<Float>, prologue: FoldedBatchNorm?, rows: Range<Int>, pixels: Int,
        to target: UnsafeMutablePointer<Float>)

    /// y = epilogue(sums), for `count` pixels of `channels`, `pitch` floats apart in y from `offset` on. The channels are
    /// those from `first` on of the map, and `sums` [count][sumPitch].
    func finish(
        _ sums: UnsafePointer<Float>, sumPitch: Int, count: Int, channels: Range<Int>, epilogue: Epilogue,
        to y: UnsafeMutablePointer<Float>, offset: Int, pitch: Int)

    // MARK: F(4×4, 3×3)

    /// Bᵀ x B for the tiles of one row of x [images, height, width, channels], zero around the map, to `target` at tile
    /// `first` and on. With `prologue`, x is relu(prologue(x)).
    func winogradInput(
        _ x: UnsafePointer<Float>, _ grid: WinogradGrid, channels: Int, prologue: FoldedBatchNorm?, row: Int,
        to target: UnsafeMutablePointer<Float>, first: Int, _ planes: WinogradPlanes,
        lines: UnsafeMutablePointer<Float>)

    /// A dy Aᵀ for the tiles of one row of dy [images, height, width, channels], zero beyond the map.
    func winogradGradient(
        _ dy: UnsafePointer<Float>, _ grid: WinogradGrid, channels: Int, row: Int,
        to target: UnsafeMutablePointer<Float>, first: Int, _ planes: WinogradPlanes,
        lines: UnsafeMutablePointer<Float>)

    /// y = epilogue(Aᵀ m A) for the tiles of one row: `products` holds m of the channels `part` from tile `first` on, of y
    /// [images, height, width, channels].
    func winogradOutput(
        _ products: UnsafePointer<Float>, _ planes: WinogradPlanes, first: Int, _ grid: WinogradGrid, row: Int,
        part: Range<Int>, channels: Int, epilogue: Epilogue, to y: UnsafeMutablePointer<Float>,
        lines: UnsafeMutablePointer<Float>)

    /// G w Gᵀ for a part of w [3][3][inputs][outputs], rows of inputs and columns of outputs, to [36][row][column], `pitch`
    /// floats from one of the 36 to the next. `turned` takes w turned by half a circle, rows of outputs and columns of
    /// inputs.
    func winogradWeights(
        _ w: UnsafePointer<Float>, inputs: Int, outputs: Int, rows: Range<Int>, columns: Range<Int>, turned: Bool,
        to target: UnsafeMutablePointer<Float>, pitch: Int)

    /// dw (+)= Gᵀ m G for a part of dw [3][3][inputs][outputs]; `sums` holds m as [36][row][column].
    func winogradWeightGradient(
        _ sums: UnsafePointer<Float>, pitch: Int, rowPitch: Int, inputs: Int, outputs: Int, rows: Range<Int>,
        columns: Range<Int>, adds: Bool, to dw: UnsafeMutablePointer<Float>)

    /// C[rows, columns] (+)= A[rows, depth] · B[depth, columns], all row by row; columns are a multiple of 16. An element is
    /// one chain of multiply-adds by rising depth, so its bits do not depend on its place.
    func multiply(
        _ a: UnsafePointer<Float>, stride strideA: Int, _ b: UnsafePointer<Float>, stride strideB: Int, rows: Int,
        columns: Int, depth: Int, adds: Bool, into c: UnsafeMutablePointer<Float>, stride strideC: Int)

    // MARK: BatchNorm

    /// Σ x and Σ x² of `rows` rows, `pitch` floats apart, of `channels` each, to `sums` and `sumsPitch` behind it.
    func moments(
        _ x: UnsafePointer<Float>, rows: Int, pitch: Int, channels: Int, to sums: UnsafeMutablePointer<Double>,
        sumsPitch: Int)

    /// Masks g in place, and Σ g and Σ g · (x − mean) to `sums` [2][channels].
    func gradientSums(
        _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, mean: UnsafePointer<Double>, mask: ReLUMask,
        folded: FoldedBatchNorm, rows: Range<Int>, channels: Int, to sums: UnsafeMutablePointer<Double>)

    /// x = g · scale + xFactor · (x − mean) + constant, with `terms` [3][channels] = xFactor, mean, constant; without g
    /// only the rest.
    func normalisedGradient(
        _ gradient: UnsafePointer<Float>?, x: UnsafeMutablePointer<Float>, scale: UnsafePointer<Float>,
        terms: UnsafePointer<Float>, rows: Range<Int>, channels: Int)

    // MARK: Pooling

    /// Row i of max pooling 3×3 with stride 2 and padding 1 over one image, to `output` [width][channels] and `argmax`.
    func maxPool(
        _ image: UnsafePointer<Float>, _ map: PooledMap, row: Int, prologue: FoldedBatchNorm?,
        output: UnsafeMutablePointer<Float>, argmax: UnsafeMutableRawPointer?)

    /// Σ g and Σ g · (x − mean) of one row of pooled gradients g, where ReLU's output is not ≤ 0, to `sums` [2][channels].
    func maxPoolSums(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafeRawPointer, image: UnsafePointer<Float>,
        mean: UnsafePointer<Double>, _ map: PooledMap, row: Int, to sums: UnsafeMutablePointer<Double>)

    /// dx[argmax] += g · scale over one row of an image's gradients.
    func maxPoolScatter(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafeRawPointer, scale: UnsafePointer<Float>,
        _ map: PooledMap, row: Int, into image: UnsafeMutablePointer<Float>)

    /// The mean over the pixels of one image, [pixels, channels] to [channels].
    func averagePool(
        _ image: UnsafePointer<Float>, pixels: Int, channels: Int, output: UnsafeMutablePointer<Float>)

    /// dx[pixel, c] = dy[c] / pixels.
    func averagePoolGradient(
        _ dy: UnsafePointer<Float>, pixels: Int, channels: Int, result: UnsafeMutablePointer<Float>)

    // MARK: Over [rows, channels]

    /// y = relu(folded(x) + shortcutFolded(shortcut)).
    func residualSum(
        _ x: UnsafePointer<Float>, _ folded: FoldedBatchNorm?, shortcut: UnsafePointer<Float>,
        _ shortcutFolded: FoldedBatchNorm?, output: UnsafeMutablePointer<Float>, rows: Range<Int>, channels: Int)

    /// g = 0 where ReLU's output is ≤ 0; `count` is a multiple of 16.
    func mask(_ gradient: UnsafeMutablePointer<Float>, output: UnsafePointer<Float>, count: Int)

    /// y = x · scale per channel.
    func scale(
        _ x: UnsafePointer<Float>, by scale: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
        rows: Range<Int>, channels: Int)

    // MARK: Parameters

    /// One step of sgd over `count` floats, any number; the sums of squares of gradient, change and old weights.
    func sgd(
        _ weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, momenta: UnsafeMutablePointer<Float>?,
        isFirst: Bool, count: Int, rate: Float, momentum: Float, decay: Float
    ) -> SIMD4<Double>

    /// One step of AdamW, likewise.
    func adamw(
        _ weights: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, first: UnsafeMutablePointer<Float>,
        second: UnsafeMutablePointer<Float>, count: Int, terms: AdamTerms
    ) -> SIMD4<Double>

    /// Σ x² in float64, always in the same order; any `count`.
    func squareSum(_ x: UnsafePointer<Float>, count: Int) -> Double

    /// y = Σ over `groups` parts, `pitch` floats apart, by rising number; any `count`.
    func addParts(
        _ parts: UnsafePointer<Float>, pitch: Int, groups: Int, into y: UnsafeMutablePointer<Float>, count: Int)

    // MARK: Speed

    /// So many rounds of fused multiply-adds on values in registers, and how many operations that were.
    func multiplyAdds(rounds: Int) -> (operations: Double, value: Float)
}

/// What an output pixel of a convolution reads: `rows` × `columns` taps of an [height, width, channels] map from
/// (stride · i + top, stride · j + left) on.
package struct GatherWindow: Sendable {
    package var height: Int
    package var width: Int
    package var channels: Int
    package var stride: Int
    package var top: Int
    package var left: Int
    package var rows = 1
    package var columns = 1
    /// Channels that are taken of one tap; all with more than one column.
    package var part: Range<Int>
    package var count: Int { rows * columns * part.count }

    package init(
        height: Int, width: Int, channels: Int, stride: Int, top: Int, left: Int, rows: Int = 1, columns: Int = 1
    ) {
        (self.height, self.width, self.channels) = (height, width, channels)
        (self.stride, self.top, self.left) = (stride, top, left)
        (self.rows, self.columns) = (rows, columns)
        part = 0..<channels
    }
}

/// Where a ReLU let values through.
package enum ReLUMask {
    case none
    /// A ReLU directly behind this BatchNorm: open where folded(x) is not ≤ 0.
    case ownOutput
    /// A ReLU further on: open where its output is not ≤ 0.
    case output(UnsafePointer<Float>)
}

/// The map that max pooling reads, and the width of what it makes.
package struct PooledMap: Sendable {
    package let height: Int
    package let width: Int
    package let channels: Int
    package var outputHeight: Int { Self.outputSize(height) }
    package var outputWidth: Int { Self.outputSize(width) }

    package init(height: Int, width: Int, channels: Int) {
        (self.height, self.width, self.channels) = (height, width, channels)
    }

    package static func outputSize(_ size: Int) -> Int { (size - 1) / 2 + 1 }
}

/// The factors of one step of AdamW.
package struct AdamTerms: Sendable {
    /// 1 − η·λ
    package var keep: Float
    /// η / (1 − β₁ᵗ)
    package var stepSize: Float
    /// √(1 − β₂ᵗ)
    package var root: Float
    package var betas: (Float, Float)
    /// 1 − β₁ and 1 − β₂, rounded once.
    package var complements: (Float, Float)
    package var epsilon: Float

    package init(
        keep: Float, stepSize: Float, root: Float, betas: (Float, Float), complements: (Float, Float), epsilon: Float
    ) {
        (self.keep, self.stepSize, self.root) = (keep, stepSize, root)
        (self.betas, self.complements, self.epsilon) = (betas, complements, epsilon)
    }
}
