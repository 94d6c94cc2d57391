import TrainingTestSupport
import Foundation
import Testing
import Training

@Suite struct FeatureFileTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = EngineHarness.temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder)
    }

    /// Every kind of bits that a float can have, NaN's own among them.
    private let odd: [Float] = [0, -0.0, .infinity, .leastNonzeroMagnitude, Float(bitPattern: 0x7FC0_1234), 1.5]

    @Test func `memory and file give back the bits that were written`() throws {
        try withFolder { folder in
            let memory: any FeatureStorage = try #require(FeatureMemory(floats: 5000))
            for storage in [memory, try FeatureFile(floats: 5000, in: folder)] {
                for offset in [0, 1021, 4994] {
                    try storage.write(odd, count: odd.count, at: offset)
                }
                for offset in [4994, 0, 1021] {
                    var read = [Float](repeating: 7, count: odd.count)
                    storage.read(at: offset, count: odd.count, into: &read)
                    #expect(read.map(\.bitPattern) == odd.map(\.bitPattern))
                }
            }
        }
    }

    @Test func `a file has no name while it is in use, so nothing can be left behind`() throws {
        try withFolder { folder in
            let files = [try FeatureFile(floats: 100, in: folder), try FeatureFile(floats: 100, in: folder)]
            #expect(try names(folder).isEmpty)
            try files[0].write(odd, count: odd.count, at: 3)
            var other = [Float](repeating: 7, count: odd.count)
            files[1].read(at: 3, count: odd.count, into: &other)
            #expect(other.allSatisfy { $0 == 0 })
        }
    }

    @Test func `more than the disk has is refused, and takes nothing of it`() throws {
        try withFolder { folder in
            var reason = ""
            do throws(FeatureStorageError) { _ = try FeatureFile(floats: 1 << 48, in: folder) } catch {
                reason = error.description
            }
            #expect(reason.hasPrefix(folder) && reason.contains("MiB"))
            reason = ""
            do throws(FeatureStorageError) { _ = try FeatureFile(floats: 1000, in: folder, limit: 3999) } catch {
                reason = error.description
            }
            #expect(reason.contains("has room for 0 MiB"))
            #expect(try names(folder).isEmpty)
            _ = try FeatureFile(floats: 1000, in: folder, limit: 4000)
        }
    }

    @Test func `what a killed run left is swept away, what a living one holds is not, nor what is not ours`() throws {
        try withFolder { folder in
            for name in [".frostline-features-1-0", ".frostline-features-99999-3", "cat.jpg", ".frostline"] {
                _ = FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data([1]))
            }
            let held = open("\(folder)/.frostline-features-1-0", O_RDWR | O_CLOEXEC)
            defer { close(held) }
            #expect(flock(held, LOCK_EX | LOCK_NB) == 0)
            FeatureFile.sweep(folder)
            let left = try names(folder).sorted()
            #expect(left == [".frostline", ".frostline-features-1-0", "cat.jpg"])
        }
    }

    @Test func `a folder that cannot hold files is refused by name, one that is missing is made`() throws {
        try withFolder { folder in
            _ = FileManager.default.createFile(atPath: folder + "/file", contents: Data([1]))
            for bad in ["/proc/frostline-nothing", folder + "/file", folder + "/file/below", "/proc/self"] {
                var message = ""
                do { try FeatureFile.requireWritable(bad) } catch { message = "\(error)" }
                #expect(message.hasPrefix(bad + ": ") && message.contains("--cache-dir"), "\(message)")
            }
            try FeatureFile.requireWritable(folder + "/new/deep")
            #expect(try names(folder + "/new/deep").isEmpty)
        }
    }
}
