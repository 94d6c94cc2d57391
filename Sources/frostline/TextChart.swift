import Foundation

/// A curve over a logarithmic axis as lines of text, for what is printed once and not watched.
struct TextChart {
    /// x above 0.
    var points: [(x: Double, y: Double)]
    /// An x to be marked.
    var mark: Double?
    var width = 64
    var height = 14
    /// Whether the terminal's characters go beyond ASCII.
    var isUnicode = true

    /// Whether the environment says UTF-8.
    static func isUnicode(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> Bool {
        let name = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        return name.lowercased().replacingOccurrences(of: "-", with: "").contains("utf8")
    }

    func lines() -> [String] {
        let finite = points.filter { $0.x > 0 && $0.x.isFinite && $0.y.isFinite }
        guard let low = finite.map(\.y).min(), let high = finite.map(\.y).max(), let first = finite.map(\.x).min(),
            let last = finite.map(\.x).max(), last > first
        else { return [] }
        let range = max(high - low, 1e-12)
        func column(_ x: Double) -> Int {
            Int((log(x / first) / log(last / first) * Double(width - 1)).rounded())
        }
        func row(_ y: Double) -> Int { Int(((high - y) / range * Double(height - 1)).rounded()) }
        var cells = [[String]](repeating: [String](repeating: " ", count: width), count: height)
        if let mark, mark >= first, mark <= last {
            for y in 0..<height { cells[y][column(mark)] = isUnicode ? "╎" : ":" }
        }
        for point in finite { cells[row(point.y)][column(point.x)] = isUnicode ? "•" : "*" }
        func label(_ value: Double) -> String { String(format: "%.3g", value) }
        let labels = [0: label(high), (height - 1) / 2: label((high + low) / 2), height - 1: label(low)]
        let room = labels.values.map(\.count).max() ?? 0
        var lines = cells.enumerated().map { y, row in
            let text = labels[y] ?? ""
            let line =
                String(repeating: " ", count: room - text.count) + text + (isUnicode ? " │" : " |") + row.joined()
            return line.replacingOccurrences(of: " +$", with: "", options: .regularExpression)
        }
        lines.append(
            String(repeating: " ", count: room) + (isUnicode ? " └" : " +")
                + String(repeating: isUnicode ? "─" : "-", count: width))
        // Powers of ten below the axis.
        var axis = [Character](repeating: " ", count: width + 8)
        var next = 0
        for power in Int(
            ceil(log10(first) - 1e-9))...max(Int(ceil(log10(first) - 1e-9)), Int(floor(log10(last) + 1e-9)))
        {
            let at = max(0, min(width - 1, column(max(first, min(last, pow(10, Double(power)))))))
            let text = "1e\(power)"
            guard at >= next, at + text.count <= axis.count else { continue }
            for (offset, character) in text.enumerated() { axis[at + offset] = character }
            next = at + text.count + 2
        }
        let below = String(repeating: " ", count: room + 2) + String(axis)
        lines.append(below.replacingOccurrences(of: " +$", with: "", options: .regularExpression))
        return lines
    }
}
