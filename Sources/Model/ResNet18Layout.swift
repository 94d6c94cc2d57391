/// A tensor of the state dict: torchvision's name and PyTorch's shape.
package struct TensorSpec: Sendable, Hashable {
    package enum Kind: Sendable { case parameter, runningMean, runningVar, batchesTracked }

    package let name: String
    /// `[out, in, height, width]` for convolutions, `[]` for `num_batches_tracked`.
    package let shape: [Int]
    package let kind: Kind
    package var count: Int { shape.reduce(1, *) }

    package init(name: String, shape: [Int], kind: Kind) {
        self.name = name
        self.shape = shape
        self.kind = kind
    }
}

/// Names, shapes and order of ResNet18's tensors, as torchvision has them.
package enum ResNet18Layout {
    /// A convolution without bias and the BatchNorm behind it.
    package struct ConvolutionUnit: Sendable {
        package let convolution: String
        package let batchNorm: String
        package let inputs: Int
        package let outputs: Int
        package let kernel: Int
        package let stride: Int
        var padding: Int { kernel / 2 }
    }

    /// BasicBlock: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
    package struct Block: Sendable {
        package let name: String
        package let first: ConvolutionUnit
        package let second: ConvolutionUnit
        package let downsample: ConvolutionUnit?
    }

    package static let stem = ConvolutionUnit(
        convolution: "conv1", batchNorm: "bn1", inputs: 3, outputs: 64, kernel: 7, stride: 2)

    package static let blocks: [Block] = {
        var blocks: [Block] = []
        var inputs = 64
        for (index, outputs) in [64, 128, 256, 512].enumerated() {
            for position in 0..<2 {
                let name = "layer\(index + 1).\(position)"
                let stride = position == 0 && index > 0 ? 2 : 1
                blocks.append(
                    Block(
                        name: name,
                        first: ConvolutionUnit(
                            convolution: "\(name).conv1", batchNorm: "\(name).bn1", inputs: inputs, outputs: outputs,
                            kernel: 3, stride: stride),
                        second: ConvolutionUnit(
                            convolution: "\(name).conv2", batchNorm: "\(name).bn2", inputs: outputs, outputs: outputs,
                            kernel: 3, stride: 1),
                        downsample: stride == 1
                            ? nil
                            : ConvolutionUnit(
                                convolution: "\(name).downsample.0", batchNorm: "\(name).downsample.1", inputs: inputs,
                                outputs: outputs, kernel: 1, stride: stride)))
                inputs = outputs
            }
        }
        return blocks
    }()

    /// Every convolution with its BatchNorm in torchvision's order, the unit that it belongs to, and its place there.
    package enum Place: Sendable { case stem, first, second, shortcut }
    package static let convolutions: [(unit: Int, place: Place, layer: ConvolutionUnit)] =
        [(0, .stem, stem)]
        + blocks.enumerated().flatMap { index, block in
            [(index + 1, Place.first, block.first), (index + 1, .second, block.second)]
                + [block.downsample].compactMap { $0 }.map { (index + 1, .shortcut, $0) }
        }

    /// Whether a layer of this name has running statistics.
    package static func isBatchNorm(_ layer: String) -> Bool { batchNormNames.contains(layer) }

    private static let batchNormNames = Set(convolutions.map(\.layer.batchNorm))

    package static let featureCount = 512

    /// All 122 tensors in the order of torchvision's state dict.
    package static func tensors(classes: Int) -> [TensorSpec] {
        func tensors(_ unit: ConvolutionUnit) -> [TensorSpec] {
            let channels = [unit.outputs]
            return [
                TensorSpec(
                    name: unit.convolution + ".weight", shape: [unit.outputs, unit.inputs, unit.kernel, unit.kernel],
                    kind: .parameter),
                TensorSpec(name: unit.batchNorm + ".weight", shape: channels, kind: .parameter),
                TensorSpec(name: unit.batchNorm + ".bias", shape: channels, kind: .parameter),
                TensorSpec(name: unit.batchNorm + ".running_mean", shape: channels, kind: .runningMean),
                TensorSpec(name: unit.batchNorm + ".running_var", shape: channels, kind: .runningVar),
                TensorSpec(name: unit.batchNorm + ".num_batches_tracked", shape: [], kind: .batchesTracked),
            ]
        }
        var specs = tensors(stem)
        for block in blocks {
            specs += tensors(block.first) + tensors(block.second)
            if let downsample = block.downsample { specs += tensors(downsample) }
        }
        specs.append(TensorSpec(name: "fc.weight", shape: [classes, featureCount], kind: .parameter))
        specs.append(TensorSpec(name: "fc.bias", shape: [classes], kind: .parameter))
        return specs
    }

    /// The 62 parameters in the order of torchvision's `named_parameters()`.
    package static func parameters(classes: Int) -> [TensorSpec] {
        tensors(classes: classes).filter { $0.kind == .parameter }
    }

    /// The unit that begins at each cut; at cut i the first i units lie below it.
    ///
    /// Unit 0 is the stem with its max pooling, units 1 to 8 are the blocks, unit 9 is fc. Cut 9 lies behind the
    /// average pooling, which therefore belongs to the prefix; at cut 10 nothing is left.
    package static let cutNames: [String] = ["conv1"] + blocks.map(\.name) + ["fc", ""]

    /// The cut below which everything is in the prefix.
    package static let wholeCut = 10

    /// The unit (0...9) that a parameter belongs to; nil for a name that is not ResNet18's.
    package static func unit(of name: String) -> Int? { unitByName[name] }

    private static let unitByName: [String: Int] = {
        var result: [String: Int] = [:]
        for spec in tensors(classes: 1) {
            if spec.name.hasPrefix("fc.") {
                result[spec.name] = 9
            } else if let index = blocks.firstIndex(where: { spec.name.hasPrefix($0.name + ".") }) {
                result[spec.name] = index + 1
            } else {
                result[spec.name] = 0
            }
        }
        return result
    }()

    /// Size of a map behind a convolution or pooling with padding kernel / 2.
    package static func outputSize(_ input: Int, kernel: Int, stride: Int) -> Int {
        (input + 2 * (kernel / 2) - kernel) / stride + 1
    }
}
