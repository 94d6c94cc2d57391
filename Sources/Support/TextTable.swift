import Foundation

/// Columns of text, and the figures in them.
package enum TextTable {
    /// The rows as lines; the first column is flush left, the others as is said.
    package static func lines(_ rows: [[String]], flushRight: Bool = true) -> [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, text in
                let space = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 || !flushRight ? text + space : space + text
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    package static func render(_ rows: [[String]], flushRight: Bool = true) -> String {
        lines(rows, flushRight: flushRight).joined(separator: "\n")
    }

    /// `93.8 %`.
    package static func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }

    /// `12.3 s`, `104 s`.
    package static func seconds(_ value: Double) -> String { String(format: value < 100 ? "%.1f s" : "%.0f s", value) }

    /// A figure with three or so significant digits.
    package static func figure(_ value: Double) -> String {
        switch abs(value) {
        case 100...: String(format: "%.0f", value)
        case 10...: String(format: "%.1f", value)
        case 0.1...: String(format: "%.2f", value)
        default: String(format: "%.3g", value)
        }
    }
}
