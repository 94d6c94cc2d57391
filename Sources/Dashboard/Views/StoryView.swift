import TUI

/// Lines above the status line, and above what does not go well: what the demonstration tells, and what to press.
struct StoryView {
    let lines: [StoryLine]

    static func rows(_ lines: [StoryLine], height: Int) -> Int { min(lines.count, height >= 20 ? 2 : 1) }

    func draw(_ canvas: inout Canvas, y: Int, rows: Int) {
        for (row, line) in lines.prefix(rows).enumerated() {
            let role: Role =
                switch line.kind {
                case .told: .label
                case .hint: .key
                case .held: .pending
                case .result: .success
                }
            let room = canvas.frame.width - 4
            let sign = canvas.isUnicode ? "► " : "> "
            let x = canvas.put(1, y + row, sign, canvas.theme[role])
            let text = line.wordings.first { canvas.width($0) <= room } ?? line.wordings.last ?? ""
            canvas.putFitted(x, y + row, text, canvas.theme[role], width: room)
        }
    }
}
