import Checkpoints
import Foundation
import Support
import Testing

func fixturePath(_ name: String) throws -> String {
    try #require(Bundle.module.url(forResource: "Fixtures/" + name, withExtension: nil)).path
}

/// What `values(...)` of generate.py makes.
private func ramp(_ count: Int) -> [Float] { (0..<count).map { Float($0) / 8 - 1 } }

/// Why the file is refused; nil where it is opened.
private func refusal(_ path: String) -> CheckpointError? {
    do throws(CheckpointError) {
        _ = try Checkpoint.open(path)
        return nil
    } catch {
        return error
    }
}

@Suite struct CheckpointTests {
    @Test(arguments: ["zip.pth", "legacy.pth", "plain.safetensors", "wrapped.pth", "backbone.pth"])
    func `every container gives the same tensors, whatever their strides, offsets and types`(_ name: String) throws {
        let checkpoint = try Checkpoint.open(fixturePath(name))
        func floats(_ key: String) throws -> [Float] { try #require(checkpoint[key]).floats() }
        #expect(try floats("conv") == ramp(24))
        // Strides that are dropped would scramble these two.
        #expect(try floats("channels_last") == ramp(24))
        let transposed = ramp(15)
        #expect(try floats("transposed") == (0..<5).flatMap { column in (0..<3).map { transposed[$0 * 5 + column] } })
        #expect(checkpoint["transposed"]?.shape == [5, 3])
        let base = ramp(24)
        #expect(try floats("row") == Array(base[12..<18]))
        #expect(try floats("column") == [base[1], base[7], base[13], base[19]])
        for key in ["half", "bfloat16", "double"] { #expect(try floats(key) == ramp(6), "\(key)") }
        #expect(try floats("parameter") == ramp(4))
        #expect(try checkpoint["tracked"]?.integers() == [7])
        #expect(checkpoint["tracked"]?.shape == [])
        #expect(try floats("empty").isEmpty)
        #expect(checkpoint["empty"]?.shape == [0, 3])
    }

    @Test func `the tar container of the first PyTorch is read, views included`() throws {
        let checkpoint = try Checkpoint.open(fixturePath("tar.pth"))
        #expect(checkpoint.format == .torchTar)
        let base = ramp(24)
        #expect(try checkpoint["plain"]?.floats() == base)
        #expect(try checkpoint["turned"]?.floats() == (0..<6).flatMap { c in (0..<4).map { base[$0 * 6 + c] } })
        #expect(try checkpoint["view"]?.floats() == [base[5], base[7], base[9]])
    }

    @Test func `wrappings and prefixes are taken off and said`() throws {
        #expect(try Checkpoint.open(fixturePath("wrapped.pth")).notes.joined().contains("module."))
        #expect(try Checkpoint.open(fixturePath("wrapped.pth")).notes.joined().contains("state_dict"))
        #expect(try Checkpoint.open(fixturePath("backbone.pth")).notes.joined().contains("backbone."))
    }

    @Test(arguments: [("evil.pth", "system"), ("evil_legacy.pth", "eval"), ("evil_getattr.pth", "getattr")])
    func `a file that asks to run something is refused by name`(_ name: String, _ asks: String) throws {
        let path = try fixturePath(name)
        let error = refusal(path)
        guard case .unsafe(_, let asked)? = error else {
            Issue.record("\(name): \(String(describing: error))")
            return
        }
        #expect(asked.contains(asks))
    }

    @Test func `a pickled module is refused with what to save instead`() throws {
        let path = try fixturePath("module.pth")
        #expect(refusal(path)?.description.contains("state_dict()") == true)
    }

    @Test(arguments: ["zip.pth", "legacy.pth", "tar.pth", "plain.safetensors"])
    func `a file cut at any length is refused or read, never a trap`(_ name: String) throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: fixturePath(name)))
        let path = NSTemporaryDirectory() + "/cut-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for length in stride(from: 0, to: whole.count, by: name == "tar.pth" ? 7 : 1) {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            // The padding at a tar's end may go; everything else must be missed.
            if name == "tar.pth" {
                try? readAll(path)
            } else {
                #expect(throws: CheckpointError.self, "\(length)") { try readAll(path) }
            }
        }
    }

    @Test(arguments: ["zip.pth", "legacy.pth", "tar.pth", "plain.safetensors"])
    func `no changed byte makes it trap or read outside`(_ name: String) throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: fixturePath(name)))
        let path = NSTemporaryDirectory() + "/flip-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for position in whole.indices {
            // Padding is changed in a few places only, the rest in each.
            guard whole[position] != 0 || position % 16 == 0 else { continue }
            var spoiled = whole
            spoiled[position] ^= [0xFF, 0x01, 0x80][position % 3]
            try spoiled.write(to: URL(fileURLWithPath: path))
            try? readAll(path)
        }
    }

    @Test func `nesting without end is released without overflowing the stack`() throws {
        // A million one-element tuples around one another, and lists that hold one another.
        let pickle: [UInt8] =
            [0x80, 2, UInt8(ascii: "N")] + [UInt8](repeating: 0x85, count: 1_000_000) + [UInt8(ascii: ".")]
        var lists: [UInt8] = [0x80, 2, UInt8(ascii: "]"), UInt8(ascii: "q"), 0]
        for _ in 0..<200_000 { lists += [UInt8(ascii: "]"), 0x94] }
        lists += [UInt8](repeating: UInt8(ascii: "a"), count: 200_000) + [UInt8(ascii: ".")]
        for bytes in [pickle, lists] {
            let path = NSTemporaryDirectory() + "/deep-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: path) }
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
        }
    }

    @Test func `what is no checkpoint is named for what it seems to be`() throws {
        let path = NSTemporaryDirectory() + "/other-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for (bytes, word) in [
            (Data(), "empty"), (Data("<!DOCTYPE html>".utf8), "web page"), (Data([0x1F, 0x8B, 8, 0]), "gzip"),
            (Data("version https://git-lfs.github.com/spec/v1\n".utf8), "git-lfs"),
            (Data([0xFF, 0xD8, 0xFF, 0xE0]), "JPEG"),
        ] {
            try bytes.write(to: URL(fileURLWithPath: path))
            let message = refusal(path)?.description ?? "it was opened"
            #expect(message.contains(word) && message.contains(path), "\(message)")
        }
        #expect(throws: CheckpointError.self) { try Checkpoint.open(NSTemporaryDirectory()) }
        #expect(throws: CheckpointError.self) { try Checkpoint.open("/dev/null") }
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path + "-is-not-there") }
    }

    private func readAll(_ path: String) throws {
        for tensor in try Checkpoint.open(path).tensors {
            _ = try tensor.floats()
            _ = try? tensor.integers()
        }
    }
}

@Suite struct SafetensorsTests {
    private func open(header: String, data: [UInt8] = [], length: UInt64? = nil) throws -> Checkpoint {
        let path = NSTemporaryDirectory() + "/st-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
        bytes += Data(header.utf8) + Data(data)
        try bytes.write(to: URL(fileURLWithPath: path))
        return try Checkpoint.open(path)
    }

    @Test func `scalars, empty tensors and unaligned data are legal`() throws {
        let checkpoint = try open(
            header:
                #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"s":{"dtype":"F32","shape":[],"data_offsets":[1,5]},"e":{"dtype":"F32","shape":[0],"data_offsets":[5,5]}}"#,
            data: [9, 0, 0, 128, 63])
        #expect(try checkpoint["s"]?.floats() == [1])
        #expect(try checkpoint["a"]?.integers() == [9])
    }

    @Test(arguments: [
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,
        #"{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[1]}}"#, #"{"a":[]}"#, #"{"a":"#,
        #"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#,
        #"{}"#,
    ])
    func `a header that breaks the format's rules is refused`(_ header: String) {
        #expect(throws: CheckpointError.self) { try open(header: header, data: [0, 0, 0, 0]) }
    }

    @Test func `a header longer than the file is refused`() {
        #expect(throws: CheckpointError.self) { try open(header: "{}", length: 1000) }
        #expect(throws: CheckpointError.self) { try open(header: "{}", length: .max) }
    }

    @Test func `what is written is read again, metadata too`() throws {
        let path = NSTemporaryDirectory() + "/written-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let odd = "a \"b\" \\ \u{1} ü"
        try SafetensorsWriter.write(
            [
                .init(name: "w", shape: [2, 3], data: .floats([1, 2, 3, 4, 5, 6])),
                .init(name: "n", shape: [], data: .integers([-7])),
                .init(name: odd, shape: [3], data: .bytes([1, 2, 3])),
            ], metadata: ["format": "pt", odd: odd], to: path)
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.tensors.map(\.name) == ["w", "n", odd])
        #expect(try checkpoint["w"]?.floats() == [1, 2, 3, 4, 5, 6])
        #expect(try checkpoint["n"]?.integers() == [-7])
        #expect(checkpoint.metadata == ["format": "pt", odd: odd])
    }

    @Test func `a failed save leaves the last good file and no temporary`() throws {
        let folder = NSTemporaryDirectory() + "/full-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/w.safetensors"
        try SafetensorsWriter.write([.init(name: "w", shape: [1], data: .floats([1]))], to: path)
        #expect(throws: FileError.self) {
            try SafetensorsWriter.write([.init(name: "w", shape: [2], data: .floats([1]))], to: path)
        }
        // A folder in the way of the rename is a failure that also the superuser meets.
        #expect(throws: FileError.self) {
            try SafetensorsWriter.write([.init(name: "w", shape: [1], data: .floats([2]))], to: folder)
        }
        #expect(throws: FileError.self) { try AtomicFile.write([1], to: folder + "/no/such/place") }
        #expect(try Checkpoint.open(path)["w"]?.floats() == [1])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["w.safetensors"])
        #expect(
            try !FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory()).contains {
                $0.hasSuffix(".part") && $0.hasPrefix("full-")
            })
    }
}

@Suite struct CheckpointFitTests {
    private let wanted = [
        TensorExpectation(name: "w", shape: [2, 3]), TensorExpectation(name: "b", shape: [2]),
        TensorExpectation(name: "n", shape: [], isOptional: true),
    ]

    private func checkpoint(_ entries: [SafetensorsWriter.Entry]) throws -> Checkpoint {
        let path = NSTemporaryDirectory() + "/fit-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try SafetensorsWriter.write(entries, to: path)
        return try Checkpoint.open(path)
    }

    @Test func `missing, extra, misshapen and broken tensors are listed with the expected shape`() throws {
        let good = try checkpoint([
            .init(name: "w", shape: [2, 3], data: .floats([0, 0, 0, 0, 0, 0])),
            .init(name: "b", shape: [2], data: .floats([0, 0])),
        ])
        #expect(good.fit(to: wanted).fits)
        let bad = try checkpoint([
            .init(name: "w", shape: [3, 2], data: .floats([0, 0, 0, 0, 0, 0])),
            .init(name: "x", shape: [1], data: .floats([0])),
        ]).fit(to: wanted)
        #expect(!bad.fits)
        let report = bad.report().joined(separator: "\n")
        #expect(report.contains("w has the shape [3, 2], expected [2, 3]"))
        #expect(report.contains("b is missing, expected the shape [2]"))
        #expect(report.contains("x is not part"))
        let broken = try checkpoint([
            .init(name: "w", shape: [2, 3], data: .floats([0, .nan, 0, 0, 0, 0])),
            .init(name: "b", shape: [2], data: .floats([0, 0])),
        ])
        #expect(broken.fit(to: wanted).nonFinite == ["w"])
    }

    @Test func `a changed byte changes the content hash, wherever it is`() {
        var bytes = [UInt8](repeating: 7, count: 1001)
        let before = bytes.withUnsafeBytes { ContentHash.of($0) }
        for position in [0, 1, 31, 32, 500, 999, 1000] {
            bytes[position] ^= 1
            #expect(bytes.withUnsafeBytes { ContentHash.of($0) } != before)
            bytes[position] ^= 1
        }
        #expect(bytes.withUnsafeBytes { ContentHash.of($0) } == before)
    }
}
