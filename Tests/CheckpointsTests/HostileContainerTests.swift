import Checkpoints
import Foundation
import Testing

/// Zip files that say one thing here and another there, and safetensors with the same.
@Suite struct HostileContainerTests {
    private func zip() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixturePath("zip.pth")))) }

    private func positions(of pattern: [UInt8], in bytes: [UInt8]) -> [Int] {
        guard bytes.count >= pattern.count else { return [] }
        return (0...(bytes.count - pattern.count)).filter { bytes[$0..<($0 + pattern.count)].elementsEqual(pattern) }
    }

    /// The central directory's headers, local headers' signature being another.
    private func directory(_ bytes: [UInt8]) -> [Int] { positions(of: [0x50, 0x4B, 1, 2], in: bytes) }

    private func message(_ bytes: [UInt8]) throws -> String { try refusal(of: bytes)?.description ?? "opened" }

    @Test func `compressed and encrypted entries are refused, so that none can be a bomb`() throws {
        var compressed = try zip()
        compressed[directory(compressed)[0] + 10] = 8
        #expect(try message(compressed).contains("compressed"))
        var longer = try zip()
        let at = directory(longer)[0] + 24
        longer.replaceSubrange(at..<(at + 4), with: [0xFF, 0xFF, 0xFF, 0x7F])
        #expect(try message(longer).contains("compressed"))
        var encrypted = try zip()
        encrypted[directory(encrypted)[0] + 8] |= 1
        #expect(try message(encrypted).contains("encrypted"))
    }

    @Test func `entries that share bytes are refused, since each would be read anew`() throws {
        var bytes = try zip()
        let headers = directory(bytes)
        // The sixth and the fifth storage of 12 bytes become the same.
        let (one, other) = (headers[8] + 42, headers[9] + 42)
        bytes.replaceSubrange(one..<(one + 4), with: bytes[other..<(other + 4)])
        #expect(try message(bytes).contains("overlap"))
    }

    @Test func `a second directory is refused, wherever it is put`() throws {
        let whole = try zip()
        // Another archive behind it, the same one before it, a directory in the comment, bytes behind the end.
        #expect(try message(whole + whole) != "opened")
        #expect(try message(whole + [0]).contains("follows the end"))
        let start = directory(whole)[0]
        let end = whole.count - 22
        let twice = Array(whole[..<end]) + Array(whole[start...])
        #expect(try message(twice).contains("second zip directory") || message(twice).contains("ZIP64"))
        var gap = Array(whole[..<end]) + [UInt8](repeating: 0, count: 16) + Array(whole[end...])
        #expect(try message(gap) != "opened")
        gap = whole
        gap[whole.count - 2] = 9
        #expect(try message(gap).contains("follows the end"))
    }

    @Test func `an entry that is there twice is refused by name`() throws {
        var bytes = try zip()
        let name = Array("zip/data/1".utf8)
        for at in positions(of: name, in: bytes) { bytes[at + 9] = UInt8(ascii: "0") }
        #expect(try message(bytes).contains("'zip/data/0' is there twice"))
    }

    @Test func `names that lead out of the archive are names, and nothing is written`() throws {
        var bytes = try zip()
        for at in positions(of: Array("zip/".utf8), in: bytes) {
            bytes.replaceSubrange(at..<(at + 4), with: Array("/../".utf8))
        }
        let folder = NSTemporaryDirectory() + "/outside-\(UUID().uuidString)/inside"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: (folder as NSString).deletingLastPathComponent) }
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/odd.pth"))
        let checkpoint = try Checkpoint.open(folder + "/odd.pth")
        #expect(try checkpoint["parameter"]?.floats().count == 4)
        let above = (folder as NSString).deletingLastPathComponent
        #expect(try FileManager.default.subpathsOfDirectory(atPath: above).sorted() == ["inside", "inside/odd.pth"])
    }

    @Test func `a storage of the other byte order gives the same numbers, one of no order is refused`() throws {
        let (big, little) = (try fixturePath("big_endian.pth"), try fixturePath("zip.pth"))
        let (one, other) = (try Checkpoint.open(big), try Checkpoint.open(little))
        #expect(one.tensors.map(\.name) == other.tensors.map(\.name))
        for (a, b) in Swift.zip(one.tensors, other.tensors) { #expect(try a.floats() == b.floats(), "\(a.name)") }
        var neither = try zip()
        for at in positions(of: Array("little".utf8), in: neither) { neither[at] = UInt8(ascii: "L") }
        #expect(try message(neither).contains("checksum"))
    }

    @Test func `tensors that overlap, leave a gap or go backwards are refused`() throws {
        func safetensors(_ offsets: [(Int, Int)]) -> [UInt8] {
            let entries = offsets.enumerated().map { index, range in
                #""t\#(index)":{"dtype":"F32","shape":[\#(max(0, range.1.subtractingReportingOverflow(range.0).partialValue) / 4)],"data_offsets":[\#(range.0),\#(range.1)]}"#
            }
            let header = Array("{\(entries.joined(separator: ","))}".utf8)
            return PickleBuilder.little(UInt64(header.count)) + header + [UInt8](repeating: 0, count: 16)
        }
        #expect(try refusal(of: safetensors([(0, 8), (8, 16)])) == nil)
        for wrong in [
            [(0, 8), (4, 16)], [(0, 12), (4, 16)], [(0, 16), (0, 16)], [(0, 4), (8, 16)], [(4, 16)], [(0, 12)],
            [(8, 4), (8, 16)], [(-4, 4), (4, 16)], [(0, 8), (8, 20)], [(0, 8), (8, .max)], [(0, 16), (.min, 0)],
        ] {
            #expect(try refusal(of: safetensors(wrong)) != nil, "\(wrong)")
        }
    }

    @Test func `infinite weights are named, and types that fit no weight are read as numbers or refused`() throws {
        let path = NSTemporaryDirectory() + "/infinite-\(UUID().uuidString)"
        defer { unlink(path) }
        for (value, isFine) in [(Float.infinity, false), (-.infinity, false), (.nan, false), (1, true)] {
            try SafetensorsWriter.write(
                [
                    .init(name: "good", shape: [1], data: .floats([1])),
                    .init(name: "bad", shape: [2], data: .floats([0, value])),
                ], to: path)
            let fit = try Checkpoint.open(path).fit(to: [
                TensorExpectation(name: "good", shape: [1]), TensorExpectation(name: "bad", shape: [2]),
            ])
            #expect(fit.nonFinite == (isFine ? [] : ["bad"]))
            #expect(fit.report().joined().contains("bad holds NaN or infinity") == !isFine)
        }
        // Halves and doubles hold infinities of their own; a double may be beyond any float.
        for (type, bytes) in [
            ("F16", [0x00, 0x7C]), ("BF16", [0x80, 0x7F]), ("F64", [0, 0, 0, 0, 0, 0, 0xF0, 0x7F]),
            ("F64", [0, 0, 0, 0, 0, 0, 0xE0, 0x7F]),
        ] as [(String, [UInt8])] {
            let header = Array(#"{"w":{"dtype":"\#(type)","shape":[1],"data_offsets":[0,\#(bytes.count)]}}"#.utf8)
            try Data(PickleBuilder.little(UInt64(header.count)) + header + bytes).write(
                to: URL(fileURLWithPath: path))
            let fit = try Checkpoint.open(path).fit(to: [TensorExpectation(name: "w", shape: [1])])
            #expect(fit.nonFinite == ["w"], "\(type)")
        }
        for type in ["F8_E4M3", "C64", "f32", ""] {
            let header = Array(#"{"w":{"dtype":"\#(type)","shape":[1],"data_offsets":[0,4]}}"#.utf8)
            let bytes = PickleBuilder.little(UInt64(header.count)) + header + [0, 0, 0, 0]
            #expect(try message(bytes).contains("'w' has the type \(type)"))
        }
    }

    @Test func `pipes, sockets, devices, loops of links and what may not be read are refused without waiting`() throws {
        let folder = NSTemporaryDirectory() + "/special-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(mkfifo(folder + "/pipe", 0o600) == 0)
        #expect(mknod(folder + "/socket", S_IFSOCK | 0o600, 0) == 0)
        symlink("loop", folder + "/loop")
        symlink("/dev/zero", folder + "/endless")
        for (name, mention) in [
            ("pipe", "not a regular file"), ("socket", "not a regular file"), ("endless", "not a regular file"),
            ("loop", "symbolic links"), ("", "folder"),
        ] {
            do throws(CheckpointError) {
                _ = try Checkpoint.open(folder + "/" + name)
                Issue.record("\(name) was opened")
            } catch {
                #expect("\(error)".hasPrefix(folder) && "\(error)".contains(mention), "\(error)")
            }
        }
    }
}
