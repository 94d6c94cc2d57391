import LoopTypes

/// The weights of a 3×3 convolution of stride 1 for F(4×4, 3×3): U = G w Gᵀ, 36 matrices [depth][columns].
///
/// Forward the depth are the inputs and the columns the outputs; for the input's gradient it is the other way round, with
/// the kernel turned by half a circle.
/// Transformed they are four times as large, so they are kept only where they do not change (see `NormalisedConvolution`).
package struct WinogradWeights {
    package let shape: ConvolutionShape
    let isTransposed: Bool
    /// [3][3][inputs][outputs].
    private let weights: UnsafePointer<Float>
    /// All of U; nil where each part is to be made just before it is used.
    private let kept: UnsafeMutablePointer<Float>?

    /// Of the products: channels of the result, and those summed over.
    var columns: Int { isTransposed ? shape.inputs : shape.outputs }
    var depth: Int { isTransposed ? shape.outputs : shape.inputs }
    var isKept: Bool { kept != nil }

    /// Whether maps of this size gain: at 2×2 a tile's 36 products are as many as the 2 · 2 · 9 direct ones.
    package static func fits(_ shape: ConvolutionShape, size: Int) -> Bool {
        shape.kernel == 3 && shape.stride == 1 && size > 2
    }

    /// Whether the weights outweigh the maps (layer3 and layer4), so that work is shared out by columns and a part of U is
    /// read by one worker only: then it may as well be made on the way. Measured at 224 pixels and batch 16, that saves
    /// 15 % of a step of layer4 against writing and reading all of U.
    package static func isWide(_ shape: ConvolutionShape) -> Bool { shape.inputs * shape.outputs >= 256 * 256 }

    /// Floats of U.
    package static func count(_ shape: ConvolutionShape) -> Int { WinogradPlanes.products * pitch(shape) }

    /// From one matrix to the next: not a multiple of the cache's sets.
    private static func pitch(_ shape: ConvolutionShape) -> Int { shape.inputs * shape.outputs + 16 }

    /// `weights` are [3][3][inputs][outputs]; `kept` is room for `count` floats that `transform` fills, nil for wide shapes
    /// only.
    package init(
        shape: ConvolutionShape, forInputGradient: Bool, weights: UnsafePointer<Float>,
        kept: UnsafeMutablePointer<Float>?
    ) {
        precondition(kept != nil || Self.isWide(shape), "Only wide layers make U on the way.")
        precondition(
            shape.kernel == 3 && shape.stride == 1 && shape.inputs % 16 == 0 && shape.outputs % 16 == 0,
            "F(4×4, 3×3) takes 3×3 kernels of stride 1 and channels in multiples of 16.")
        self.shape = shape
        isTransposed = forInputGradient
        self.weights = weights
        self.kept = kept
    }

    /// Makes all of U.
    package func transform(pool: WorkerPool) {
        guard let kept else { return }
        let rows = 16
        pool.run(depth / rows, lending: self, kept) { task, _, weights, kept in
            loops.winogradWeights(
                weights.weights, inputs: weights.shape.inputs, outputs: weights.shape.outputs,
                rows: (task * rows)..<((task + 1) * rows), columns: 0..<weights.columns, turned: weights.isTransposed,
                to: kept + task * rows * weights.columns, pitch: Self.pitch(weights.shape))
        }
    }

    /// Some rows and columns of U: matrix p begins at `start` + p · pitch.
    struct Part {
        let start: UnsafePointer<Float>
        let pitch: Int
        let stride: Int
    }

    /// Floats that a part needs that is not kept.
    static func partCount(columns: Int, depth: Int) -> Int { WinogradPlanes.products * (columns * depth + 16) }

    /// Where it is not kept it is made in `memory`.
    func part(columns: Range<Int>, depth: Range<Int>, memory: UnsafeMutablePointer<Float>) -> Part {
        if let kept {
            return Part(
                start: kept + (depth.lowerBound * self.columns + columns.lowerBound), pitch: Self.pitch(shape),
                stride: self.columns)
        }
        let pitch = depth.count * columns.count + 16
        loops.winogradWeights(
            weights, inputs: shape.inputs, outputs: shape.outputs, rows: depth, columns: columns, turned: isTransposed,
            to: memory, pitch: pitch)
        return Part(start: UnsafePointer(memory), pitch: pitch, stride: columns.count)
    }
}
