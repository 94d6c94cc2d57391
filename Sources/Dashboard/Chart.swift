/// One chart: a line over steps, points on the same axis, and marks where the mask changed.
struct Chart {
    var title: String
    var legend: [[Span]] = []
    var line: Series
    var points: Series?
    var marks: [DashboardState.Mark] = []
    /// The steps at the left and the right edge.
    var from: Double
    var to: Double
    /// Labels for the lower edge, as steps.
    var stepLabels: [(step: Double, text: String)] = []
    var stepCaption = ""
    enum Scale { case linear, percent, logarithmic }
    var scale = Scale.linear
    /// What the pane says while there is nothing to draw.
    var empty: String

    func draw(_ canvas: inout Canvas, _ area: Area) {
        // The longest legend that leaves room for the title.
        let room = area.width - 8 - canvas.width(title)
        let fitting = legend.first { $0.reduce(0) { $0 + canvas.width($1.text) } <= room }
        canvas.box(area, title: title, right: fitting ?? [])
        let inner = area.inset()
        guard inner.width >= 8, inner.height >= 1 else { return }

        var least = line.least
        var greatest = line.greatest
        if scale == .logarithmic { least = line.leastPositive }
        if let points, !points.isEmpty {
            least = min(least, points.least)
            greatest = max(greatest, points.greatest)
        }
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
        drawMarks(&canvas, plot)
        drawLine(&canvas, axis, plot)
        drawPoints(&canvas, axis, plot)
        drawMarkLabels(&canvas, plot)
        drawStepLabels(&canvas, plot, bottom: area.bottom - 1)
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

    private static func row(_ place: Double, _ height: Int) -> Int {
        Int(((1 - place) * Double(height - 1)).rounded())
    }

    /// Where a step lies between 0 and the width, or nil outside.
    private func place(_ step: Double) -> Double? {
        guard to > from else { return step == from ? 0 : nil }
        let share = (step - from) / (to - from)
        return share >= 0 && share <= 1 ? share : nil
    }

    private func column(_ step: Double, _ width: Int) -> Int? {
        place(step).map { Int(($0 * Double(width - 1)).rounded()) }
    }

    private func drawMarks(_ canvas: inout Canvas, _ plot: Area) {
        for mark in marks {
            guard let x = column(Double(mark.step), plot.width) else { continue }
            for y in plot.y..<plot.bottom {
                canvas.set(plot.x + x, y, canvas.isUnicode ? "╎" : ":", canvas.theme[.mark])
            }
        }
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
                    guard cells.allSatisfy({ $0 == x || canvas.frame[plot.x + $0, plot.y + row].text == " " }) else {
                        continue
                    }
                    canvas.put(plot.x + start, plot.y + row, text, canvas.theme[.mark], limit: plot.right)
                    done = true
                }
            }
        }
    }

    /// The line of the means over the band between least and greatest. With one sample a column they are the same.
    private func drawLine(_ canvas: inout Canvas, _ axis: Axis, _ plot: Area) {
        let across = canvas.isUnicode ? 2 : 1
        let down = canvas.isUnicode ? 4 : 1
        let columns = plot.width * across
        let dots = plot.height * down
        var line = [UInt8](repeating: 0, count: plot.width * plot.height)
        var band = line
        func mark(_ grid: inout [UInt8], _ x: Int, _ y: Int) {
            guard x >= 0, x < columns, y >= 0, y < dots else { return }
            grid[y / down * plot.width + x / across] |=
                canvas.isUnicode ? brailleBits[y % 4 * 2 + x % 2] : 1
        }
        func vertical(_ grid: inout [UInt8], _ x: Int, _ a: Int, _ b: Int) {
            for y in min(a, b)...max(a, b) { mark(&grid, x, y) }
        }
        func dot(_ value: Double) -> Int { Self.row(axis.place(value), dots) }

        var current: (x: Int, least: Double, greatest: Double, sum: Double, count: Int, gap: Bool)?
        var previous: (x: Int, y: Int)?
        func flush() {
            guard let column = current else { return }
            vertical(&band, column.x, dot(column.least), dot(column.greatest))
            let y = dot(column.sum / Double(column.count))
            if let before = previous, !column.gap, before.x < column.x {
                var last = before.y
                for x in before.x + 1...column.x {
                    let share = Double(x - before.x) / Double(column.x - before.x)
                    let next = Int((Double(before.y) + share * Double(y - before.y)).rounded())
                    // Each column takes its half of a steep rise.
                    let middle = (last + next) / 2
                    vertical(&line, x - 1, last, middle)
                    vertical(&line, x, middle, next)
                    last = next
                }
            } else {
                mark(&line, column.x, y)
            }
            previous = (column.x, y)
            current = nil
        }

        var gap = true
        for slot in self.line.slots {
            guard slot.count > 0 else {
                gap = true
                continue
            }
            gap = gap || slot.startsInGap
            defer { gap = slot.endsInGap }
            guard let x = column(self.line.step(of: slot), columns) else { continue }
            if let open = current, open.x == x {
                current = (
                    x, min(open.least, slot.least), max(open.greatest, slot.greatest), open.sum + slot.sum,
                    open.count + slot.count, open.gap
                )
            } else {
                flush()
                current = (x, slot.least, slot.greatest, slot.sum, slot.count, gap)
            }
        }
        flush()

        let lineStyle = canvas.theme[.train]
        let bandStyle = canvas.theme[.band]
        for place in line.indices where line[place] | band[place] != 0 {
            let text: String
            if canvas.isUnicode {
                text = brailleText[Int(line[place] | band[place])]
            } else {
                text = line[place] != 0 ? "*" : "."
            }
            canvas.set(
                plot.x + place % plot.width, plot.y + place / plot.width, text,
                line[place] != 0 ? lineStyle : bandStyle)
        }
    }

    private func drawPoints(_ canvas: inout Canvas, _ axis: Axis, _ plot: Area) {
        guard let points else { return }
        for slot in points.slots where slot.count > 0 {
            guard let x = column(points.step(of: slot), plot.width) else { continue }
            canvas.set(
                plot.x + x, plot.y + Self.row(axis.place(slot.mean), plot.height), canvas.isUnicode ? "●" : "o",
                canvas.theme[.validation])
        }
    }

    private func drawStepLabels(_ canvas: inout Canvas, _ plot: Area, bottom: Int) {
        var free = plot.x - 1
        var caption = stepCaption
        for (step, text) in stepLabels {
            guard let x = column(step, plot.width) else { continue }
            let padded = " " + caption + text + " "
            let size = canvas.width(padded)
            let end = min(plot.x + x + 1 + (text.utf8.count + 2) / 2, plot.right + 1)
            if end - size < free { continue }
            canvas.put(end - size, bottom, padded, canvas.theme[.axis])
            free = end + 1
            caption = ""
        }
    }
}

private let brailleBits: [UInt8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]
private let brailleText: [String] = (0..<256).map { Unicode.Scalar(UInt32(0x2800 + $0)).map(String.init) ?? " " }
