import Support
import TrainingTestSupport
import Network
import Checkpoints
import Network
import Foundation
import Kernels
import Model
import Testing

import Training

/// ONNX files against onnxruntime, which ran the very file that is written here: `Fixtures/generate_onnx.py`.
@Suite struct OnnxTests {
    private struct Fixture: Decodable {
        let sha256: String
        /// [2, 3].
        let logits: [[Double]]
        let probabilities: [[Double]]
    }

    private static let (classes, size, batch) = (3, 32, 2)

    /// Uniform in [0, 1) with 24 bits, from integers alone, so that it is the same on every machine and in Python.
    private static func uniform(_ stream: Int, _ index: Int) -> Float {
        var z = UInt64(stream) << 32 &+ UInt64(index) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Float((z ^ (z >> 31)) >> 40) * 0x1p-24
    }

    /// All 122 tensors; statistics far from 0 and 1, so that folding them wrongly shows.
    private static let tensors: [SafetensorsWriter.Entry] = ResNet.resnet18.tensors(classes: classes).enumerated().map {
        stream, spec in
        // Near the deviation that keeps a ReLU network's maps as large as its input.
        let bound = 2 / Float(spec.shape.dropFirst().reduce(1, *)).squareRoot()
        let range: (low: Float, span: Float) =
            switch spec.kind {
            case .runningVar: (0.5, 1)
            case .runningMean: (-0.25, 0.5)
            case .batchesTracked: (0, 0)
            case .parameter where spec.shape.count == 4: (-bound, 2 * bound)
            case .parameter where spec.name == "fc.weight": (-0.0625, 0.125)
            case .parameter: spec.name.hasSuffix(".weight") ? (0.5, 0.75) : (-0.25, 0.5)
            }
        if spec.kind == .batchesTracked {
            return SafetensorsWriter.Entry(name: spec.name, shape: [], data: .integers([7]))
        }
        let values = [Float](unsafeUninitializedCapacity: spec.count) { buffer, count in
            for index in 0..<spec.count { buffer[index] = range.low + range.span * uniform(stream, index) }
            count = spec.count
        }
        return SafetensorsWriter.Entry(name: spec.name, shape: spec.shape, data: .floats(values))
    }

    private static func write(to folder: String) throws -> [UInt8] {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try SafetensorsWriter.write(tensors, to: folder + "/weights.safetensors")
        try OnnxFile.write(
            try Checkpoint.open(folder + "/weights.safetensors"),
            blocks: ResNet.resnet18.blocks.map { ($0.name, $0.first.stride) }, imageSize: size, version: "test",
            metadata: [("classes", #"["a","b","c"]"#)], to: folder + "/model.onnx")
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/model.onnx")))
    }

    /// The network's own logits for the pictures that the script makes, [batch, height, width, 3] here.
    private static func logits() throws -> [Float] {
        let model = ResNet18(classes: classes, pool: WorkerPool(threads: 2))
        for tensor in tensors {
            if case .floats(let floats) = tensor.data { try model.load(tensor.name, floats: floats) }
        }
        var images = [Float](repeating: 0, count: batch * size * size * 3)
        for image in 0..<batch {
            for channel in 0..<3 {
                for pixel in 0..<(size * size) {
                    let value = uniform(1000, (image * 3 + channel) * size * size + pixel)
                    images[(image * size * size + pixel) * 3 + channel] = value * 4 - 2
                }
            }
        }
        return model.evaluate(cut: 0, features: images, count: batch, imageSize: size)
    }

    @Test func `the file that onnxruntime ran is the one that is written, and its logits are the network's own`() throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let bytes = try Self.write(to: folder)
        if let wanted = ProcessInfo.processInfo.environment["WRITE_ONNX"] {
            try Data(bytes).write(to: URL(fileURLWithPath: wanted))
            return
        }
        let bundled = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let fixture = try JSONDecoder().decode(
            Fixture.self, from: Data(contentsOf: bundled.appendingPathComponent("onnx.json")))
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update($0) }
        #expect(
            hash.finish() == fixture.sha256,
            "another file than onnxruntime ran: run generate_onnx.py and look at what it finds")
        let own: [Double] = try Self.logits().map { Double($0) }
        let theirs: [Double] = fixture.logits.flatMap { $0 }
        try #require(own.count == theirs.count)
        let largest: Double = theirs.map { abs($0) }.max() ?? 0
        #expect(largest > 0.1)
        for (a, b) in zip(own, theirs) { #expect(abs(a - b) < 1e-4 * largest, "\(own), \(theirs)") }
        for (logits, probabilities) in zip(fixture.logits, fixture.probabilities) {
            let sum = logits.reduce(0) { $0 + exp($1) }
            for (logit, probability) in zip(logits, probabilities) {
                #expect(abs(exp(logit) / sum - probability) < 1e-5)
            }
        }
        // Two pictures that look alike to the network would prove little.
        #expect(fixture.logits.count == 2 && abs(fixture.logits[0][0] - fixture.logits[1][0]) > 0.01 * largest)
    }

    @Test func `a model's graph is ResNet18's, each node's inputs come before it, and weights have their shapes`()
        throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = try ProtobufReader(Data(try Self.write(to: folder)))
        #expect(model.integer(1) == 8 && model.text(2) == "frostline" && model.text(3) == "test")
        #expect(try model.message(8)?.integer(2) == 17)
        #expect(try model.messages(14).map { [$0.text(1), $0.text(2)] } == [["classes", #"["a","b","c"]"#]])
        let graph = try #require(try model.message(7))

        func shape(_ info: ProtobufReader) throws -> [String] {
            let tensor = try #require(try info.message(2)?.message(1))
            #expect(tensor.integer(1) == 1)
            return try #require(try tensor.message(2)).messages(1).map {
                $0.integer(1).map(String.init) ?? $0.text(2) ?? ""
            }
        }
        let (inputs, outputs) = (try graph.messages(11), try graph.messages(12))
        #expect(inputs.map { $0.text(1) } == ["images"] && outputs.map { $0.text(1) } == ["logits", "probabilities"])
        #expect(try inputs.map(shape) == [["batch", "3", "32", "32"]])
        #expect(try outputs.map(shape) == [["batch", "3"], ["batch", "3"]])

        var shapes: [String: [Int]] = [:]
        for tensor in try graph.messages(5) {
            let name = try #require(tensor.text(8))
            let dimensions = tensor.integers(1)
            shapes[name] = dimensions
            #expect(tensor.integer(2) == 1)
            #expect(tensor.data(9).first?.count == 4 * dimensions.reduce(1, *), "\(name)")
        }
        for unit in ResNet.resnet18.layers {
            let name = unit.convolution + ".folded"
            #expect(shapes[name + ".weight"] == [unit.outputs, unit.inputs, unit.kernel, unit.kernel])
            #expect(shapes[name + ".bias"] == [unit.outputs])
        }
        #expect(shapes["fc.weight"] == [3, 512] && shapes["fc.bias"] == [3] && shapes.count == 42)

        var known = Set(shapes.keys).union(["images"])
        var kinds: [String: Int] = [:]
        for node in try graph.messages(1) {
            kinds[node.text(4) ?? "", default: 0] += 1
            let (needs, makes) = (node.texts(1), node.texts(2))
            #expect(Set(needs).isSubset(of: known), "\(needs)")
            #expect(makes.count == 1 && known.isDisjoint(with: makes), "\(makes)")
            known.formUnion(makes)
            guard node.text(4) == "Conv" else { continue }
            let unit = try #require(ResNet.resnet18.layers.first { $0.convolution == makes[0] })
            let attributes = Dictionary(
                uniqueKeysWithValues: try node.messages(5).map { ($0.text(1) ?? "", $0.integers(8)) })
            #expect(attributes["strides"] == [unit.stride, unit.stride])
            #expect(attributes["kernel_shape"] == [unit.kernel, unit.kernel])
            #expect(attributes["pads"] == [Int](repeating: unit.kernel / 2, count: 4))
        }
        #expect(
            kinds == [
                "Conv": 20, "Relu": 17, "MaxPool": 1, "Add": 8, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1,
                "Softmax": 1,
            ])
        #expect(known.isSuperset(of: ["logits", "probabilities"]))
    }
}
