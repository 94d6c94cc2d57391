import TUI

/// Lines above the status line: what does not go well, worst first, and what to do about it.
struct HealthView {
    let lines: [HealthLine]

    static func rows(_ lines: [HealthLine], height: Int) -> Int {
        min(lines.count, height >= 30 ? 3 : height >= 20 ? 2 : 1)
    }

    func draw(_ canvas: inout Canvas, y: Int, rows: Int) {
        let theme = canvas.theme
        let width = canvas.frame.width
        for (row, line) in lines.prefix(rows).enumerated() {
            var x = canvas.put(1, y + row, canvas.isUnicode ? "△ " : "! ", theme[.warning])
            x = canvas.putFitted(x, y + row, line.text, theme[.warning], width: width - x - 1)
            if width - x > 8 {
                canvas.putFitted(
                    x, y + row, (canvas.isUnicode ? " · " : ": ") + line.advice, theme[.dim], width: width - x - 1)
            }
        }
    }
}
