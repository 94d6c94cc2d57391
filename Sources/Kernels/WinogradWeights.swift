/// The weights of a 3×3 convolution of stride 1 for F(4×4, 3×3): G w Gᵀ, in the order in which the products read them.
///
/// Panels of `Microkernel.width` columns, each 36 matrices [depth][width]; the columns are output channels, the depth
/// input channels, or for the input's gradient the other way round with the kernel turned by half a circle. Transformed
/// they are four times as large, so they are kept only where they do not change (see `NormalisedConvolution`).
package struct WinogradWeights {
    package let shape: ConvolutionShape
    let isTransposed: Bool
    /// [3][3][inputs][outputs].
    private let weights: UnsafePointer<Float>
    /// All panels; nil where each is to be made just before it is used.
    let panels: UnsafeMutablePointer<Float>?

    var columns: Int { isTransposed ? shape.inputs : shape.outputs }
    var depth: Int { isTransposed ? shape.outputs : shape.inputs }

    /// Whether maps of this size gain: at 2×2 a tile's 36 products are as many as the 2 · 2 · 9 direct ones.
    package static func fits(_ shape: ConvolutionShape, size: Int) -> Bool {
        shape.kernel == 3 && shape.stride == 1 && size > 2
    }

    /// Whether the weights outweigh the maps (layer3 and layer4), so that work is shared out by columns and a panel is
    /// read by one worker only: then it may as well be made on the way. Measured at 224 pixels and batch 16, that saves
    /// 15 % of a step of layer4 against writing and reading all panels.
    package static func isWide(_ shape: ConvolutionShape) -> Bool { shape.inputs * shape.outputs >= 256 * 256 }

    /// Floats of all panels.
    package static func count(_ shape: ConvolutionShape) -> Int {
        Winograd.products * (shape.inputs * shape.outputs + max(shape.inputs, shape.outputs))
    }

    /// `weights` are [3][3][inputs][outputs]; `panels` is room for `count` floats that `transform` fills,
    /// nil for wide shapes only.
    package init(
        shape: ConvolutionShape, forInputGradient: Bool, weights: UnsafePointer<Float>,
        panels: UnsafeMutablePointer<Float>?
    ) {
        precondition(panels != nil || Self.isWide(shape), "Only wide layers make their panels on the way.")
        self.shape = shape
        isTransposed = forInputGradient
        self.weights = weights
        self.panels = panels
        precondition(
            shape.kernel == 3 && shape.stride == 1 && depth % Self.slice == 0 && columns % Microkernel.width == 0,
            "F(4×4, 3×3) takes 3×3 kernels of stride 1, whole panels of columns and a depth in multiples of 16.")
    }

    /// From one of a panel's 36 matrices to the next: not a multiple of the cache's sets.
    var pitch: Int { depth * Microkernel.width + 16 }
    var panelCount: Int { Winograd.products * pitch }

    /// Makes all panels.
    package func transform(pool: WorkerPool, scratch: WorkerScratch) {
        guard let panels else { return }
        let slices = depth / Self.slice
        pool.run(columns / Microkernel.width * slices, lending: self, panels) { task, worker, weights, panels in
            let (panel, slice) = (task / slices, task % slices)
            weights.transform(
                panel: panel, slice: slice, to: panels + panel * weights.panelCount,
                lines: scratch.floats(worker, .product, count: weights.linesCount))
        }
    }

    /// Makes some panels, one behind the other, in `memory` of as many times `panelCount` floats.
    func make(_ range: Range<Int>, in memory: UnsafeMutablePointer<Float>, worker: Int, scratch: WorkerScratch) {
        let lines = scratch.floats(worker, .product, count: linesCount)
        for panel in range {
            for slice in 0..<(depth / Self.slice) {
                transform(
                    panel: panel, slice: slice, to: memory + (panel - range.lowerBound) * panelCount, lines: lines)
            }
        }
    }

    /// Room that the transform of a slice needs.
    private var linesCount: Int { 18 * 8 + 9 * Self.slice * Microkernel.width }

    /// `slice` times 16 rows of a panel, [36][depth][width].
    private func transform(
        panel: Int, slice: Int, to target: UnsafeMutablePointer<Float>,
        lines: UnsafeMutablePointer<Float>
    ) {
        let width = Microkernel.width
        let pitch = pitch
        let first = slice * Self.slice
        let turned = lines + 18 * 8
        if isTransposed { turn(column: panel * width, first: first, to: turned) }
        for k in first..<(first + Self.slice) {
            // Nine taps of a row of the panel.
            let taps: UnsafePointer<Float>
            let tapPitch: Int
            if isTransposed {
                taps = UnsafePointer(turned + (k - first) * width)
                tapPitch = Self.slice * width
            } else {
                taps = weights + (k * shape.outputs + panel * width)
                tapPitch = shape.inputs * shape.outputs
            }
            let target = target + k * width
            for c in stride(from: 0, to: width, by: 8) {
                for s in 0..<3 {
                    let down = Winograd.weights(
                        (
                            taps.vector8(s &* tapPitch &+ c), taps.vector8((3 &+ s) &* tapPitch &+ c),
                            taps.vector8((6 &+ s) &* tapPitch &+ c)
                        ))
                    lines.store(down, 8 &* s, 24)
                }
                for i in 0..<6 {
                    let line = UnsafePointer(lines + (24 &* i))
                    target.store(
                        Winograd.weights((line.vector8(0), line.vector8(8), line.vector8(16))),
                        6 &* i &* pitch &+ c, pitch)
                }
            }
        }
    }

    private static let slice = 16

    /// 16 output channels from `first` on and a panel of input channels, as [tap turned][output channel][column].
    private func turn(
        column: Int, first: Int, to target: UnsafeMutablePointer<Float>
    ) {
        let width = Microkernel.width
        for tap in 0..<9 {
            let source = weights + ((8 - tap) * shape.inputs + column) * shape.outputs + first
            let target = target + tap * 16 * width
            for c in 0..<width {
                for k in 0..<16 { target[k &* width &+ c] = source[c &* shape.outputs &+ k] }
            }
        }
    }
}
