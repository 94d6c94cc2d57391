import TUI

/// The palette's completions in a box over the panes, the chosen one in sight.
struct CompletionBox {
    let completions: [Completion]
    let chosen: Int?

    func draw(_ canvas: inout Canvas, above bottom: Int) {
        let theme = canvas.theme
        let rows = min(completions.count, 10, bottom - 3)
        guard rows > 0 else { return }
        let names = completions.map { canvas.width($0.line) }.max() ?? 0
        let column = min(names, 28)
        let width = min(
            canvas.frame.width - 2, column + 2 + (completions.map { canvas.width($0.summary) }.max() ?? 0) + 4)
        let area = Area(x: 1, y: bottom - rows - 2, width: max(20, width), height: rows + 2)
        let top = max(0, min((chosen ?? 0) - rows / 2, completions.count - rows))
        canvas.fill(area)
        canvas.box(
            area, title: "Commands",
            right: completions.count > rows ? [Span("\(completions.count)", theme[.dim])] : [])
        for row in 0..<rows {
            let isChosen = chosen == top + row
            let completion = completions[top + row]
            let y = area.y + 1 + row
            let end = canvas.putFitted(area.x + 2, y, completion.line, theme[isChosen ? .key : .text], width: column)
            let x = max(end + 2, area.x + 4 + column)
            canvas.putFitted(x, y, completion.summary, theme[.dim], width: area.right - 2 - x)
            if isChosen { canvas.underlay(Area(x: area.x + 1, y: y, width: area.width - 2, height: 1), theme[.cursor]) }
        }
    }
}
