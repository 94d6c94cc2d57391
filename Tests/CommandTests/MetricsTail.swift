import Foundation
import Support
import Training

/// The lines of a metrics.jsonl that is being written, without reading again what was read: a quick run writes megabytes.
final class MetricsTail {
    let folder: String
    private var path: String { folder + "/" + RunFolder.metricsName }
    private var offset: UInt64 = 0
    private var rest = Data()
    private(set) var counts: [String: Int] = [:]
    /// The last line of each kind.
    private(set) var last: [String: JSON] = [:]

    init(folder: String) { self.folder = folder }

    func update() {
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        try? file.seek(toOffset: offset)
        let new = (try? file.readToEnd()) ?? Data()
        offset += UInt64(new.count)
        rest += new
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = lines.popLast().map { Data($0) } ?? Data()
        for line in lines {
            guard let json = JSON.parse(Data(line)), let kind = json["kind"]?.text else { continue }
            counts[kind, default: 0] += 1
            last[kind] = json
        }
    }

    /// Names in the last freeze line, nil before the first.
    var trainable: [String]? { last["freeze"]?["trainable"]?.items?.compactMap(\.text) }
}
