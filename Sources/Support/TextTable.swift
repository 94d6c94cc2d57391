/// Columns of text.
package enum TextTable {
    /// The rows as lines; the first column is flush left, the others right where `flushRight`.
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
}
