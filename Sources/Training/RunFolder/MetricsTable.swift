import Network
import Foundation
import Support

/// metrics.jsonl as a table: a row a line, a column a figure, empty where a kind of line has none (RFC 4180).
package struct MetricsTable {
    package let text: String
    package let rowCount: Int

    /// The columns that every table has, as the keys that lead to them in a line.
    private static let columns: [[String]] = [
        "kind", "step", "epoch", "loss", "accuracy", "learningRate", "milliseconds", "training.loss",
        "training.accuracy", "validation.loss", "validation.accuracy", "seconds",
    ].map { (keys: String) in keys.split(separator: ".").map(String.init) }

    /// Throws `TrainingError.output` where the run has no metrics.
    init(of run: String) throws {
        let name = run + "/" + RunFolder.metricsName
        let data: Data
        do { data = try RegularFile.read(name, limit: RunFolder.mostMetrics) } catch {
            throw TrainingError.output(path: run, problem: "\(error) Name the folder of a run.")
        }
        self.init(data.split(separator: UInt8(ascii: "\n")).compactMap { JSON.parse(Data($0)) })
    }

    package init(_ records: [JSON]) {
        // Norms come last, a column for each parameter that ever trained.
        let norms = Set(records.flatMap { $0["gradientNorms"]?.keys ?? [] })
        let order = ResNet.resnet18.parameterNames.filter(norms.contains)
        let names = Self.columns.map { $0[0] + $0.dropFirst().map(\.capitalized).joined() }
        var lines = [names + ["trainableParameters"] + order.map { "gradientNorm.\($0)" }]
        for record in records {
            var cells = Self.columns.map { path in Self.cell(path.reduce(Optional(record)) { $0?[$1] }) }
            cells.append(record["trainable"]?.items.map { "\($0.count)" } ?? "")
            cells += order.map { Self.cell(record["gradientNorms"]?[$0]) }
            lines.append(cells)
        }
        rowCount = records.count
        text = lines.map { $0.joined(separator: ",") + "\r\n" }.joined()
    }

    private static func cell(_ value: JSON?) -> String {
        switch value {
        case .string(let text)?:
            text.contains(where: { ",\"\r\n".contains($0) })
                ? "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : text
        case .number?, .integer?, .bool?: value?.line ?? ""
        default: ""
        }
    }
}
