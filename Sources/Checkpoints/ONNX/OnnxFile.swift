import Checkpoints
import Model

/// A trained ResNet18 as an ONNX model: `images` [batch, 3, size, size] in, `logits` and `probabilities` [batch, classes] out.
///
/// Every BatchNorm is folded into the convolution before it, in float64:  w′ = w · γ/√(σ² + ε),  b′ = β − μ · γ/√(σ² + ε).
package enum OnnxFile {
    /// Writes atomically. `metadata` goes into the model's own metadata, where onnxruntime hands it out.
    ///
    /// Throws `CheckpointError.damaged` where a tensor is missing, `.cannotWrite` where the file cannot be written.
    package static func write(
        _ checkpoint: Checkpoint, classes: Int, imageSize: Int, version: String, metadata: [(String, String)],
        to path: String
    ) throws {
        let bytes = try model(
            checkpoint, classes: classes, imageSize: imageSize, version: version, metadata: metadata)
        try AtomicFile.write(bytes, to: path)
    }

    private static let epsilon = 1e-5

    static func model(
        _ checkpoint: Checkpoint, classes: Int, imageSize: Int, version: String, metadata: [(String, String)]
    ) throws -> [UInt8] {
        var builder = Builder(checkpoint: checkpoint)
        var map = try builder.convolution(ResNet18Layout.stem, "images", rectifies: true)
        map = builder.graph.node(
            "MaxPool", [map], output: "maxpool",
            attributes: [
                ("kernel_shape", .integers([3, 3])), ("pads", .integers([1, 1, 1, 1])), ("strides", .integers([2, 2])),
            ])
        for block in ResNet18Layout.blocks {
            let first = try builder.convolution(block.first, map, rectifies: true)
            let second = try builder.convolution(block.second, first, rectifies: false)
            let shortcut = try block.downsample.map { try builder.convolution($0, map, rectifies: false) } ?? map
            let sum = builder.graph.node("Add", [second, shortcut], output: block.name + ".sum")
            map = builder.graph.node("Relu", [sum], output: block.name)
        }
        let pooled = builder.graph.node("GlobalAveragePool", [map], output: "avgpool")
        let flat = builder.graph.node("Flatten", [pooled], output: "features", attributes: [("axis", .integer(1))])
        let weight = try builder.graph.weights(
            "fc.weight", shape: [classes, ResNet18Layout.featureCount], builder.floats("fc.weight"))
        let bias = try builder.graph.weights("fc.bias", shape: [classes], builder.floats("fc.bias"))
        let logits = builder.graph.node(
            "Gemm", [flat, weight, bias], output: "logits", attributes: [("transB", .integer(1))])
        _ = builder.graph.node("Softmax", [logits], output: "probabilities", attributes: [("axis", .integer(1))])
        return builder.graph.model(
            name: "resnet18", producerVersion: version,
            inputs: [("images", [.named("batch"), .fixed(3), .fixed(imageSize), .fixed(imageSize)])],
            outputs: [
                ("logits", [.named("batch"), .fixed(classes)]), ("probabilities", [.named("batch"), .fixed(classes)]),
            ],
            metadata: metadata)
    }

    private struct Builder {
        let checkpoint: Checkpoint
        var graph = OnnxGraph()

        func floats(_ name: String) throws -> [Float] {
            guard let tensor = checkpoint[name] else {
                throw CheckpointError.damaged(file: checkpoint.path, problem: "the tensor '\(name)' is missing")
            }
            return try tensor.floats()
        }

        /// conv(x) with its BatchNorm folded in, and ReLU where wanted.
        mutating func convolution(
            _ unit: ResNet18Layout.ConvolutionUnit, _ input: String, rectifies: Bool
        ) throws -> String {
            var weights = try floats(unit.convolution + ".weight")
            let gamma = try floats(unit.batchNorm + ".weight")
            let beta = try floats(unit.batchNorm + ".bias")
            let mean = try floats(unit.batchNorm + ".running_mean")
            let variance = try floats(unit.batchNorm + ".running_var")
            let taps = unit.inputs * unit.kernel * unit.kernel
            guard weights.count == unit.outputs * taps,
                [gamma, beta, mean, variance].allSatisfy({ $0.count == unit.outputs })
            else {
                throw CheckpointError.damaged(
                    file: checkpoint.path, problem: "'\(unit.convolution)' has another shape than ResNet18's")
            }
            var bias = [Float](repeating: 0, count: unit.outputs)
            for output in 0..<unit.outputs {
                let scale = Double(gamma[output]) / (Double(variance[output]) + OnnxFile.epsilon).squareRoot()
                for tap in 0..<taps {
                    weights[output * taps + tap] = Float(Double(weights[output * taps + tap]) * scale)
                }
                bias[output] = Float(Double(beta[output]) - Double(mean[output]) * scale)
            }
            let shape = [unit.outputs, unit.inputs, unit.kernel, unit.kernel]
            let name = unit.convolution
            let padding = unit.kernel / 2
            let convolved = graph.node(
                "Conv",
                [
                    input, graph.weights(name + ".folded.weight", shape: shape, weights),
                    graph.weights(name + ".folded.bias", shape: [unit.outputs], bias),
                ],
                output: name,
                attributes: [
                    ("kernel_shape", .integers([unit.kernel, unit.kernel])),
                    ("pads", .integers([padding, padding, padding, padding])),
                    ("strides", .integers([unit.stride, unit.stride])),
                ])
            return rectifies ? graph.node("Relu", [convolved], output: name + ".relu") : convolved
        }
    }
}
