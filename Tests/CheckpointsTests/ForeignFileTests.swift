import Checkpoints
import Foundation
import Kernels
import Model
import Support
import Testing

@testable import Training

/// The values of Fixtures/generate_foreign.py, made again.
private struct ForeignValues {
    private static let positive = 1800
    private static let shift = 61

    /// From 0 to 1023, of a linear congruential generator.
    private static func numbers(_ count: Int) -> [Float] {
        var state = 1
        return (0..<count).map { _ in
            state = (state * 1_103_515_245 + 12345) % (1 << 31)
            return Float(state >> 16 & 1023)
        }
    }

    private static let storage = numbers(2560).enumerated().map { at, number in
        at < positive ? (number - 512) / 8192 : number / 1024 + 0.5
    }

    /// [1, 32, 32, 3].
    static let picture: [Float] = {
        let (planar, pixels) = (numbers(3 * 32 * 32), 32 * 32)
        return (0..<(3 * pixels)).map { (planar[$0 % 3 * pixels + $0 / 3] - 512) / 256 }
    }()

    private let shape: [Int]
    private let strides: [Int]
    private let offset: Int

    /// - Parameter index: the tensor's among torchvision's.
    init(of name: String, _ index: Int, _ shape: [Int], _ isAverage: Bool) {
        self.shape = shape
        strides = [1: [1], 2: [2, 1], 4: [1, 2, 3, 1]][shape.count] ?? []
        let isPositive = shape.count == 1 && (name.hasSuffix("running_var") || name.hasSuffix("weight"))
        offset = index + (isAverage ? Self.shift : 0) + (isPositive ? Self.positive : 0)
    }

    /// In the order of rows.
    var all: [Float] {
        zip(shape, strides).reduce([offset]) { places, axis in
            places.flatMap { place in (0..<axis.0).map { place + $0 * axis.1 } }
        }.map { Self.storage[$0] }
    }
}

/// What a library computed from a file that it wrote.
struct ForeignLogits: CustomTestStringConvertible {
    let file: String
    let key: String?
    let logits: [Double]
    var testDescription: String { key.map { "\(file) \($0)" } ?? file }

    static let all: [ForeignLogits] = {
        guard let path = try? fixturePath("foreign/logits.json"), let data = FileManager.default.contents(atPath: path),
            let found = try? JSONDecoder().decode([String: [Double]].self, from: data)
        else { return [] }
        return found.sorted { $0.key < $1.key }.map { name, logits in
            let parts = name.split(separator: ":").map(String.init)
            return ForeignLogits(file: parts[0], key: parts.count > 1 ? parts[1] : nil, logits: logits)
        }
    }()

    /// The file as the library wrote it: of transformers' safetensors only what stands before the values is kept.
    func path() throws -> String {
        guard file == "model.safetensors" else { return try fixturePath("foreign/" + file) }
        let header = try Data(contentsOf: URL(fileURLWithPath: fixturePath("foreign/transformers.header")))
        let places = try #require(JSON.parse(header.dropFirst(8)))
        let lines = try String(contentsOfFile: fixturePath("foreign/transformers_names.txt"), encoding: .utf8)
        var bytes = [UInt8](header)
        for line in lines.split(separator: "\n") {
            let names = line.split(separator: " ").map(String.init)
            let place = try #require(places[names[0]])
            let shape = try #require(place["shape"]?.items).compactMap(\.int)
            #expect(place["data_offsets"]?.items?.first?.int == bytes.count - header.count)
            let index = try #require(torchvisionNames.firstIndex(of: names[1]))
            if shape.isEmpty {
                withUnsafeBytes(of: Int64(7)) { bytes += $0 }
            } else {
                ForeignValues(of: names[1], index, shape, false).all.withUnsafeBytes { bytes += $0 }
            }
        }
        let path = NSTemporaryDirectory() + "/frostline-foreign-\(UUID().uuidString).safetensors"
        try AtomicFile.write(bytes, to: path)
        return path
    }

    func removeMade(_ path: String) { if file == "model.safetensors" { unlink(path) } }
}

/// Files that the libraries themselves wrote; Fixtures/generate_foreign.py has what is in them.
@Suite struct ForeignFileTests {
    /// Records where a tensor of the body, or of fc where there is one, does not have its values.
    private func expect(
        _ name: String, key: String? = nil, average: Bool = false, head: Bool = true,
        format: CheckpointFormat = .torchZip, says: [String]
    ) throws {
        let checkpoint = try Checkpoint.open(fixturePath("foreign/" + name), key: key)
        #expect(checkpoint.format == format)
        for (index, tensor) in torchvisionNames.enumerated() {
            if tensor.hasPrefix("fc."), !head {
                #expect(checkpoint[tensor] == nil)
                continue
            }
            let found = try #require(checkpoint[tensor], "\(tensor)")
            if tensor.hasSuffix("num_batches_tracked") {
                #expect(try found.integers() == [7])
            } else {
                let isRight = try found.floats() == ForeignValues(of: tensor, index, found.shape, average).all
                #expect(isRight, "\(tensor)")
            }
        }
        #expect(checkpoint["conv1.weight"]?.shape == [64, 3, 7, 7])
        if head { #expect(checkpoint["fc.weight"]?.shape == [3, 512]) }
        let notes = checkpoint.notes.joined(separator: "\n")
        for part in says { #expect(notes.contains(part), "\(notes)") }
    }

    @Test func `timm's checkpoints give the average, and the other weights where they are asked for`() throws {
        try expect(
            "timm_ema.pth", average: true,
            says: ["average (EMA) under 'state_dict_ema'", "--checkpoint-key state_dict"])
        try expect("timm_ema.pth", key: "state_dict", says: ["under 'state_dict', as --checkpoint-key asks"])
        try expect("timm_ema.pth", key: "state_dict_ema", average: true, says: ["under 'state_dict_ema', as"])
    }

    @Test func `torchvision's training and torch's AveragedModel give the average`() throws {
        try expect(
            "references_ema.pth", average: true, says: ["'model_ema'", "--checkpoint-key model", "AveragedModel"])
        try expect("references_ema.pth", key: "model", says: ["under 'model'"])
        try expect("averaged.pth", average: true, says: ["'module.'", "AveragedModel"])
    }

    @Test func `Lightning's and fastai's checkpoints give the network in them`() throws {
        try expect("lightning.ckpt", says: ["under 'state_dict'", "'backbone.'"])
        try expect(
            "lightning_ema.ckpt", average: true, says: ["average (EMA) under 'state_dict'", "current_model_state"])
        try expect("lightning_ema.ckpt", key: "current_model_state", says: ["'backbone.'"])
        try expect("fastai.pth", says: ["under 'model'"])
        try expect("fastai_vision.pth", head: false, says: ["the prefix '0.'", "numbers", "is left out"])
    }

    @Test func `an fc in a Sequential, and a Sequential of everything`() throws {
        try expect("fc_sequential.pth", says: ["'fc.1' is taken for fc"])
        try expect("fc_deep.pth", head: false, says: ["'fc.0', 'fc.2'"])
        try expect("sequential_body.pth", head: false, says: ["numbers"])
        try expect("sequential_whole.pth", says: ["numbers", "'10' is taken for fc"])
        try expect("sequential_split.pth", says: ["the prefix '0.'", "'1' is taken for fc"])
    }

    @Test func `programs give their weights`() throws {
        try expect("script.pt", format: .torchScript, says: ["TorchScript", "neither read nor run"])
        try expect("trace.pt", format: .torchScript, says: ["TorchScript", "neither read nor run"])
        try expect("exported.pt2", format: .torchExport, says: ["exported program", "neither read nor run"])
    }

    @Test func `pytorch_model.bin of transformers is read`() throws {
        try expect("pytorch_model.bin", says: ["'resnet.'", "Hugging Face"])
    }

    @Test(arguments: ForeignLogits.all)
    func `the network gives the logits that the library gave`(_ judged: ForeignLogits) throws {
        let path = try judged.path()
        defer { judged.removeMade(path) }
        let checkpoint = try WeightFiles.open(path, key: judged.key)
        let model = ResNet18(classes: 3, pool: WorkerPool(threads: 1))
        // Where the library's head is no layer that ResNet18 has, its body was judged with the fc of the other files.
        let isBody = ["fc_deep.pth", "sequential_body.pth", "fastai_vision.pth"].contains(judged.file)
        let keeps = try WeightFiles.fill(model, from: checkpoint, head: isBody ? .automatic : .keep, seed: 0)
        #expect(keeps == !isBody)
        if isBody {
            for spec in model.specs where spec.name.hasPrefix("fc.") {
                let index = try #require(torchvisionNames.firstIndex(of: spec.name))
                try model.load(spec.name, floats: ForeignValues(of: spec.name, index, spec.shape, false).all)
            }
            model.weightsChanged()
        }
        let found = model.evaluate(cut: 0, features: ForeignValues.picture, count: 1, imageSize: 32)
        #expect(found.count == judged.logits.count)
        // Moving one tensor's values by a place changes them by 1e-4 at least.
        for (ours, theirs) in zip(found, judged.logits) { #expect(abs(Double(ours) - theirs) < 1e-6) }
    }

    @Test func `a frozen program is refused with what to save instead`() throws {
        let path = try fixturePath("foreign/script_frozen.pt")
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
        #expect(error?.description.contains("torch.jit.freeze") == true)
    }

    @Test(arguments: [
        ("foreign/timm_ema.pth", "it has 'state_dict', 'state_dict_ema'."),
        ("foreign/lightning.ckpt", "it has 'state_dict', 'backbone'."),
        ("foreign/script.pt", "leave that option out"), ("foreign/exported.pt2", "leave that option out"),
        ("foreign/averaged.pth", "it has 'module'."), ("plain.safetensors", "leave that option out"),
    ])
    func `a key that is not there is answered with those that are`(_ name: String, _ mention: String) throws {
        let path = try fixturePath(name)
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path, key: "weights_of_mine") }
        let message = error?.description ?? ""
        #expect(
            message.hasPrefix(path) && message.contains("'weights_of_mine'") && message.contains(mention), "\(message)")
    }
}
