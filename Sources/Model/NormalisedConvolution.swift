import Network
import Kernels
import LoopTypes

/// A convolution without bias with the BatchNorm behind it, and the transformed copies of its weights.
///
/// 3×3 convolutions of stride 1 go through F(4×4, 3×3), which saves three quarters of their multiplications (two thirds
/// at 7×7 and 14×14); stem, strided and 1×1 ones, and maps of one or two pixels, through the direct product.
final class NormalisedConvolution {
    let spec: ConvolutionLayer
    let shape: ConvolutionShape
    let weight: Parameter
    let gamma: Parameter
    let beta: Parameter
    let batchNorm: BatchNorm
    var state: BatchNormState { batchNorm.state }

    /// Transformed weights, and which `generation` they are of.
    private typealias Copy = (weights: FloatBuffer, generation: Int)
    private var winogradForward: Copy?
    private var winogradBackward: Copy?

    init(
        spec: ConvolutionLayer, weight: Parameter, gamma: Parameter, beta: Parameter,
        state: BatchNormState
    ) {
        self.spec = spec
        shape = ConvolutionShape(inputs: spec.inputs, outputs: spec.outputs, kernel: spec.kernel, stride: spec.stride)
        self.weight = weight
        self.gamma = gamma
        self.beta = beta
        batchNorm = BatchNorm(state: state)
    }

    func output(_ size: Int) -> Int { shape.output(size) }

    /// y = epilogue(x * w) for x [images, size, size, inputs], or with `prologue` relu(prologue(x)). `collects` has the
    /// BatchNorm take the moments of y, for `useBatchStatistics`.
    func convolve(
        _ x: UnsafePointer<Float>, images: Int, size: Int, prologue: FoldedBatchNorm?, epilogue: Epilogue,
        collects: Bool, keepsCopies: Bool, output: UnsafeMutablePointer<Float>, pool: WorkerPool,
        workspace: Workspace
    ) {
        if WinogradWeights.fits(shape, size: size) {
            let weights = winogradWeights(
                &winogradForward, forInputGradient: false, keeps: keepsCopies, pool, workspace)
            WinogradConvolution.run(
                weights, images: images, height: size, width: size, input: x, prologue: prologue, epilogue: epilogue,
                statistics: collects ? batchNorm : nil, output: output,
                workspace: { workspace.buffer(.winogradMaps, count: $0) }, pool: pool,
                scratch: workspace.scratch)
        } else {
            Convolution.forward(
                shape, weights: weight.values.pointer, images: images, height: size, width: size, input: x,
                prologue: prologue, epilogue: epilogue, statistics: collects ? batchNorm : nil, output: output,
                pool: pool, scratch: workspace.scratch)
        }
    }

    /// dx from the gradient dy of y; `size` is x's.
    func inputGradient(
        _ gradient: UnsafePointer<Float>, images: Int, size: Int, epilogue: Epilogue, keepsCopies: Bool,
        result: UnsafeMutablePointer<Float>, pool: WorkerPool, workspace: Workspace
    ) {
        if WinogradWeights.fits(shape, size: size) {
            let weights = winogradWeights(
                &winogradBackward, forInputGradient: true, keeps: keepsCopies, pool, workspace)
            WinogradConvolution.run(
                weights, images: images, height: size, width: size, input: gradient, epilogue: epilogue, output: result,
                workspace: { workspace.buffer(.winogradMaps, count: $0) }, pool: pool, scratch: workspace.scratch)
        } else {
            Convolution.inputGradient(
                shape, weights: weight.values.pointer, images: images, height: size, width: size, gradient: gradient,
                epilogue: epilogue, result: result, pool: pool, scratch: workspace.scratch)
        }
    }

    /// dw from x and dy, to `result`.
    func weightGradient(
        _ x: UnsafePointer<Float>, prologue: FoldedBatchNorm?, gradient: UnsafePointer<Float>, images: Int, size: Int,
        result: UnsafeMutablePointer<Float>, pool: WorkerPool, workspace: Workspace
    ) {
        if WinogradWeights.fits(shape, size: size) {
            WinogradWeightGradient.compute(
                shape, images: images, height: size, width: size, input: x, prologue: prologue, gradient: gradient,
                result: result, workspace: { workspace.buffer(.winogradMaps, count: $0) }, pool: pool,
                scratch: workspace.scratch)
        } else {
            ConvolutionWeightGradient.compute(
                shape, images: images, height: size, width: size, input: x, prologue: prologue, gradient: gradient,
                result: result, workspace: { workspace.buffer(.weightGradientSums, count: $0) }, pool: pool,
                scratch: workspace.scratch)
        }
    }

    /// Frozen weights are transformed once and kept. Those that train change with every step: wide ones are transformed
    /// on the way, the others in a buffer that all layers share; so are those of a pass that is made once (`keeps` false),
    /// unless a copy is there.
    private func winogradWeights(
        _ copy: inout Copy?, forInputGradient: Bool, keeps: Bool, _ pool: WorkerPool, _ workspace: Workspace
    ) -> WinogradWeights {
        func weights(_ kept: UnsafeMutablePointer<Float>?) -> WinogradWeights {
            WinogradWeights(
                shape: shape, forInputGradient: forInputGradient, weights: weight.values.pointer, kept: kept)
        }
        let count = WinogradWeights.count(shape)
        if weight.gradient != nil { copy = nil }
        let isCurrent = copy?.generation == weight.generation
        if weight.gradient != nil || !keeps && !isCurrent {
            if WinogradWeights.isWide(shape) { return weights(nil) }
            let made = weights(workspace.buffer(.winogradWeights, count: count))
            made.transform(pool: pool)
            return made
        }
        let values = copy?.weights ?? FloatBuffer(count: count)
        let made = weights(values.pointer)
        if !isCurrent { made.transform(pool: pool) }
        copy = (values, weight.generation)
        return made
    }

    func useRunningStatistics() {
        batchNorm.useRunningStatistics(gamma: gamma.values.pointer, beta: beta.values.pointer)
    }

    /// Of the `rows` pixels that `convolve` computed last.
    func useBatchStatistics(rows: Int) {
        batchNorm.useBatchStatistics(rows: rows, gamma: gamma.values.pointer, beta: beta.values.pointer)
    }
}

/// BasicBlock: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
final class ResidualBlock {
    let name: String
    let first: NormalisedConvolution
    let second: NormalisedConvolution
    let downsample: NormalisedConvolution?
    var layers: [NormalisedConvolution] { [first, second] + [downsample].compactMap { $0 } }

    init(name: String, first: NormalisedConvolution, second: NormalisedConvolution, downsample: NormalisedConvolution?)
    {
        self.name = name
        self.first = first
        self.second = second
        self.downsample = downsample
    }
}
