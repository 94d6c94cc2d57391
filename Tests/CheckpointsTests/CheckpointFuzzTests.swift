import FuzzSupport
import Foundation
import Support
import Testing

import Checkpoints

/// Spoiled checkpoints end in an error or in tensors that can be read, never in a crash, and in bounded memory.
@Suite struct CheckpointFuzzTests {
    private static let bound = 3 << 30

    private func fuzz(_ name: String, quick: Int, _ passes: (String) -> Bool) throws {
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let corpus = Mutator.files(folder, limit: 1 << 18, where: passes)
        #expect(!corpus.isEmpty)
        // Memory, where there is a file system in it: a file is made for every input.
        let temporary = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        let path = "\(temporary)/frostline-fuzz-\(UUID().uuidString)"
        defer { unlink(path) }
        var (opened, refused) = (0, 0)
        Mutator(corpus).run(name, count: Mutator.count(otherwise: quick)) { bytes in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
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
    @Test func `safetensors and their JSON`() throws {
        try fuzz("safetensors", quick: 4000) { $0.hasSuffix(".safetensors") }
    }
}
