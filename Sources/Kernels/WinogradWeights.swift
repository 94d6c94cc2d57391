/// Transformed weights of a 3×3 convolution of stride 1: G w Gᵀ, in the order in which the products read them.
///
/// Panels of `RegisterTile.width` columns, each [36][depth][width]; the columns are output channels, the depth input
/// channels, or for the input's gradient the other way round with the kernel turned by half a circle. Four times as
/// large as the weights, so those that train share one buffer (see `NormalisedConvolution`).
public struct WinogradWeights {
    public let shape: ConvolutionShape
    let isTransposed: Bool
    let values: UnsafeMutablePointer<Float>?
    let raw: UnsafePointer<Float>
    var isWide: Bool { shape.inputs * shape.outputs >= 256 * 256 }

    var columns: Int { isTransposed ? shape.inputs : shape.outputs }
    var depth: Int { isTransposed ? shape.outputs : shape.inputs }

    /// Whether maps of this size gain: at 2×2 a tile's 36 products are as many as the 2 · 2 · 9 direct ones.
    public static func fits(_ shape: ConvolutionShape, size: Int) -> Bool {
        shape.kernel == 3 && shape.stride == 1 && size > 2
    }

    public static func count(_ shape: ConvolutionShape) -> Int {
        Winograd.products * (shape.inputs * shape.outputs + max(shape.inputs, shape.outputs))
    }

    /// Lends `values`, as many as `count` says.
    public init(shape: ConvolutionShape, forInputGradient: Bool, raw: UnsafePointer<Float>, values: UnsafeMutablePointer<Float>?) {
        self.raw = raw
        self.shape = shape
        isTransposed = forInputGradient
        self.values = values
    }

    /// From one of a panel's 36 matrices to the next: not a multiple of the cache's sets.
    var pitch: Int { depth * RegisterTile.width + 16 }
    var panelCount: Int { Winograd.products * pitch }

    /// Where panel `panel` begins.
    func panel(_ panel: Int) -> UnsafeMutablePointer<Float> { values! + panel * panelCount }

    /// All panels from weights [3][3][inputs][outputs].
    public func transform(_ weights: UnsafePointer<Float>, pool: WorkerPool, scratch: WorkerScratch) {
        let slices = depth / Self.slice
        pool.run(columns / RegisterTile.width * slices) { task, worker in
            let (panel, slice) = (task / slices, task % slices)
            transform(
                weights, panel: panel, slice: slice, to: self.panel(panel),
                lines: scratch.floats(worker, .product, count: linesCount))
        }
    }

    /// Room that the transform of a slice needs.
    var linesCount: Int { 18 * 8 + 9 * Self.slice * RegisterTile.width }

    /// `slice` times 16 rows of a panel, [36][depth][width].
    func transform(
        _ weights: UnsafePointer<Float>, panel: Int, slice: Int, to target: UnsafeMutablePointer<Float>,
        lines: UnsafeMutablePointer<Float>
    ) {
        let width = RegisterTile.width
        let pitch = pitch
        let first = slice * Self.slice
        let turned = lines + 18 * 8
        if isTransposed { turn(weights, column: panel * width, first: first, to: turned) }
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
        _ weights: UnsafePointer<Float>, column: Int, first: Int, to target: UnsafeMutablePointer<Float>
    ) {
        let width = RegisterTile.width
        for tap in 0..<9 {
            let source = weights + ((8 - tap) * shape.inputs + column) * shape.outputs + first
            let target = target + tap * 16 * width
            for c in 0..<width {
                for k in 0..<16 { target[k &* width &+ c] = source[c &* shape.outputs &+ k] }
            }
        }
    }
}
