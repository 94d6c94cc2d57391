import Checkpoints
import Foundation
import FuzzSupport
import Testing

/// Opens bytes as a file, reads every tensor, and gives the error, or nil.
func refusal(of bytes: [UInt8]) throws -> CheckpointError? {
    let path = NSTemporaryDirectory() + "/hostile-\(UUID().uuidString)"
    defer { unlink(path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do throws(CheckpointError) {
        let checkpoint = try Checkpoint.open(path)
        for tensor in checkpoint.tensors where tensor.count < 1 << 16 { _ = try? tensor.floats() }
        return nil
    } catch {
        #expect("\(error)".hasPrefix(path), "\(error)")
        return error
    }
}

/// Pickles that lie, ask for code, or grow: each is refused by name, in bounded time and memory.
@Suite struct HostilePickleTests {
    private typealias Builder = PickleBuilder

    /// A tensor's description that contradicts the 24 elements of its storage, and what the error says.
    static let wrongTensors: [(offset: Int, shape: [Int], strides: [Int], mention: String)] = [
        (-1, [1], [1], "negative"), (0, [-1], [1], "negative"), (0, [2], [-1], "negative"),
        (24, [1], [1], "reaches element 24"), (0, [25], [1], "reaches element 24"), (20, [5], [1], "reaches element"),
        (0, [2], [24], "reaches element 24"), (0, [4, 6], [6, 2], "reaches element"),
        (.max, [1], [1], "reaches element"), (.max, [2], [1], "larger than any memory"),
        (1 << 62, [2], [1 << 62], "larger than any memory"), (0, [3], [.max], "larger than any memory"),
        (0, [1 << 32, 1 << 32], [0, 0], "larger than any memory"),
        (0, [.max, .max], [1, 1], "larger than any memory"),
        (0, [1 << 40], [0], "larger than any memory"), (0, [2, 3], [3], "strides"), (0, [], [1], "strides"),
        (.min, [1], [1], "negative"), (0, [.min], [0], "negative"),
    ]

    @Test(arguments: wrongTensors) func `offsets, shapes and strides that reach outside are refused by name`(
        _ wrong: (offset: Int, shape: [Int], strides: [Int], mention: String)
    ) throws {
        for function in ["_rebuild_tensor", "_rebuild_tensor_v2"] {
            let tensor = Builder.tensor(
                offset: wrong.offset, shape: wrong.shape, strides: wrong.strides, function: function)
            let error = try refusal(of: Builder.legacy(Builder.dictionary([("layer.weight", tensor)])))
            let message = error?.description ?? "opened"
            #expect(message.contains("'layer.weight'") && message.contains(wrong.mention), "\(message)")
        }
    }

    @Test func `the builder's own file is read, and of a key that is there twice the last counts`() throws {
        let good = Builder.tensor(shape: [4, 6], strides: [6, 1])
        let path = NSTemporaryDirectory() + "/twice-\(UUID().uuidString)"
        defer { unlink(path) }
        let twice = Builder.dictionary([("w", good), ("w", Builder.tensor(offset: 3, shape: [2], strides: [1]))])
        try Data(Builder.legacy(twice)).write(to: URL(fileURLWithPath: path))
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.tensors.count == 1)
        #expect(try checkpoint["w"]?.floats() == [3, 4])
        #expect(try refusal(of: Builder.legacy(Builder.dictionary([("w", good)]), count: 25)) != nil)
        #expect(try refusal(of: Builder.legacy(Builder.dictionary([("w", good)]), count: -1)) != nil)
    }

    @Test(arguments: [
        ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"), ("builtins", "eval"),
        ("builtins", "exec"), ("builtins", "getattr"), ("builtins", "__import__"), ("__builtin__", "eval"),
        ("importlib", "import_module"), ("torch", "load"), ("torch.serialization", "load"), ("torch.hub", "load"),
        ("torch.storage", "_load_from_bytes"), ("torch._utils", "_rebuild_device_tensor_from_numpy"),
        ("torch._utils", "_rebuild_wrapper_subclass"), ("torch._utils", "_rebuild_sparse_tensor"),
        ("torch._utils", "_rebuild_meta_tensor_no_storage"), ("torch._tensor", "_rebuild_from_type_v2"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("torch._utils", "_import_dotted_name"),
        ("collections", "OrderedDict.__class__"), ("numpy.core.multiarray", "_reconstruct"), ("codecs", "encode"),
        ("torch.jit", "load"), ("", ""), ("torch", ""), ("torch.nn.parameter", "Parameter.__init__"),
    ]) func `a global off the list is refused by its name, whichever opcode asks`(
        _ module: String, _ name: String
    ) throws {
        let argument = Builder.tuple([Builder.text("true")]) + Array("R".utf8)
        let stacked = Builder.text(module) + Builder.text(name) + [0x93]
        for asked in [Builder.global(module, name), stacked] {
            let object = Builder.dictionary([("w", asked + argument)])
            // As a state dict, and as a pickle of its own.
            for bytes in [Builder.legacy(object), Builder.start + object + Builder.stop] {
                guard case .unsafe(_, let asks)? = try refusal(of: bytes) else {
                    Issue.record("\(module).\(name) was not refused as unsafe")
                    continue
                }
                #expect(asks == "\(module).\(name)")
            }
        }
    }

    @Test func `types that are not read are named as types, not as malice`() throws {
        for type in ["ComplexFloatStorage", "QInt8Storage", "NoSuchStorage"] {
            let tensor = Builder.tensor(shape: [1], strides: [1], storage: Builder.storage(type))
            guard
                case .unsupported(_, let found, _)? = try refusal(
                    of: Builder.legacy(Builder.dictionary([("w", tensor)])))
            else {
                Issue.record("\(type) was not refused as unsupported")
                continue
            }
            #expect(found.contains(type))
        }
    }

    @Test func `an allowed name called with nonsense is refused`() throws {
        let ordered = Builder.global("collections", "OrderedDict")
        let calls: [[UInt8]] = [
            Builder.global("torch._utils", "_rebuild_tensor_v2") + Array(")R".utf8),
            Builder.global("torch._utils", "_rebuild_parameter") + Builder.tuple([Builder.number(1)])
                + Array("R".utf8),
            Builder.global("torch", "FloatStorage") + Builder.tuple([1 << 40]) + Array("R".utf8),
            Builder.number(1) + Array(")R".utf8), ordered + Builder.number(1) + Array("R".utf8),
            Builder.tuple([1]) + Array("Q".utf8), Builder.number(7) + Builder.number(7) + Array("b".utf8),
        ]
        for call in calls {
            #expect(try refusal(of: Builder.legacy(Builder.dictionary([("w", call)]))) != nil)
        }
    }

    @Test func `opcodes that no state dict has are named`() throws {
        let known = Set(
            "cNJKMGXUTCBqrhj)t]}aesu0QRb(.".utf8 + [0x80, 0x95, 0x93, 0x88, 0x89, 0x8A, 0x8C, 0x94, 0x85, 0x86, 0x87]
                + [0x8F, 0x90, 0x81])
        for opcode in UInt8.min...UInt8.max where !known.contains(opcode) {
            let message = try refusal(of: Builder.start + [opcode] + Builder.stop)?.description ?? "opened"
            #expect(message.contains("opcode 0x\(String(opcode, radix: 16))"), "\(message)")
        }
    }

    @Test func `machines of another byte order are named`() throws {
        let object = Builder.dictionary([("w", Builder.tensor(shape: [1], strides: [1]))])
        let message = try refusal(of: Builder.legacy(object, littleEndian: false))?.description ?? "opened"
        #expect(message.contains("big-endian"))
    }

    /// Small files that ask for much.
    static let bombs: [(name: String, object: [UInt8])] = {
        // Ten times the same, thirty levels deep: a memo entry shares what it names.
        var laughs = Builder.text("ha") + [0x94]
        for level in 0..<30 {
            laughs += Array("(".utf8) + (0..<10).flatMap { _ in Array("h".utf8) + [UInt8(level)] } + Array("t".utf8)
            laughs += [0x94]
        }
        let selfish = Array("]".utf8) + [0x94] + (0..<50_000).flatMap { _ in Array("h\0a".utf8) }
        // A shape of a hundred thousand numbers that every tensor shares.
        let shape = Builder.tuple([Int](repeating: 1, count: 100_000)) + Array("q\u{1}0".utf8)
        let shared =
            Builder.global("torch._utils", "_rebuild_tensor_v2") + Array("(".utf8) + Builder.storage()
            + Builder.number(0) + Array("h\u{1}h\u{1}tR0".utf8)
        let items = Builder.tuple([[UInt8]](repeating: Builder.tuple([1, 2]), count: 1000)) + Array("q\u{2}0".utf8)
        let copies = Builder.global("collections", "OrderedDict") + Array("(h\u{2}tR".utf8)
        return [
            ("laughs", laughs), ("a list in itself", selfish),
            ("shapes", shape + (0..<20_000).flatMap { _ in shared }),
            ("copies", items + (0..<10_000).flatMap { _ in copies }),
            ("objects", [UInt8](repeating: UInt8(ascii: "}"), count: 1_000_100)),
            ("marks", [UInt8](repeating: UInt8(ascii: "("), count: 1_000_100)),
            ("a text of four gigabytes", Array("X".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]),
            ("a name without end", Array("c".utf8) + [UInt8](repeating: 0x61, count: 1 << 20)),
        ]
    }()

    @Test(.timeLimit(.minutes(1)), arguments: bombs.map(\.name))
    func `what grows while it is read is refused in time`(_ name: String) throws {
        let bomb = try #require(Self.bombs.first { $0.name == name })
        #expect(try refusal(of: Builder.start + bomb.object + Builder.stop) != nil)
        #expect(ProcessMemory.peak < 3 << 30)
    }

    @Test(arguments: ["zip.pth", "legacy.pth", "tar.pth", "plain.safetensors"])
    func `every field enlarged is read or refused, and asks for no memory`(_ name: String) throws {
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixturePath(name))))
        for (width, value) in [(4, UInt64(0xFFFF_FFFF)), (4, 0x7FFF_FFFF), (8, 0x7FFF_FFFF_FFFF_FFFF), (8, .max)] {
            for at in stride(from: 0, to: whole.count - width, by: name == "tar.pth" ? 8 : 2) {
                // Padding is left alone.
                guard whole[at..<(at + width)].contains(where: { $0 != 0 }) else { continue }
                var spoiled = whole
                let field = PickleBuilder.little(value).prefix(width)
                spoiled.replaceSubrange(at..<(at + width), with: field)
                _ = try refusal(of: spoiled)
            }
        }
        #expect(ProcessMemory.peak < 3 << 30)
    }
}
