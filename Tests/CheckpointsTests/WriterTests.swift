import Foundation
import Support
import Testing

import Checkpoints

/// Files that go out: what they hold comes back the same, and nothing half-written is ever left.
@Suite struct WriterTests {
    private func temporary(_ name: String) -> String {
        NSTemporaryDirectory() + "/frostline-writer-\(UUID().uuidString)-\(name)"
    }

    private let entries = [
        SafetensorsWriter.Entry(name: "a.weight", shape: [2, 3], data: .floats([1, -2.5, 3, .pi, 0, 1e-30])),
        SafetensorsWriter.Entry(name: "b", shape: [], data: .integers([1 << 40])),
        SafetensorsWriter.Entry(name: "empty", shape: [0, 4], data: .floats([])),
        SafetensorsWriter.Entry(name: "ünïcode", shape: [1], data: .floats([7])),
    ]

    @Test func `a .pth that was written is read back with the same names, shapes and bits`() throws {
        let path = temporary("w.pth")
        defer { unlink(path) }
        try TorchWriter.write(entries, to: path)
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.format == .torchZip)
        #expect(checkpoint.tensors.map(\.name) == entries.map(\.name))
        #expect(checkpoint.tensors.map(\.shape) == entries.map(\.shape))
        #expect(try checkpoint["a.weight"]?.floats() == [1, -2.5, 3, .pi, 0, 1e-30])
        #expect(try checkpoint["b"]?.integers() == [1 << 40])
    }

    @Test func `the metadata of a safetensors file are read without its tensors, and nothing is taken for them`() throws
    {
        let path = temporary("w.safetensors")
        defer { unlink(path) }
        let metadata = ["format": "pt", "ünïcode": "\u{1F40C}\n"]
        try SafetensorsWriter.write(entries, metadata: metadata, to: path)
        #expect(Checkpoint.metadata(ofSafetensors: path) == metadata)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let length = Int(bytes[0]) | Int(bytes[1]) << 8
        // The tensors are not looked at: a file that ends with its header has the same.
        try AtomicFile.write(Array(bytes[..<(8 + length)]), to: path)
        #expect(Checkpoint.metadata(ofSafetensors: path) == metadata)
        for count in [0, 7, 8, 9, 8 + length / 2, 7 + length] {
            try AtomicFile.write(Array(bytes[..<count]), to: path)
            #expect(Checkpoint.metadata(ofSafetensors: path) == nil, "\(count) bytes")
        }
        let lengths: [UInt64] = [.max, 1 << 63, 1 << 40, 2]
        for number in lengths {
            let spoiled = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) } + bytes[8...]
            try AtomicFile.write(spoiled, to: path)
            #expect(Checkpoint.metadata(ofSafetensors: path) == nil, "a header of \(number)")
        }
        try AtomicFile.write(Array("{\"a\":1}".utf8), to: path)
        #expect(Checkpoint.metadata(ofSafetensors: path) == nil)
        #expect(Checkpoint.metadata(ofSafetensors: path + "-nowhere") == nil)
    }

    @Test func `the data of a written .pth lie at multiples of 64, as torch maps them`() throws {
        let path = temporary("w.pth")
        defer { unlink(path) }
        try TorchWriter.write(entries, to: path)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var found = 0
        for at in 0..<(bytes.count - 30) where bytes[at..<(at + 4)].elementsEqual([0x50, 0x4B, 3, 4]) {
            let start = at + 30 + Int(bytes[at + 26]) + Int(bytes[at + 28]) + Int(bytes[at + 29]) << 8
            #expect(start % 64 == 0)
            found += 1
        }
        #expect(found == entries.count + 3)
    }

    @Test func `a shape that does not fit its elements is refused and leaves no file`() {
        let path = temporary("w.pth")
        #expect(throws: FileError.self) {
            try TorchWriter.write([.init(name: "a", shape: [3], data: .floats([1]))], to: path)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(arguments: [
        ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "a", 1_000_000,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]) func `SHA-256 gives the digests of FIPS 180-4's examples, however the bytes are cut`(
        _ text: String, _ count: Int, _ digest: String
    ) {
        let bytes = Array(String(repeating: text, count: count).utf8)
        for piece in [1, 63, 64, 1000, 1 << 20] where bytes.count / piece < 20_000 {
            var hash = SHA256()
            var start = 0
            while start < bytes.count {
                let end = min(start + piece, bytes.count)
                bytes[start..<end].withUnsafeBytes { hash.update($0) }
                start = end
            }
            #expect(hash.finish() == digest)
        }
    }
}
