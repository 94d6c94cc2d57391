/// A residual network of two-convolution blocks (He et al. 2015, arXiv 1512.03385) under torchvision's names.
///
/// The table of stages is all that tells one depth from another: units, layers, tensors and sizes follow from it.
package struct ResNet: Sendable {
    /// Blocks of one width; the first has the stride, and a shortcut convolution where stride or width change.
    package struct Stage: Sendable {
        package let channels: Int
        package let blocks: Int
        package let stride: Int

        package init(channels: Int, blocks: Int, stride: Int) {
            self.channels = channels
            self.blocks = blocks
            self.stride = stride
        }
    }

    package static let resnet18 = ResNet(
        name: "resnet18",
        stages: [
            Stage(channels: 64, blocks: 2, stride: 1), Stage(channels: 128, blocks: 2, stride: 2),
            Stage(channels: 256, blocks: 2, stride: 2), Stage(channels: 512, blocks: 2, stride: 2),
        ])

    package let name: String
    package let stem: ConvolutionLayer
    package let blocks: [BasicBlock]
    /// In the order in which they run: the stem with its max pooling, the blocks, fc.
    package let units: [Unit]
    /// Every convolution with its BatchNorm, in torchvision's order.
    package let layers: [ConvolutionLayer]
    /// Inputs of fc: channels of the last map, which the average pooling leaves as one pixel.
    package let featureCount: Int

    private let unitByTensor: [String: Int]
    private let batchNorms: Set<String>

    package init(name: String, stages: [Stage]) {
        self.name = name
        let stem = ConvolutionLayer(
            convolution: "conv1", batchNorm: "bn1", unit: 0, role: .stem, inputs: 3, outputs: 64, kernel: 7, stride: 2)
        var units = [Unit(name: "conv1", kind: .stem(stem), stagesBelowHead: stages.count + 1)]
        var inputs = stem.outputs
        for (stage, table) in stages.enumerated() {
            for position in 0..<table.blocks {
                let block = BasicBlock(
                    name: "layer\(stage + 1).\(position)", unit: units.count, inputs: inputs, outputs: table.channels,
                    stride: position == 0 ? table.stride : 1)
                units.append(Unit(name: block.name, kind: .block(block), stagesBelowHead: stages.count - stage))
                inputs = table.channels
            }
        }
        units.append(Unit(name: "fc", kind: .head, stagesBelowHead: 0))
        self.stem = stem
        self.units = units
        featureCount = inputs
        blocks = units.compactMap(\.block)
        layers = units.flatMap(\.layers)
        batchNorms = Set(layers.map(\.batchNorm))
        var unitByTensor = ["fc.weight": units.count - 1, "fc.bias": units.count - 1]
        for layer in layers {
            for spec in layer.tensors { unitByTensor[spec.name] = layer.unit }
        }
        self.unitByTensor = unitByTensor
    }

    // MARK: Units and cuts

    /// Index of fc among the units; as a cut it lies behind the average pooling.
    package var head: Int { units.count - 1 }

    /// The cut behind every unit. At cut i the first i units lie below it, so cuts go from 0 to this.
    package var end: Int { units.count }

    /// Name of the unit that begins at a cut; "" behind the last.
    package func name(ofCut cut: Int) -> String { units.indices.contains(cut) ? units[cut].name : "" }

    /// Index of the unit that a tensor belongs to; nil for a name that the network does not have.
    package func unit(of tensor: String) -> Int? { unitByTensor[tensor] }

    /// Stages between fc and the unit of a tensor: 0 for fc, 1 for layer4, … ; nil for an unknown name.
    package func stagesBelowHead(_ tensor: String) -> Int? { unit(of: tensor).map { units[$0].stagesBelowHead } }

    /// Names of all units, and of each stage of several behind its last: `conv1`, `layer1.0`, `layer1.1`, `layer1`, …, `fc`.
    package var groups: [String] {
        var names: [String] = []
        for (index, unit) in units.enumerated() {
            names.append(unit.name)
            let stage = unit.name.prefix { $0 != "." }
            let next = units.indices.contains(index + 1) ? units[index + 1].name : ""
            if stage != unit.name, !next.hasPrefix(stage + ".") { names.append(String(stage)) }
        }
        return names
    }

    /// Whether a tensor belongs to a unit or stage of this name, as `layer4.1` or `layer4`.
    package func contains(_ tensor: String, in group: String) -> Bool {
        guard let unit = unit(of: tensor) else { return false }
        return units[unit].name == group || units[unit].name.hasPrefix(group + ".")
    }

    package func isHead(_ tensor: String) -> Bool { unit(of: tensor) == head }

    /// Whether a layer of this name has running statistics.
    package func isBatchNorm(_ layer: String) -> Bool { batchNorms.contains(layer) }

    // MARK: Tensors

    /// All tensors of the state dict in torchvision's order, 122 for ResNet18.
    package func tensors(classes: Int) -> [TensorSpec] {
        layers.flatMap(\.tensors) + [
            TensorSpec(name: "fc.weight", shape: [classes, featureCount], kind: .parameter),
            TensorSpec(name: "fc.bias", shape: [classes], kind: .parameter),
        ]
    }

    /// The parameters in the order of torchvision's `named_parameters()`, 62 for ResNet18.
    package func parameters(classes: Int) -> [TensorSpec] { tensors(classes: classes).filter { $0.kind == .parameter } }

    /// Names of the parameters, whatever the number of classes.
    package var parameterNames: [String] { parameters(classes: 1).map(\.name) }

    // MARK: Sizes

    /// Map of one image at a cut: 3 channels of pixels at 0, `[1, 1, featureCount]` before fc, `[1, 1, classes]` behind it.
    package func shape(atCut cut: Int, imageSize: Int, classes: Int = 1) -> MapShape {
        if cut <= 0 { return MapShape(side: imageSize, channels: 3) }
        if cut >= end { return MapShape(side: 1, channels: classes) }
        return cut == head ? MapShape(side: 1, channels: featureCount) : output(ofUnit: cut - 1, imageSize: imageSize)
    }

    /// Map of one image behind a unit, before the average pooling; of the stem behind its max pooling.
    package func output(ofUnit unit: Int, imageSize: Int) -> MapShape {
        var side = Self.pooledSide(stem.outputSide(imageSize))
        for block in blocks where block.first.unit <= unit { side = block.first.outputSide(side) }
        return MapShape(side: side, channels: units[unit].layers.last?.outputs ?? featureCount)
    }

    /// Map of one image behind one convolution.
    package func output(of layer: ConvolutionLayer, imageSize: Int) -> MapShape {
        layer.role == .stem
            ? MapShape(side: layer.outputSide(imageSize), channels: layer.outputs)
            : output(ofUnit: layer.unit, imageSize: imageSize)
    }

    /// Behind the stem's max pooling, 3×3 with stride 2.
    package static func pooledSide(_ side: Int) -> Int { outputSide(side, kernel: 3, stride: 2) }

    /// Side of the map behind a convolution or pooling with padding kernel / 2.
    static func outputSide(_ input: Int, kernel: Int, stride: Int) -> Int {
        (input + 2 * (kernel / 2) - kernel) / stride + 1
    }
}

/// A square map of one image, `[side, side, channels]`.
package struct MapShape: Sendable, Hashable {
    package let side: Int
    package let channels: Int
    package var count: Int { side * side * channels }

    package init(side: Int, channels: Int) {
        self.side = side
        self.channels = channels
    }
}

/// A tensor of the state dict: torchvision's name and PyTorch's shape.
package struct TensorSpec: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Codable { case parameter, runningMean, runningVar, batchesTracked }

    package let name: String
    /// `[out, in, height, width]` for convolutions, `[]` for `num_batches_tracked`.
    package let shape: [Int]
    package let kind: Kind
    package var count: Int { shape.reduce(1, *) }

    /// The layer that it belongs to, `layer1.0.bn1`.
    package var layer: String { String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)]) }

    package init(name: String, shape: [Int], kind: Kind = .parameter) {
        self.name = name
        self.shape = shape
        self.kind = kind
    }
}
