import Foundation
import Support
import Testing

@Suite struct FileTests {
    /// A file of these bytes that is removed afterwards.
    private func withFile(_ bytes: [UInt8], _ work: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "/support-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try AtomicFile.write(bytes, to: path)
        try work(path)
    }

    @Test func `more than a pipe holds is written whole, and read whole`() throws {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let (reading, writing) = (ends[0], ends[1])
        #expect(
            NamedThread.start("writer") {
                bytes.withUnsafeBytes { _ = writeAll($0, to: writing) }
                close(writing)
            })
        var buffer = [UInt8](repeating: 0, count: 400_000)
        let (count, error) = buffer.withUnsafeMutableBytes { readAll(into: $0, from: reading) }
        close(reading)
        #expect(error == 0 && Array(buffer[..<count]) == bytes)
    }

    @Test func `a write that the system refuses says how much was written and why`() throws {
        try withFile([]) { path in
            let descriptor = open(path, O_RDONLY)
            defer { close(descriptor) }
            let result = [UInt8](repeating: 1, count: 10).withUnsafeBytes { writeAll($0, to: descriptor) }
            #expect(result.count == 0 && result.error == EBADF)
        }
    }

    @Test func `contents are the same read and mapped, and an empty file has none`() throws {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
        try withFile(bytes) { path in
            for mapsAbove in [Int.max, 100] {
                let contents = try FileContents(Array(path.utf8), name: path, mapsAbove: mapsAbove)
                #expect(Array(contents.bytes) == bytes)
            }
            #expect(throws: FileError.tooLong(file: "x", limit: 9999, found: 10_000)) {
                try FileContents(Array(path.utf8), name: "x", limit: 9999)
            }
            #expect(throws: FileError.tooLong(file: path, limit: 10, found: 10_000)) {
                try RegularFile.read(path, limit: 10)
            }
        }
        try withFile([]) { path in
            let contents = try FileContents(Array(path.utf8), name: path, mapsAbove: 100)
            #expect(contents.bytes.isEmpty)
        }
    }

    @Test func `what is no regular file is refused by name without being opened`() {
        #expect(throws: FileError.notRegular(file: "/", isFolder: true)) { try RegularFile.open("/") }
        #expect(throws: FileError.notRegular(file: "/dev/zero", isFolder: false)) { try RegularFile.open("/dev/zero") }
        #expect(throws: FileError.self) { try RegularFile.open("/nowhere/at/all") }
        #expect(throws: FileError.self) { try RegularFile.open([0x61, 0, 0x62], name: "a") }
    }

    @Test func `the message of a failed write says what helps against its reason`() {
        func message(_ error: Int32) -> String {
            "\(FileError.cannotWrite(file: "f", code: error))"
        }
        #expect(message(ENOENT).contains("put it back"))
        #expect(message(EACCES).contains("Allow writing"))
        #expect(message(EROFS).contains("file system"))
        #expect(message(ENOSPC).contains("Free some space"))
    }

    @Test func `checksums and hashes are the published ones`() {
        let digits = Array("123456789".utf8)
        #expect(CRC32.zip.of(digits) == 0xCBF4_3926)
        #expect(CRC32.castagnoli.of(digits) == 0xE306_9283)
        #expect(CRC32.castagnoli.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32.zip.of([]) == 0)
        var hash = SHA256()
        Array("abc".utf8).withUnsafeBytes { hash.update($0) }
        #expect(hash.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func `numbers are read in either order of bytes, and not beyond the end`() {
        ([1, 2, 3, 4] as [UInt8]).withUnsafeBytes { bytes in
            #expect(bytes.number(at: 0, width: 4) == 0x0403_0201)
            #expect(bytes.number(at: 1, width: 3, bigEndian: true) == 0x02_0304)
            #expect(bytes.number(at: 1, width: 4) == nil)
            #expect(bytes.number(at: -1, width: 1) == nil)
            #expect(bytes.number(at: .max, width: 8) == nil)
        }
    }
}
