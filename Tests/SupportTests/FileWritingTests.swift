import Foundation
import Support
import Synchronization
import Testing

/// Disks that refuse, and files that change while they are read.
@Suite struct FileWritingTests {
    private static func temporaryFile() -> String { NSTemporaryDirectory() + "/frostline-test-\(UUID().uuidString)" }

    @Test(arguments: [ENOSPC, EDQUOT, EROFS, EFBIG, EIO])
    func `a write that the system refuses leaves the old file and no other, and gives the system's code`(
        _ code: Int32
    ) throws {
        let folder = Self.temporaryFile()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/last.safetensors"
        try AtomicFile.write([1, 2, 3], to: path)
        let calls = Mutex(0)
        let expected = FileError.cannotWrite(
            file: path, reason: String(cString: strerror(code)), code: code)
        #expect(throws: expected) {
            try AtomicFile.write(
                to: path,
                systemWrite: { descriptor, bytes, _ in
                    // A byte finds room, the next does not.
                    if calls.withLock({ calls in
                        calls += 1
                        return calls == 1
                    }) {
                        return AtomicFile.systemWrite(descriptor, bytes, 1)
                    }
                    errno = code
                    return -1
                }
            ) { sink in try [UInt8](repeating: 7, count: 9).withUnsafeBytes { try sink($0) } }
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([1, 2, 3]))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["last.safetensors"])
    }

    @Test(arguments: [0, 1, 31, 32, 33, 1 << 20, 1 << 20 + 5])
    func `a file's hash is that of its bytes`(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 9) }
        let path = Self.temporaryFile()
        defer { unlink(path) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(try ContentHash.of(file: path) == bytes.withUnsafeBytes { ContentHash.of($0) })
    }

    @Test func `a file that is shortened while it is hashed is refused or hashed, and never ends the program`() throws {
        let path = Self.temporaryFile()
        defer { unlink(path) }
        let bytes = [UInt8](repeating: 3, count: 1 << 20)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let isOver = Atomic(false)
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [count = bytes.count] in
            while !isOver.load(ordering: .relaxed) {
                truncate(path, 0)
                truncate(path, off_t(count))
            }
            ended.signal()
        }
        for _ in 0..<50 { _ = try? ContentHash.of(file: path) }
        isOver.store(true, ordering: .relaxed)
        ended.wait()
        #expect(
            try ContentHash.of(file: path)
                == [UInt8](repeating: 0, count: bytes.count).withUnsafeBytes { ContentHash.of($0) })
        #expect(throws: FileError.self) { try ContentHash.of(file: path + "-nowhere") }
    }
}
