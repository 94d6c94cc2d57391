import Support

/// A trained ResNet of basic blocks as an ONNX model: `images` [batch, 3, size, size] in, `logits` and `probabilities`
/// [batch, classes] out.
///
/// Every BatchNorm is folded into the convolution before it, in float64:  w′ = w · γ/√(σ² + ε),  b′ = β − μ · γ/√(σ² + ε).
package enum OnnxFile {
    /// A basic block under torchvision's names, `layer2.0` for example; `stride` is that of its first convolution. Channels
    /// and kernels are read from the tensors' shapes, and whether it has a `downsample` from the tensors' names.
    package typealias Block = (name: String, stride: Int)

    /// Writes atomically. `metadata` goes into the model's own metadata, where onnxruntime hands it out.
    ///
    /// Throws `CheckpointError.damaged` where a tensor is missing, `FileError.cannotWrite` where the file cannot be written.
    package static func write(
        _ checkpoint: Checkpoint, blocks: [Block], imageSize: Int, version: String, metadata: [(String, String)],
        to path: String
    ) throws {
        let bytes = try model(checkpoint, blocks: blocks, imageSize: imageSize, version: version, metadata: metadata)
        try AtomicFile.write(bytes, to: path)
    }

    static func model(
        _ checkpoint: Checkpoint, blocks: [Block], imageSize: Int, version: String, metadata: [(String, String)]
    ) throws -> [UInt8] {
        var builder = OnnxBuilder(checkpoint: checkpoint)
        var map = try builder.convolution("conv1", "bn1", "images", stride: 2, rectifies: true)
        map = builder.graph.node(
            "MaxPool", [map], output: "maxpool",
            attributes: [
                ("kernel_shape", .integers([3, 3])), ("pads", .integers([1, 1, 1, 1])), ("strides", .integers([2, 2])),
            ])
        for (name, stride) in blocks {
            let first = try builder.convolution(name + ".conv1", name + ".bn1", map, stride: stride, rectifies: true)
            let second = try builder.convolution(name + ".conv2", name + ".bn2", first, stride: 1, rectifies: false)
            let shortcut = name + ".downsample"
            if checkpoint[shortcut + ".0.weight"] != nil {
                map = try builder.convolution(shortcut + ".0", shortcut + ".1", map, stride: stride, rectifies: false)
            }
            let sum = builder.graph.node("Add", [second, map], output: name + ".sum")
            map = builder.graph.node("Relu", [sum], output: name)
        }
        let pooled = builder.graph.node("GlobalAveragePool", [map], output: "avgpool")
        let flat = builder.graph.node("Flatten", [pooled], output: "features", attributes: [("axis", .integer(1))])
        let weight = try builder.tensor("fc.weight", rank: 2)
        let bias = try builder.tensor("fc.bias", rank: 1)
        let classes = weight.shape[0]
        let logits = builder.graph.node(
            "Gemm",
            [
                flat, try builder.graph.weights("fc.weight", shape: weight.shape, weight.floats()),
                try builder.graph.weights("fc.bias", shape: bias.shape, bias.floats()),
            ], output: "logits", attributes: [("transB", .integer(1))])
        _ = builder.graph.node("Softmax", [logits], output: "probabilities", attributes: [("axis", .integer(1))])
        return builder.graph.model(
            name: "resnet18", producerVersion: version,
            inputs: [("images", [.named("batch"), .fixed(3), .fixed(imageSize), .fixed(imageSize)])],
            outputs: [
                ("logits", [.named("batch"), .fixed(classes)]), ("probabilities", [.named("batch"), .fixed(classes)]),
            ],
            metadata: metadata)
    }
}

private struct OnnxBuilder {
    let checkpoint: Checkpoint
    var graph = OnnxGraph()

    /// BatchNorm's ε.
    private static let epsilon = 1e-5

    private func damaged(_ problem: String) -> CheckpointError { .damaged(file: checkpoint.path, problem: problem) }

    func tensor(_ name: String, rank: Int) throws -> StoredTensor {
        guard let tensor = checkpoint[name], tensor.shape.count == rank else {
            throw damaged("the tensor '\(name)' is missing or has not \(rank) dimensions")
        }
        return tensor
    }

    /// The convolution `name` of the node `input` with its BatchNorm folded in, and ReLU where wanted.
    mutating func convolution(
        _ name: String, _ batchNorm: String, _ input: String, stride: Int, rectifies: Bool
    ) throws -> String {
        let kernel = try tensor(name + ".weight", rank: 4)
        let outputs = kernel.shape[0]
        let taps = kernel.shape[1...].reduce(1, *)
        func channels(_ suffix: String) throws -> [Float] {
            let tensor = try tensor("\(batchNorm).\(suffix)", rank: 1)
            guard tensor.count == outputs else { throw damaged("'\(batchNorm).\(suffix)' has not \(outputs) elements") }
            return try tensor.floats()
        }
        var weights = try kernel.floats()
        let (gamma, beta) = try (channels("weight"), channels("bias"))
        let (mean, variance) = try (channels("running_mean"), channels("running_var"))
        var bias = [Float](repeating: 0, count: outputs)
        for output in 0..<outputs {
            let scale = Double(gamma[output]) / (Double(variance[output]) + Self.epsilon).squareRoot()
            for tap in 0..<taps { weights[output * taps + tap] = Float(Double(weights[output * taps + tap]) * scale) }
            bias[output] = Float(Double(beta[output]) - Double(mean[output]) * scale)
        }
        let (height, width) = (kernel.shape[2], kernel.shape[3])
        let convolved = graph.node(
            "Conv",
            [
                input, graph.weights(name + ".folded.weight", shape: kernel.shape, weights),
                graph.weights(name + ".folded.bias", shape: [outputs], bias),
            ],
            output: name,
            attributes: [
                ("kernel_shape", .integers([height, width])),
                ("pads", .integers([height / 2, width / 2, height / 2, width / 2])),
                ("strides", .integers([stride, stride])),
            ])
        return rectifies ? graph.node("Relu", [convolved], output: name + ".relu") : convolved
    }
}
