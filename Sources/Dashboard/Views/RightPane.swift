import TUI
import TrainingEvents

extension DashboardState {
    /// The view that was chosen, with the inspector below it while that is open.
    func drawRight(_ canvas: inout Canvas, _ area: Area) {
        var upper = area
        if let report = inspected {
            // Two charts are worth keeping where there is room; the inspector comes first.
            let rows = area.height >= Self.inspectorRows + 6 ? Self.inspectorRows : area.height
            upper.height -= rows
            drawInspector(&canvas, Area(x: area.x, y: upper.bottom, width: area.width, height: rows), report)
            if upper.height == 0 { return }
        }
        switch deciding.view {
        case .charts: drawCharts(&canvas, upper)
        case .heat(let quantity): drawHeat(&canvas, upper, quantity)
        case .mistakes: drawMistakes(&canvas, upper)
        }
    }

    /// How many lines above the status say what does not go well.
    func healthRows(_ height: Int) -> Int { min(health.count, height >= 30 ? 3 : height >= 20 ? 2 : 1) }

    func drawHealth(_ canvas: inout Canvas, y: Int, rows: Int) {
        let theme = canvas.theme
        let width = canvas.frame.width
        for (row, line) in health.prefix(rows).enumerated() {
            var x = canvas.put(1, y + row, canvas.isUnicode ? "△ " : "! ", theme[.warning])
            x = canvas.putFitted(x, y + row, line.text, theme[.warning], width: width - x - 1)
            if width - x > 8 {
                canvas.putFitted(
                    x, y + row, (canvas.isUnicode ? " · " : ": ") + line.advice, theme[.dim], width: width - x - 1)
            }
        }
    }
}
