import FuzzSupport
import Foundation
import Support
import Testing

@testable import Checkpoints

/// Spoiled checkpoints end in an error or in tensors that can be read, never in a crash, and in bounded memory.
@Suite struct CheckpointFuzzTests {
    private static let bound = 3 << 30

    private func fuzz(_ name: String, quick: Int, _ passes: (String) -> Bool) throws {
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        try fuzz(name, quick: quick, Mutator.files(folder, limit: 1 << 18, where: passes)) { $0 }
    }

    /// `file` makes the file of a spoiled input.
    private func fuzz(
        _ name: String, quick: Int, _ corpus: [[UInt8]], file: @escaping ([UInt8]) -> [UInt8]
    ) throws {
        #expect(!corpus.isEmpty)
        // Memory, where there is a file system in it: a file is made for every input.
        let temporary = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        let path = "\(temporary)/frostline-fuzz-\(UUID().uuidString)"
        defer { unlink(path) }
        var (opened, refused) = (0, 0)
        Mutator(corpus).run(name, count: Mutator.count(otherwise: quick)) { bytes in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            _ = file(bytes).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            close(descriptor)
            do throws(CheckpointError) {
                let checkpoint = try Checkpoint.open(path)
                opened += 1
                for tensor in checkpoint.tensors where tensor.count < 1 << 16 {
                    _ = try? tensor.floats()
                    _ = try? tensor.integers()
                }
            } catch {
                refused += 1
                #expect("\(error)".contains(path))
            }
        }
        // Both happen, or the fuzzing tests nothing.
        #expect(opened > 0 && refused > 0)
        #expect(ProcessMemory.peak < Self.bound)
    }

    @Test func `pickles and zips`() throws { try fuzz("pth", quick: 4000) { $0.hasSuffix(".pth") } }
    @Test func `files of other libraries, programs among them`() throws {
        try fuzz("foreign", quick: 2000) { name in
            name.hasPrefix("foreign/") && [".ckpt", ".pt", ".pt2", ".bin"].contains { name.hasSuffix($0) }
        }
    }
    /// Spoiled in the file as it is, most of these would end at a checksum.
    @Test(arguments: [
        ("script.pt", "data.pkl"), ("exported.pt2", "_weights_config.json"), ("timm_ema.pth", "data.pkl"),
    ])
    func `what a zip says of its weights, under a right checksum`(_ name: String, _ ending: String) throws {
        let contents = try FileContents(Array(fixturePath("foreign/" + name).utf8), name: name)
        let archive = try ZipArchive(contents)
        let stored = archive.entries.filter(\.value.isStored).sorted { $0.key < $1.key }
        let spoiled = try #require(stored.first { $0.key.hasSuffix(ending) })
        try fuzz(name, quick: 1000, [[UInt8](contents.bytes[spoiled.value.range])]) { bytes in
            var file: [UInt8] = []
            var writer = ZipWriter()
            for (entry, place) in stored {
                let own = UnsafeRawBufferPointer(rebasing: contents.bytes[place.range])
                try? bytes.withUnsafeBytes { try writer.add(entry, entry == spoiled.key ? $0 : own) { file += $0 } }
            }
            try? writer.finish { file += $0 }
            return file
        }
    }
    @Test func `safetensors and their JSON`() throws {
        try fuzz("safetensors", quick: 4000) { $0.hasSuffix(".safetensors") }
    }
}
