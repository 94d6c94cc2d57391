/// One chart: a line over steps, points on the same axis, and marks where the mask changed.
package struct Chart {
    package var title: String
    package var legend: [[Span]] = []
    package var line: Series
    package var points: Series?
    /// Other runs' lines.
    package var behind: [Behind] = []
    package var marks: [ChartMark] = []
    /// The steps at the left and the right edge.
    package var from: Double
    package var to: Double
    /// Labels for the lower edge, as steps.
    package var stepLabels: [(step: Double, text: String)] = []
    package var stepCaption = ""
    package enum Scale { case linear, percent, logarithmic }
    package var scale = Scale.linear
    package var smoothing = Smoothing.off
    /// The step whose values the legend shows; a line stands there.
    package var cursor: Int?
    /// What the pane says while there is nothing to draw.
    package var empty: String

    package init(title: String, line: Series, from: Double, to: Double, empty: String) {
        self.title = title
        self.line = line
        self.from = from
        self.to = to
        self.empty = empty
    }

    package func draw(_ canvas: inout Canvas, _ area: Area) {
        // The longest legend that leaves room for the title.
        let room = area.width - 8 - canvas.width(title)
        let names = Self.names(of: behind, canvas.theme)
        // The names of the lines come before the values: those stand in the chart as well.
        let candidates = names.isEmpty ? legend : legend.map { $0 + names } + [names] + legend
        let fitting = candidates.first { canvas.width($0) <= room }
        canvas.box(area, title: title, right: fitting ?? [])
        let inner = area.inset()
        guard inner.width >= 8, inner.height >= 1 else { return }

        let (least, greatest) = bounds
        guard least <= greatest else {
            let text = fitted(empty, inner.width - 2, canvas.glyphs)
            canvas.put(
                inner.x + (inner.width - canvas.width(text)) / 2, inner.y + inner.height / 2, text, canvas.theme[.dim])
            return
        }
        let count = max(1, (inner.height - 1) / 2)
        let axis =
            switch scale {
            case .linear: Axis.linear(least, greatest, count: count, percent: false)
            case .percent: Axis.linear(least, greatest, count: count, within: 0...1, percent: true)
            case .logarithmic: Axis.logarithmic(least, greatest, count: count)
            }
        let labelWidth = min(inner.width / 3, axis.labels.map { $0.utf8.count }.max() ?? 0)
        let plot = Area(
            x: inner.x + labelWidth + 2, y: inner.y, width: inner.width - labelWidth - 3, height: inner.height)
        guard plot.width >= 4 else { return }

        drawAxis(&canvas, axis, plot, labelWidth)
        for mark in marks { drawStep(mark.step, &canvas, plot, canvas.glyphs.sign("╎", block: "│", ascii: ":"), .mark) }
        if let cursor { drawStep(cursor, &canvas, plot, canvas.glyphs.sign("┊", block: "│", ascii: "|"), .key) }
        drawBehind(&canvas, axis, plot)
        drawLine(&canvas, axis, plot)
        drawPoints(&canvas, axis, plot)
        drawMarkLabels(&canvas, plot)
        drawStepLabels(&canvas, plot, bottom: area.bottom - 1)
    }

    /// Of what is in sight only, so that zooming in shows more of it.
    private var bounds: (least: Double, greatest: Double) {
        var least = Double.infinity
        var greatest = -Double.infinity
        let own: [(Series?, Double)] = [(line, 1), (points, 1)]
        for (series, stepScale) in own + behind.map({ ($0.line, $0.stepScale) }) {
            guard let series, let found = series.bounds(from / stepScale, to / stepScale) else { continue }
            least = min(least, scale == .logarithmic ? found.leastPositive : found.least)
            greatest = max(greatest, found.greatest)
        }
        return (least, greatest)
    }

    private func drawAxis(_ canvas: inout Canvas, _ axis: Axis, _ plot: Area, _ labelWidth: Int) {
        let style = canvas.theme[.axis]
        let stroke = canvas.theme[.track]
        for y in plot.y..<plot.bottom { canvas.set(plot.x - 1, y, canvas.isUnicode ? "│" : "|", stroke) }
        var taken: Set<Int> = []
        // The ends first: they are the ones that must not be missing.
        let order = [axis.ticks.count - 1, 0] + Array(axis.ticks.indices.dropFirst().dropLast())
        for index in order where axis.ticks.indices.contains(index) {
            let row = Self.row(axis.place(axis.ticks[index]), plot.height)
            if taken.contains(row) { continue }
            taken.insert(row)
            canvas.putRight(plot.x - 1, plot.y + row, axis.labels[index], style)
            canvas.set(plot.x - 1, plot.y + row, canvas.isUnicode ? "┤" : "+", stroke)
        }
    }

    package static func row(_ place: Double, _ height: Int) -> Int { Int(((1 - place) * Double(height - 1)).rounded()) }

    /// Where a step lies between 0 and the width, or nil outside.
    private func place(_ step: Double) -> Double? {
        guard to > from else { return step == from ? 0 : nil }
        let share = (step - from) / (to - from)
        return share >= 0 && share <= 1 ? share : nil
    }

    package func column(_ step: Double, _ width: Int) -> Int? {
        place(step).map { Int(($0 * Double(width - 1)).rounded()) }
    }

    /// A line from top to bottom at a step.
    private func drawStep(_ step: Int, _ canvas: inout Canvas, _ plot: Area, _ sign: String, _ role: Role) {
        guard let x = column(Double(step), plot.width) else { return }
        for y in plot.y..<plot.bottom { canvas.set(plot.x + x, y, sign, canvas.theme[role]) }
    }

    /// Labels stand where nothing was drawn, so they never hide a value; one without such a place is left out.
    private func drawMarkLabels(_ canvas: inout Canvas, _ plot: Area) {
        // The latest change has the first claim.
        for mark in marks.reversed() {
            guard let x = column(Double(mark.step), plot.width) else { continue }
            if mark.label.isEmpty { continue }
            let room = min(max(plot.width - x - 2, x - 1), max(8, plot.width * 2 / 3))
            let text = fitted(mark.label, room, canvas.glyphs)
            let size = canvas.width(text)
            var done = false
            for row in Array(0..<min(3, plot.height)) + [plot.height - 1] where !done {
                for start in [x + 2, x - 1 - size] where !done {
                    guard start >= 0, start + size <= plot.width else { continue }
                    let cells = max(0, start - 1)..<min(plot.width, start + size + 1)
                    guard cells.allSatisfy({ $0 == x || canvas.frame[plot.x + $0, plot.y + row].isBlank }) else {
                        continue
                    }
                    canvas.put(plot.x + start, plot.y + row, text, canvas.theme[.mark], limit: plot.right)
                    done = true
                }
            }
        }
    }

    private func drawStepLabels(_ canvas: inout Canvas, _ plot: Area, bottom: Int) {
        // The cursor's step stands under the cursor, whatever other label would have stood there.
        var taken = 0..<0
        if let cursor, let x = column(Double(cursor), plot.width) {
            let text = " step \(cursor) "
            let start = max(plot.x - 1, min(plot.x + x - text.utf8.count / 2, plot.right + 1 - text.utf8.count))
            canvas.put(start, bottom, text, canvas.theme[.key], limit: plot.right + 1)
            taken = start - 1..<start + text.utf8.count + 1
        }
        var free = plot.x - 1
        var caption = stepCaption
        for (step, text) in stepLabels {
            guard let x = column(step, plot.width) else { continue }
            let padded = " " + caption + text + " "
            let size = canvas.width(padded)
            let end = min(plot.x + x + 1 + (text.utf8.count + 2) / 2, plot.right + 1)
            if end - size < free || taken.overlaps(end - size..<end) { continue }
            canvas.put(end - size, bottom, padded, canvas.theme[.axis])
            free = end + 1
            caption = ""
        }
    }
}
