import Foundation
import Support

/// An event file that TensorBoard reads: records of `length, checksum, Event, checksum`, appended as they come.
///
/// Field numbers are those of tensorboard/compat/proto/event.proto and summary.proto.
package final class EventFile {
    /// One value of an event, under its tag.
    package enum Value: Sendable {
        case scalar(String, Double)
        case text(String, String)
        case histogram(String, HistogramProto)
    }

    package let path: String
    private let descriptor: Int32

    /// Makes a new file in `folder`. `step`: events of earlier files from this step on are void, as after a resumed run.
    ///
    /// Throws `FileError.cannotWrite`.
    package init(folder: String, resumingAt step: Int?, now: Date = Date()) throws {
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw FileError.cannotWrite(file: folder, reason: "the folder cannot be made")
        }
        // TensorBoard reads a folder's files in the order of their names.
        let seconds = String(format: "%012.0f", now.timeIntervalSince1970)
        var number = 0
        var opened: Int32 = -1
        var name = ""
        repeat {
            name = "\(folder)/events.out.tfevents.\(seconds).frostline.\(getpid()).\(number)"
            opened = open(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
            number += 1
        } while opened < 0 && errno == EEXIST && number < 1000
        guard opened >= 0 else { throw FileError.cannotWrite(file: name, code: errno) }
        path = name
        descriptor = opened
        var first = ProtobufMessage()
        first.double(1, now.timeIntervalSince1970)
        first.text(3, "brain.Event:2")
        try write(first)
        if let step {
            var restart = ProtobufMessage()
            restart.double(1, now.timeIntervalSince1970)
            restart.integer(2, step)
            restart.message(7) { $0.integer(1, 1) }
            try write(restart)
        }
    }

    deinit { close(descriptor) }

    /// Appends one event. Throws `FileError.cannotWrite`.
    package func append(step: Int, _ values: [Value], now: Date = Date()) throws {
        var event = ProtobufMessage()
        event.double(1, now.timeIntervalSince1970)
        event.integer(2, step)
        event.message(5) { summary in
            for value in values { summary.message(1) { Self.encode(value, &$0) } }
        }
        try write(event)
    }

    private static func encode(_ value: Value, _ message: inout ProtobufMessage) {
        switch value {
        case .scalar(let tag, let number):
            message.text(1, tag)
            message.float(2, Float(number))
        case .text(let tag, let text):
            message.text(1, tag)
            message.message(8) { tensor in
                tensor.integer(1, 7)
                tensor.message(2) { shape in shape.message(2) { $0.integer(1, 1) } }
                tensor.text(8, text)
            }
            message.message(9) { metadata in metadata.message(1) { $0.text(1, "text") } }
        case .histogram(let tag, let histogram):
            message.text(1, tag)
            message.message(5) { proto in
                proto.double(1, histogram.least)
                proto.double(2, histogram.greatest)
                proto.double(3, histogram.counts.reduce(0, +))
                proto.double(4, histogram.sum)
                proto.double(5, histogram.squares)
                proto.doubles(6, histogram.limits)
                proto.doubles(7, histogram.counts)
            }
        }
    }

    private func write(_ event: ProtobufMessage) throws {
        var record = LittleEndianBytes()
        record.append(UInt64(event.bytes.count))
        record.append(Self.checksum(record.bytes))
        record.append(event.bytes)
        record.append(Self.checksum(event.bytes))
        let (_, error) = record.bytes.withUnsafeBytes { writeAll($0, to: descriptor) }
        if error != 0 { throw FileError.cannotWrite(file: path, code: error) }
    }

    /// As the records carry it: rotated and shifted, so that a checksum of checksummed bytes is none of its own.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        let crc = CRC32.castagnoli.of(bytes)
        return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    }
}

/// TensorBoard's histogram: how many values lie in each of some equal parts of their range.
package struct HistogramProto: Sendable, Equatable {
    package private(set) var least = 0.0
    package private(set) var greatest = 0.0
    package private(set) var sum = 0.0
    package private(set) var squares = 0.0
    /// The upper end of each part.
    package private(set) var limits: [Double] = []
    package private(set) var counts: [Double] = []

    /// Values that are not finite are left out.
    package init(_ values: UnsafeBufferPointer<Float>, parts: Int = 40) {
        var (low, high) = (Float.infinity, -Float.infinity)
        for value in values where value.isFinite {
            low = min(low, value)
            high = max(high, value)
            sum += Double(value)
            squares += Double(value) * Double(value)
        }
        guard low <= high else { return }
        (least, greatest) = (Double(low), Double(high))
        let width = (greatest - least) / Double(parts)
        guard width > 0 else {
            limits = [greatest.nextUp]
            counts = [Double(values.reduce(0) { $0 + ($1.isFinite ? 1 : 0) })]
            return
        }
        counts = [Double](repeating: 0, count: parts)
        limits = (1...parts).map { $0 == parts ? greatest : least + width * Double($0) }
        for value in values where value.isFinite { counts[min(parts - 1, Int((Double(value) - least) / width))] += 1 }
    }
}
