import Kernels

/// A convolution without bias with the BatchNorm behind it.
final class NormalisedConvolution {
    let unit: ResNet18Layout.ConvolutionUnit
    let weight: Parameter
    let scale: Parameter
    let shift: Parameter
    let state: BatchNormState

    init(
        unit: ResNet18Layout.ConvolutionUnit, weight: Parameter, scale: Parameter, shift: Parameter,
        state: BatchNormState
    ) {
        self.unit = unit
        self.weight = weight
        self.scale = scale
        self.shift = shift
        self.state = state
    }
}

/// BasicBlock: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
final class ResidualBlock {
    let name: String
    let first: NormalisedConvolution
    let second: NormalisedConvolution
    let downsample: NormalisedConvolution?

    init(name: String, first: NormalisedConvolution, second: NormalisedConvolution, downsample: NormalisedConvolution?) {
        self.name = name
        self.first = first
        self.second = second
        self.downsample = downsample
    }
}
