import Support
import TUI
import TrainingEvents

/// The confusion matrix, and the images that were most wrong, beside it or below it.
struct MistakesView {
    let report: MistakesReport?
    let run: RunState
    let scroll: Int
    let heat: ViewSettings.MistakeHeat
    let isMonochrome: Bool

    func draw(_ canvas: inout Canvas, _ area: Area) {
        let theme = canvas.theme
        var right: [Span] = []
        if let report {
            right = [Span("step \(report.step)", theme[.dim])]
            if !report.matrix.isEmpty {
                let total = report.actual.reduce(0, +)
                let wrong = report.actual.indices.reduce(total) { $0 - (report.count($1, $1) ?? 0) }
                right = [Span("\(wrong)", theme[.title]), Span(" of \(total) wrong, step \(report.step)", theme[.dim])]
            }
        }
        canvas.box(area, title: title(canvas), right: right)
        let inner = area.inset()
        guard inner.width >= 16, inner.height >= 4 else { return }
        guard let report else {
            let text =
                run.tie == .readOnly ? "a run folder keeps no pictures" : "after the first validation; v validates now"
            canvas.putFitted(inner.x + 2, inner.y + inner.height / 2, text, theme[.dim], width: inner.width - 4)
            return
        }
        let matrix = MatrixLayout(report, classes: report.actual.indices.map(run.className), room: inner, canvas)
        var pictures = Area(x: inner.x + 1, y: inner.y, width: inner.width - 2, height: inner.height)
        if let matrix {
            drawMatrix(&canvas, matrix, x: inner.x + 1, y: inner.y, report)
            if matrix.width + 4 <= inner.width / 3 {
                pictures.x += matrix.width + 3
                pictures.width -= matrix.width + 3
            } else {
                pictures.y += matrix.height + 1
                pictures.height -= matrix.height + 1
            }
        }
        drawPictures(&canvas, pictures, report)
    }

    private func title(_ canvas: Canvas) -> String {
        let dot = canvas.isUnicode ? "·" : "-"
        return switch heat {
        case .off: "Mistakes"
        case .predicted: "Mistakes \(dot) heat: predicted class"
        case .actual: "Mistakes \(dot) heat: true class"
        }
    }

    // MARK: The matrix

    /// Which classes are shown, and how wide the columns are.
    private struct MatrixLayout {
        var classes: [Int]
        var names: [String]
        var labelWidth: Int
        var columnWidth: Int
        var left: Int

        var width: Int { labelWidth + classes.count * (columnWidth + 1) }
        var height: Int { classes.count + 1 + (left > 0 ? 1 : 0) }

        /// nil where there is no matrix or no room for two classes of it.
        init?(_ report: MistakesReport, classes names: [String], room: Area, _ canvas: Canvas) {
            guard !report.matrix.isEmpty, names.count >= 2 else { return nil }
            let longest = names.map { canvas.width($0) }.max() ?? 0
            let digits = String(report.actual.max() ?? 0).utf8.count
            // At least as wide as what stands above the labels.
            labelWidth = max(9, min(longest, min(16, room.width / 3)))
            columnWidth = max(digits, min(longest, names.count <= 4 ? 8 : 4))
            let across = (room.width - 2 - labelWidth) / (columnWidth + 1)
            let down = max(2, room.height / 3)
            let count = min(names.count, across, max(down, names.count <= 6 ? names.count : 0))
            guard count >= 2, count + 2 < room.height else { return nil }
            // Where not all fit, those that are mistaken most.
            func errors(_ index: Int) -> Int {
                report.actual[index] + report.predicted[index] - 2 * (report.count(index, index) ?? 0)
            }
            classes = names.indices.sorted { (-errors($0), $0) < (-errors($1), $1) }.prefix(count).sorted()
            self.names = names
            left = names.count - count
        }
    }

    private func drawMatrix(_ canvas: inout Canvas, _ layout: MatrixLayout, x: Int, y: Int, _ report: MistakesReport) {
        let theme = canvas.theme
        canvas.putFitted(x, y, "true\\said", theme[.dim], width: layout.labelWidth)
        for (column, name) in layout.classes.enumerated() {
            let right = x + layout.labelWidth + (column + 1) * (layout.columnWidth + 1)
            canvas.putRight(right, y, fitted(layout.names[name], layout.columnWidth, canvas.glyphs), theme[.axis])
        }
        for (row, actual) in layout.classes.enumerated() {
            canvas.putFitted(x, y + 1 + row, layout.names[actual], theme[.axis], width: layout.labelWidth)
            for (column, predicted) in layout.classes.enumerated() {
                let count = report.count(actual, predicted) ?? 0
                let share = report.actual[actual] > 0 ? Double(count) / Double(report.actual[actual]) : 0
                let role: Role =
                    count == 0 ? .track : actual == predicted ? .success : share >= 0.25 ? .error : .warning
                let right = x + layout.labelWidth + (column + 1) * (layout.columnWidth + 1)
                canvas.putRight(
                    right, y + 1 + row, count == 0 ? (canvas.isUnicode ? "·" : ".") : "\(count)", theme[role])
            }
        }
        if layout.left > 0 {
            canvas.putFitted(
                x, y + 1 + layout.classes.count, "and \(layout.left) more with fewer mistakes", theme[.dim],
                width: layout.width)
        }
    }

    // MARK: The pictures

    private func drawPictures(_ canvas: inout Canvas, _ area: Area, _ report: MistakesReport) {
        guard area.width >= 10, area.height >= 5 else { return }
        guard !report.mistakes.isEmpty else {
            canvas.putFitted(area.x, area.y + 1, "no picture was wrong", canvas.theme[.success], width: area.width)
            return
        }
        // A cell is about twice as high as wide; two lines of words below each picture.
        let sizes = [24, 20, 16, 14, 12, 10]
        let wanted = min(4, report.mistakes.count)
        func room(_ size: Int) -> (across: Int, down: Int) {
            ((area.width + 2) / (size + 2), area.height / (size / 2 + 2))
        }
        let fitting = [wanted, min(2, wanted), 1].lazy.compactMap { least in
            sizes.first { room($0).across * room($0).down >= least }
        }
        guard let size = fitting.first else { return }
        let (across, down) = room(size)
        let first = min(scroll * across, max(0, report.mistakes.count - 1) / across * across)
        let names = report.actual.indices.map(run.className)
        for (place, mistake) in report.mistakes.dropFirst(first).prefix(across * down).enumerated() {
            let tile = Area(
                x: area.x + place % across * (size + 2), y: area.y + place / across * (size / 2 + 2), width: size,
                height: size / 2)
            if let picture = mistake.picture {
                PictureTile(picture: picture, heat: heat(of: mistake), isMonochrome: isMonochrome)
                    .draw(&canvas, tile)
            } else {
                canvas.putFitted(tile.x, tile.y + tile.height / 2, "cannot be read", canvas.theme[.dim], width: size)
            }
            func name(_ index: Int) -> String { names.indices.contains(index) ? names[index] : "?" }
            let chance = Numbers.percent(mistake.predictedProbability, places: 0)
            let said = fitted(name(mistake.predicted), size - chance.utf8.count - 1, canvas.glyphs)
            let end = canvas.put(tile.x, tile.bottom, said + " ", canvas.theme[.error], limit: tile.right)
            canvas.put(end, tile.bottom, chance, canvas.theme[.title], limit: tile.right)
            let not = canvas.put(tile.x, tile.bottom + 1, "is ", canvas.theme[.dim], limit: tile.right)
            let truth = canvas.putFitted(
                not, tile.bottom + 1, name(mistake.actual), canvas.theme[.success], width: tile.right - not)
            let file = mistake.name.split(separator: "/").last.map(String.init) ?? mistake.name
            if tile.right - truth > 4 {
                canvas.putFitted(truth + 1, tile.bottom + 1, file, canvas.theme[.dim], width: tile.right - truth - 1)
            }
        }
    }

    private func heat(of mistake: Mistake) -> ClassHeat? {
        switch heat {
        case .off: nil
        case .predicted: mistake.predictedHeat
        case .actual: mistake.actualHeat
        }
    }
}
