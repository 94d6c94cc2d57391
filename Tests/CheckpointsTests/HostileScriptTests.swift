import Foundation
import FuzzSupport
import Testing

@testable import Checkpoints

/// Pickles of TorchScript archives that no library writes, and what trainers keep beside the weights.
@Suite struct HostileScriptTests {
    private typealias Builder = PickleBuilder

    /// A TorchScript archive around a pickle, with one storage of 24 floats.
    private func script(_ object: [UInt8], constants: Bool = true) throws -> [UInt8] {
        var file: [UInt8] = []
        var writer = ZipWriter()
        var entries = [
            ("a/data.pkl", Builder.start + object + Builder.stop), ("a/data/0", [UInt8](repeating: 0, count: 96)),
        ]
        if constants { entries.append(("a/constants.pkl", Builder.start + Array(").".utf8))) }
        for (name, bytes) in entries { try bytes.withUnsafeBytes { try writer.add(name, $0) { file += $0 } } }
        try writer.finish { file += $0 }
        return file
    }

    /// Makes a module of the attributes, as torch.jit.save does.
    private func module(_ attributes: [UInt8]) -> [UInt8] {
        Builder.global("__torch__.net", "Net") + Array(")".utf8) + [0x81] + attributes + Array("b".utf8)
    }

    private let tensor = PickleBuilder.tensor(shape: [24], strides: [1])

    @Test func `a module in a module is read`() throws {
        let inner = module(Builder.dictionary([("weight", tensor), ("training", [0x88])]))
        let bytes = try script(module(Builder.dictionary([("conv", inner), ("bias", tensor)])))
        let path = NSTemporaryDirectory() + "/script-\(UUID().uuidString)"
        defer { unlink(path) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(try Checkpoint.open(path).tensors.map(\.name).sorted() == ["bias", "conv.weight"])
    }

    @Test func `classes of a program are known in a program only, and nothing else with them`() throws {
        let object = module(Builder.dictionary([("weight", tensor)]))
        #expect(try refusal(of: script(object)) == nil)
        guard case .unsafe(_, "__torch__.net.Net")? = try refusal(of: script(object, constants: false)) else {
            Issue.record("a class of a program was taken in a state dict")
            return
        }
        for (module, name) in [("os", "system"), ("torch.jit", "load"), ("torch.jit._pickle", "eval")] {
            let call = Builder.global(module, name) + Builder.tuple([Builder.text("true")]) + Array("R".utf8)
            guard case .unsafe? = try refusal(of: script(self.module(Builder.dictionary([("w", call)])))) else {
                Issue.record("\(module).\(name) was not refused")
                continue
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `modules that share or hold one another are refused in time`() throws {
        // Ten times the same, thirty levels deep.
        var shared = module(Builder.dictionary([("w", tensor)])) + [0x94]
        for level in 0..<30 {
            let recalled = Array("h".utf8) + [UInt8(level)]
            shared += module(Builder.dictionary((0..<10).map { ("m\($0)", recalled) })) + [0x94]
        }
        let opened = Builder.global("__torch__", "Net") + Array(")".utf8) + [0x81, 0x94]
        let itself = opened + Builder.dictionary([("m", Array("h\0".utf8)), ("w", tensor)]) + Array("b".utf8)
        let name = String(repeating: "n", count: 600)
        let long = module(Builder.dictionary([(name, module(Builder.dictionary([(name, tensor)])))]))
        for object in [shared, itself, long] {
            let message = try refusal(of: script(object))?.description ?? "opened"
            #expect(message.contains("nests more modules"), "\(message)")
        }
        #expect(ProcessMemory.peak < 3 << 30)
    }

    @Test func `a module without attributes, or with nonsense for them, holds nothing`() throws {
        for attributes in [[UInt8](), Builder.number(1), Builder.tuple([1])] {
            let object = attributes.isEmpty ? module(Builder.dictionary([])) : module(attributes)
            #expect(try refusal(of: script(object)) != nil)
        }
    }

    @Test func `arguments, paths and numbers beside the weights are passed over`() throws {
        let build = Builder.dictionary([("lr", Builder.number(1))]) + Array("b".utf8)
        let call = Array("R".utf8)
        let beside: [[UInt8]] = [
            Builder.global("argparse", "Namespace") + Array(")".utf8) + [0x81] + build,
            Builder.global("pathlib", "PosixPath") + Builder.tuple([Builder.text("/etc/passwd")]) + call,
            Builder.global("collections", "defaultdict") + Builder.tuple([Builder.global("builtins", "list")]) + call
                + Array("(".utf8) + Builder.text("a") + Builder.number(1) + Array("u".utf8),
            Builder.global("fastcore.foundation", "L") + Array(")".utf8) + [0x81] + Builder.number(1) + Array("a".utf8),
            Builder.global("torch", "float32"),
            Builder.global("numpy._core.multiarray", "scalar")
                + Builder.tuple([
                    Builder.global("numpy", "dtype") + Builder.tuple([Builder.text("f8")]) + call,
                    Builder.global("_codecs", "encode") + Builder.tuple([Builder.text("x"), Builder.text("latin1")])
                        + call,
                ]) + call,
        ]
        for object in beside {
            let weights = Builder.dictionary([("w", Builder.tensor(shape: [4, 6], strides: [6, 1]))])
            #expect(
                try refusal(of: Builder.legacy(Builder.dictionary([("state_dict", weights), ("x", object)]))) == nil)
            // It is no weight.
            #expect(try refusal(of: Builder.legacy(Builder.dictionary([("w", object)]))) != nil)
            #expect(try refusal(of: Builder.legacy(object)) != nil)
        }
    }
}
