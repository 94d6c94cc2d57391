import TrainingTestSupport
import Foundation
import Support
import Testing

import Training

@Suite struct TensorBoardTests {
    /// The events of a file, their checksums checked.
    private func records(_ path: String) throws -> [Data] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        var records: [Data] = []
        var at = 0
        func number(_ offset: Int, _ width: Int) -> UInt64 {
            data[offset..<(offset + width)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        func masked(_ bytes: Data) -> UInt64 {
            let crc = CRC32.castagnoli.of([UInt8](bytes))
            return UInt64((crc >> 15 | crc << 17) &+ 0xA282_EAD8)
        }
        while at < data.count {
            let length = Int(number(at, 8))
            #expect(number(at + 8, 4) == masked(data[at..<(at + 8)]))
            let record = data[(at + 12)..<(at + 12 + length)]
            #expect(number(at + 12 + length, 4) == masked(record))
            records.append(Data(record))
            at += 16 + length
        }
        return records
    }

    @Test func `the checksum is CRC-32C's`() {
        #expect(CRC32.castagnoli.of(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32.castagnoli.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32.castagnoli.of([]) == 0)
    }

    @Test func `a run writes an event a step, epoch and freeze, and a resumed one voids what it repeats`() async throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.tensorBoard = true
        harness.options.stepLimit = 4
        _ = await harness.run()
        let path = folder + "/tensorboard"
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
        let first = try #require(try files().first)
        let events = try records("\(path)/\(first)")
        #expect(events.first?.range(of: Data("brain.Event:2".utf8)) != nil)
        func holding(_ text: String) -> Int { events.filter { $0.range(of: Data(text.utf8)) != nil }.count }
        #expect(holding("step/loss") == 4)
        #expect(holding("gradient norm/fc.weight") == 4)
        #expect(holding("epoch/validation accuracy") == 1)
        #expect(holding("weights/fc.weight") == 1)
        #expect(holding("frost line fc") == 1)
        harness.resume = true
        harness.options.stepLimit = nil
        _ = await harness.run()
        #expect(try files().count == 2)
        let second = try #require(try files().last)
        let rest = try records("\(path)/\(second)")
        // Step 5, session start: 0x10 5, 0x3A 2 0x08 1.
        #expect(rest.count > 1 && rest[1].suffix(6) == Data([0x10, 5, 0x3A, 2, 8, 1]))
    }

    @Test func `a histogram counts every finite value once`() {
        let values: [Float] = [0, 1, 1, 2, .nan, 4, .infinity, 4]
        values.withUnsafeBufferPointer { buffer in
            let histogram = HistogramProto(buffer, parts: 4)
            #expect(histogram.counts == [1, 2, 1, 2])
            #expect(histogram.limits == [1, 2, 3, 4])
            #expect(histogram.sum == 12 && histogram.squares == 38)
        }
        [Float](repeating: 3, count: 5).withUnsafeBufferPointer { buffer in
            #expect(HistogramProto(buffer).counts == [5])
        }
        [Float.nan].withUnsafeBufferPointer { buffer in #expect(HistogramProto(buffer).counts.isEmpty) }
    }
}
