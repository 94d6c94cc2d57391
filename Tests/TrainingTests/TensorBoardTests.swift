import Checkpoints
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

    /// An Event of tensorboard/compat/proto/event.proto, with what its summary holds by tag.
    private struct Event {
        var step = 0
        var fileVersion: String?
        var sessionStatus: Int?
        var scalars: [String: Float] = [:]
        var texts: [String: String] = [:]
        var histograms: [String: ProtobufReader] = [:]

        init(_ data: Data) throws {
            let event = try ProtobufReader(data)
            try #require((event.double(1) ?? 0) > 1e9, "no wall time")
            step = event.integer(2) ?? 0
            fileVersion = event.text(3)
            sessionStatus = try event.message(7)?.integer(1)
            for value in try event.message(5)?.messages(1) ?? [] {
                let tag = try #require(value.text(1))
                scalars[tag] = value.float(2)
                histograms[tag] = try value.message(5)
                if let tensor = try value.message(8) {
                    // A string tensor of one element, shown by the text plugin.
                    #expect(tensor.integer(1) == 7)
                    #expect(try tensor.message(2)?.message(2)?.integer(1) == 1)
                    #expect(try value.message(9)?.message(1)?.text(1) == "text")
                    texts[tag] = tensor.text(8)
                }
            }
        }
    }

    @Test func `a run writes an event a step, epoch and freeze, and a resumed one voids what it repeats`() async throws
    {
        let folder = EngineHarness.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var harness = EngineHarness()
        harness.output = folder
        harness.tensorBoard = true
        harness.options.stepLimit = 4
        let result = await harness.run()
        let path = folder + "/tensorboard"
        func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
        let first = try #require(try files().first)
        let events = try records("\(path)/\(first)").map(Event.init)
        #expect(events.first?.fileVersion == "brain.Event:2")

        let steps = events.filter { $0.scalars["step/loss"] != nil }
        try #require(result.steps.count == 4 && steps.map(\.step) == [1, 2, 3, 4])
        for (event, report) in zip(steps, result.steps) {
            var wanted = [
                "step/loss": report.loss, "step/accuracy": report.accuracy, "step/learning rate": report.learningRate,
                "step/milliseconds": report.milliseconds,
            ]
            for (name, norm) in report.gradientNorms { wanted["gradient norm/\(name)"] = norm }
            #expect(event.scalars == wanted.mapValues { Float($0) })
            #expect(report.gradientNorms.keys.sorted() == ["fc.bias", "fc.weight"])
        }
        let epochs = events.filter { $0.scalars["epoch/training loss"] != nil }
        try #require(epochs.count == result.epochs.count && !epochs.isEmpty)
        for (event, report) in zip(epochs, result.epochs) {
            let validation = try #require(report.validation)
            #expect(event.step == report.step)
            #expect(
                event.scalars
                    == [
                        "epoch/training loss": report.training.loss,
                        "epoch/training accuracy": report.training.accuracy,
                        "epoch/seconds": report.seconds, "epoch/validation loss": validation.loss,
                        "epoch/validation accuracy": validation.accuracy,
                    ].mapValues { Float($0) })
        }
        let freezes = events.compactMap { $0.texts["freeze"] }
        #expect(freezes == ["frost line fc; these train:  \nfc.weight  \nfc.bias"])

        // The weights that train, at the end of the epoch in step 3.
        let histograms = events.filter { !$0.histograms.isEmpty }
        #expect(histograms.map(\.step) == result.epochs.map(\.step))
        for event in histograms {
            #expect(event.histograms.keys.sorted() == ["weights/fc.bias", "weights/fc.weight"])
        }
        for event in histograms where event.step == 4 || histograms.count == 1 {
            let saved = try Checkpoint.open(folder + "/" + RunFolder.bestName)
            let histogram = try #require(event.histograms["weights/fc.weight"])
            let values = try #require(try saved["fc.weight"]?.floats()).map(Double.init)
            let (limits, counts) = (histogram.doubles(6), histogram.doubles(7))
            #expect(histogram.double(1) == values.min() && histogram.double(2) == values.max())
            #expect(histogram.double(3) == Double(values.count) && counts.reduce(0, +) == Double(values.count))
            #expect(abs((histogram.double(4) ?? .nan) - values.reduce(0, +)) < 1e-9)
            #expect(abs((histogram.double(5) ?? .nan) - values.reduce(0) { $0 + $1 * $1 }) < 1e-9)
            #expect(limits == limits.sorted() && limits.last == values.max())
            // A value at a limit may fall on either side of it, by rounding.
            var below = 0.0
            for (limit, count) in zip(limits, counts) {
                below += count
                let (least, most) = (values.count { $0 < limit - 1e-9 }, values.count { $0 <= limit + 1e-9 })
                #expect(Double(least) <= below && below <= Double(most))
            }
        }

        harness.resume = true
        harness.options.stepLimit = nil
        let resumed = await harness.run()
        #expect(try files().count == 2)
        let second = try #require(try files().last)
        let rest = try records("\(path)/\(second)").map(Event.init)
        // SessionLog.START: what earlier files say of this step and later ones is void.
        try #require(rest.count > 1)
        #expect(rest[0].fileVersion == "brain.Event:2" && rest[1].sessionStatus == 1)
        #expect(rest[1].step == resumed.steps.first?.step)
        #expect(rest.filter { $0.scalars["step/loss"] != nil }.map(\.step) == resumed.steps.map(\.step))
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
