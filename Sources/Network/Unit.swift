/// A convolution without bias and the BatchNorm behind it.
package struct ConvolutionLayer: Sendable, Hashable, Codable {
    package enum Role: String, Sendable, Codable {
        case stem
        /// conv1, conv2 and the shortcut's convolution of a block.
        case first, second, shortcut
    }

    /// torchvision's names of both, `layer1.0.conv1` and `layer1.0.bn1`.
    package let convolution: String
    package let batchNorm: String
    /// Index of the unit that it is a part of.
    package let unit: Int
    package let role: Role
    package let inputs: Int
    package let outputs: Int
    package let kernel: Int
    package let stride: Int
    package var padding: Int { kernel / 2 }

    package var weight: String { convolution + ".weight" }
    package var gamma: String { batchNorm + ".weight" }
    package var beta: String { batchNorm + ".bias" }

    package func outputSide(_ input: Int) -> Int { ResNet.outputSide(input, kernel: kernel, stride: stride) }

    /// In torchvision's order.
    package var tensors: [TensorSpec] {
        [
            TensorSpec(name: weight, shape: [outputs, inputs, kernel, kernel], kind: .parameter),
            TensorSpec(name: gamma, shape: [outputs], kind: .parameter),
            TensorSpec(name: beta, shape: [outputs], kind: .parameter),
            TensorSpec(name: batchNorm + ".running_mean", shape: [outputs], kind: .runningMean),
            TensorSpec(name: batchNorm + ".running_var", shape: [outputs], kind: .runningVar),
            TensorSpec(name: batchNorm + ".num_batches_tracked", shape: [], kind: .batchesTracked),
        ]
    }
}

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
package struct BasicBlock: Sendable, Hashable {
    package let name: String
    package let first: ConvolutionLayer
    package let second: ConvolutionLayer
    /// nil where the shortcut is the identity.
    package let downsample: ConvolutionLayer?

    package var layers: [ConvolutionLayer] { [first, second] + (downsample.map { [$0] } ?? []) }

    init(name: String, unit: Int, inputs: Int, outputs: Int, stride: Int) {
        func layer(
            _ convolution: String, _ batchNorm: String, _ role: ConvolutionLayer.Role, _ inputs: Int, kernel: Int,
            stride: Int
        ) -> ConvolutionLayer {
            ConvolutionLayer(
                convolution: "\(name).\(convolution)", batchNorm: "\(name).\(batchNorm)", unit: unit, role: role,
                inputs: inputs, outputs: outputs, kernel: kernel, stride: stride)
        }
        self.name = name
        first = layer("conv1", "bn1", .first, inputs, kernel: 3, stride: stride)
        second = layer("conv2", "bn2", .second, outputs, kernel: 3, stride: 1)
        downsample =
            stride == 1 && inputs == outputs
            ? nil : layer("downsample.0", "downsample.1", .shortcut, inputs, kernel: 1, stride: stride)
    }
}

/// What lies between two cuts.
package struct Unit: Sendable {
    package enum Kind: Sendable {
        /// conv1, bn1, ReLU and the max pooling.
        case stem(ConvolutionLayer)
        case block(BasicBlock)
        /// fc.
        case head
    }

    /// `conv1`, `layer1.0`, … `fc`.
    package let name: String
    package let kind: Kind
    /// 0 for fc, 1 for the last stage, and so on down to the stem.
    package let stagesBelowHead: Int

    package var block: BasicBlock? { if case .block(let block) = kind { block } else { nil } }

    package var layers: [ConvolutionLayer] {
        switch kind {
        case .stem(let layer): [layer]
        case .block(let block): block.layers
        case .head: []
        }
    }
}
