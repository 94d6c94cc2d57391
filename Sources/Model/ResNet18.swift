import Network
import Kernels

/// ResNet18 with its parameters, running statistics and the buffers that its steps reuse.
///
/// Activations are [images, height, width, channels]. Used from one thread at a time; the work inside is shared out over
/// the pool. The same numbers come out, bit for bit, for any number of threads, and an image's features in inference do not
/// depend on the images beside it.
package final class ResNet18 {
    package let classes: Int
    /// The table that it is made from.
    let network = ResNet.resnet18
    /// The 62 parameters in torchvision's order.
    package let parameters: [Parameter]
    /// All 122 tensors in torchvision's order.
    package let specs: [TensorSpec]

    /// Hears how long each layer takes, where it is set.
    package var clock: LayerClock?

    /// Where this network computes a part of each batch, and other ranks the rest.
    package var exchange: GradientExchange? {
        didSet {
            let group = exchange?.batchNorm == .global ? exchange?.group : nil
            for layer in layers(from: 0, to: network.end) {
                layer.batchNorm.sumOverRanks = group.map { group in { group.sum(&$0) } }
            }
        }
    }

    /// Where `sampleGradients` is at work, what it leaves its gradients in.
    var samples: SampleGradients?

    let pool: WorkerPool
    let workspace: Workspace
    let stem: NormalisedConvolution
    let blocks: [ResidualBlock]
    let fullyConnected: (weight: Parameter, bias: Parameter)

    private let parameterByName: [String: Parameter]
    private let batchNormByName: [String: BatchNormState]
    private let specByName: [String: TensorSpec]

    package init(classes: Int, pool: WorkerPool) {
        BLAS.prepare()
        self.classes = classes
        self.pool = pool
        workspace = Workspace(threads: pool.threads)
        specs = network.tensors(classes: classes)
        specByName = Dictionary(uniqueKeysWithValues: specs.map { ($0.name, $0) })
        let parameters = specs.filter { $0.kind == .parameter }.map { Parameter(name: $0.name, shape: $0.shape) }
        self.parameters = parameters
        let byName = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) })
        parameterByName = byName
        var batchNorms: [String: BatchNormState] = [:]
        func named(_ name: String) -> Parameter {
            // The names are the table's own, nothing from outside.
            guard let parameter = byName[name] else { fatalError("The table lacks \(name).") }
            return parameter
        }
        func layer(_ spec: ConvolutionLayer) -> NormalisedConvolution {
            let state = BatchNormState(channels: spec.outputs)
            batchNorms[spec.batchNorm] = state
            return NormalisedConvolution(
                spec: spec, weight: named(spec.weight), gamma: named(spec.gamma), beta: named(spec.beta), state: state)
        }
        stem = layer(network.stem)
        blocks = network.blocks.map {
            ResidualBlock(
                name: $0.name, first: layer($0.first), second: layer($0.second), downsample: $0.downsample.map(layer))
        }
        fullyConnected = (named("fc.weight"), named("fc.bias"))
        batchNormByName = batchNorms
    }

    package func parameter(_ name: String) -> Parameter? { parameterByName[name] }

    // MARK: Tensors in and out, in PyTorch's layout

    /// Takes a parameter or a running statistic, by torchvision's name and in PyTorch's layout.
    package func load(_ name: String, floats: [Float]) throws {
        guard let spec = specByName[name], spec.kind != .batchesTracked else { throw TensorError.unknown(name) }
        guard floats.count == spec.count else {
            throw TensorError.wrongCount(name: name, shape: spec.shape, found: floats.count)
        }
        if let parameter = parameterByName[name] {
            Self.eachElement(spec.shape) { ours, torch in parameter.values.pointer[ours] = floats[torch] }
            parameter.generation += 1
        } else if let state = batchNormState(ofTensor: name) {
            let buffer = spec.kind == .runningMean ? state.runningMean : state.runningVariance
            for (index, value) in floats.enumerated() { buffer.pointer[index] = value }
        }
    }

    package func loadBatchesTracked(_ name: String, _ count: Int64) throws {
        guard specByName[name]?.kind == .batchesTracked, let state = batchNormState(ofTensor: name) else {
            throw TensorError.unknown(name)
        }
        state.batchesTracked = count
    }

    /// A parameter's or running statistic's values in PyTorch's layout; empty for an unknown name.
    package func export(_ name: String) -> [Float] {
        guard let spec = specByName[name] else { return [] }
        if let parameter = parameterByName[name] { return Self.torchLayout(parameter.values, shape: spec.shape) }
        guard let state = batchNormState(ofTensor: name) else { return [] }
        switch spec.kind {
        case .runningMean: return state.runningMean.floats
        case .runningVar: return state.runningVariance.floats
        default: return [Float(state.batchesTracked)]
        }
    }

    /// A parameter's gradient in PyTorch's layout; nil where it has none.
    package func exportGradient(_ name: String) -> [Float]? {
        guard let parameter = parameterByName[name], let gradient = parameter.gradient else { return nil }
        return Self.torchLayout(gradient, shape: parameter.shape)
    }

    package func batchesTracked(_ name: String) -> Int64 { batchNormState(ofTensor: name)?.batchesTracked ?? 0 }

    private func batchNormState(ofTensor name: String) -> BatchNormState? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        return batchNormByName[String(name[..<dot])]
    }

    private static func torchLayout(_ buffer: FloatBuffer, shape: [Int]) -> [Float] {
        [Float](unsafeUninitializedCapacity: buffer.count) { result, count in
            eachElement(shape) { ours, torch in result[torch] = buffer.pointer[ours] }
            count = buffer.count
        }
    }

    /// Where each element lies here and in PyTorch: of a convolution at [tap, in, out] and [out, in, tap].
    @inline(__always)
    private static func eachElement(_ shape: [Int], _ body: (_ ours: Int, _ torch: Int) -> Void) {
        guard shape.count == 4 else { return (0..<shape.reduce(1, *)).forEach { body($0, $0) } }
        let (outputs, inputs, area) = (shape[0], shape[1], shape[2] * shape[3])
        for tap in 0..<area {
            for i in 0..<inputs {
                for o in 0..<outputs { body((tap * inputs + i) * outputs + o, (o * inputs + i) * area + tap) }
            }
        }
    }

    /// To be called after the optimizer has changed values: transformed copies of the parameters that have gradients are
    /// stale. (`load`, `initialise` and `drawHead` see to it themselves.) Pass `everything` after writing to frozen
    /// values too.
    package func weightsChanged(everything: Bool = false) {
        for parameter in parameters where everything || parameter.gradient != nil { parameter.generation += 1 }
    }

    /// Gives activations and scratch memory back; the next step allocates it again.
    package func releaseWorkspace() { workspace.release() }

    // MARK: Shapes

    /// One image's features at a cut; `[1, 1, featureCount]` behind the pooling, `[1, 1, classes]` behind fc.
    package func featureShape(cut: Int, imageSize: Int) -> MapShape {
        network.shape(atCut: cut, imageSize: imageSize, classes: classes)
    }

    /// The last block's output for one image, before the average pooling: 7×7 pixels of 512 channels at 224.
    func lastMapShape(imageSize: Int) -> MapShape { network.output(ofUnit: network.head - 1, imageSize: imageSize) }
}

/// What one step found: the mean loss in nats, and how many images were classified correctly.
package typealias StepOutcome = LossOutcome

/// Why a tensor was not taken.
package enum TensorError: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    case wrongCount(name: String, shape: [Int], found: Int)

    package var description: String {
        switch self {
        case .unknown(let name): "\(name): ResNet18 has no tensor of this name."
        case .wrongCount(let name, let shape, let found):
            "\(name): expected shape \(shape), \(shape.reduce(1, *)) values; found \(found)."
        }
    }
}
