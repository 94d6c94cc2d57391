import Kernels

/// A convolution without bias with the BatchNorm behind it, and the packed copies of its weights.
final class NormalisedConvolution {
    let unit: ResNet18Layout.ConvolutionUnit
    let shape: ConvolutionShape
    let weight: Parameter
    let scale: Parameter
    let shift: Parameter
    let batchNorm: BatchNorm
    var state: BatchNormState { batchNorm.state }

    private var forward: (weights: PackedWeights, generation: Int)?
    private var backward: (weights: PackedWeights, generation: Int)?

    init(
        unit: ResNet18Layout.ConvolutionUnit, weight: Parameter, scale: Parameter, shift: Parameter,
        state: BatchNormState
    ) {
        self.unit = unit
        shape = ConvolutionShape(inputs: unit.inputs, outputs: unit.outputs, kernel: unit.kernel, stride: unit.stride)
        self.weight = weight
        self.scale = scale
        self.shift = shift
        batchNorm = BatchNorm(state: state)
    }

    func output(_ size: Int) -> Int { shape.output(size) }

    func forwardWeights(_ pool: WorkerPool) -> PackedWeights {
        Self.upToDate(&forward, shape, weight, forInputGradient: false, pool)
    }

    func backwardWeights(_ pool: WorkerPool) -> PackedWeights {
        Self.upToDate(&backward, shape, weight, forInputGradient: true, pool)
    }

    private static func upToDate(
        _ copy: inout (weights: PackedWeights, generation: Int)?, _ shape: ConvolutionShape, _ weight: Parameter,
        forInputGradient: Bool, _ pool: WorkerPool
    ) -> PackedWeights {
        let weights = copy?.weights ?? PackedWeights(shape: shape, forInputGradient: forInputGradient)
        if copy?.generation != weight.generation {
            weights.pack(weight.values.pointer, pool: pool)
            copy = (weights, weight.generation)
        }
        return weights
    }

    /// Scale and shift from the running statistics.
    func hold() { batchNorm.hold(weight: scale.values.pointer, bias: shift.values.pointer) }

    /// Scale and shift from the batch, whose convolved values these are.
    func measure(_ x: UnsafePointer<Float>, rows: Int, pool: WorkerPool) {
        batchNorm.measure(x, rows: rows, weight: scale.values.pointer, bias: shift.values.pointer, pool: pool)
    }
}

/// BasicBlock: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
final class ResidualBlock {
    let name: String
    let first: NormalisedConvolution
    let second: NormalisedConvolution
    let downsample: NormalisedConvolution?

    init(name: String, first: NormalisedConvolution, second: NormalisedConvolution, downsample: NormalisedConvolution?)
    {
        self.name = name
        self.first = first
        self.second = second
        self.downsample = downsample
    }
}
