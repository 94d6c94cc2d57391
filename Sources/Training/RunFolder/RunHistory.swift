import Foundation
import Support
import TrainingEvents

/// Reads metrics.jsonl from its beginning, a part at a time, back into the events that wrote it.
package struct RunHistory {
    private let folder: String
    private var replay: RunReplay?
    /// Up to where it was read, in bytes.
    package private(set) var offset = 0

    private static let block = 1 << 20
    private static let stepBeginning = Array(#"{"kind":"step","#.utf8)

    package init(folder: String) { self.folder = folder }

    /// Passes over what is known from elsewhere: the line of an event that has come by itself.
    package mutating func skip(to end: Int) { offset = max(offset, end) }

    /// Hands over the events between the place that was read last and `end`, as far as they are on the disk. What is not
    /// there, or cannot be read, is passed over: it will not be put in between later.
    /// - Parameter mostSteps: of more steps than about these, evenly spaced ones are handed over: no chart has room for all.
    package mutating func read(to end: Int, mostSteps: Int, _ body: (TrainingEvent) -> Void) {
        defer { skip(to: end) }
        guard offset < end else { return }
        if replay == nil { replay = try? RunReplay(RunFolder.record(of: folder), path: folder) }
        guard replay != nil, let (descriptor, _) = try? RegularFile.open(folder + "/" + RunFolder.metricsName) else {
            return
        }
        defer { close(descriptor) }
        let all = end - offset
        var rest: [UInt8] = []
        while offset < end {
            var buffer = [UInt8](repeating: 0, count: min(Self.block, end - offset))
            let (count, _) = buffer.withUnsafeMutableBytes { readAll(into: $0, from: descriptor, at: offset) }
            guard count > 0 else { return }
            offset += count
            rest += buffer[..<count]
            guard let last = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
            let lines = rest[..<last].split(separator: UInt8(ascii: "\n"))
            let steps = lines.count { $0.starts(with: Self.stepBeginning) }
            let stride = max(1, steps / max(1, Int(Double(mostSteps) * Double(last) / Double(all))))
            var number = 0
            for line in lines {
                if stride > 1, line.starts(with: Self.stepBeginning) {
                    number += 1
                    if number % stride != 0, number < steps { continue }
                }
                if let json = JSON.parse(Data(line)), let event = replay?.event(of: json) { body(event) }
            }
            rest.removeSubrange(...last)
        }
    }
}
