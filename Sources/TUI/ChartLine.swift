extension Chart {
    /// What falls into one column of dots.
    package struct Column {
        package var x: Int
        package var least: Double
        package var greatest: Double
        package var sum: Double
        /// Of the smoothed values.
        package var smoothed: Double
        package var count: Int
        /// Whether the line breaks before it.
        package var followsGap: Bool

        package var mean: Double { sum / Double(count) }
        package var smoothedMean: Double { smoothed / Double(count) }
    }

    /// The series by columns, plain and smoothed in one pass: a chart has thousands of slots.
    package func columns(of line: Series, stepScale: Double = 1, _ count: Int, _ smoothing: Smoothing) -> [Column] {
        var result: [Column] = []
        result.reserveCapacity(count)
        var gap = true
        for slot in line.slots {
            guard slot.count > 0 else {
                gap = true
                continue
            }
            gap = gap || slot.startsInGap
            defer { gap = slot.endsInGap }
            guard let x = column(line.step(of: slot) * stepScale, count) else { continue }
            let smoothed = slot.sum(smoothing)
            if let last = result.indices.last, result[last].x == x {
                result[last].least = min(result[last].least, slot.least)
                result[last].greatest = max(result[last].greatest, slot.greatest)
                result[last].sum += slot.sum
                result[last].smoothed += smoothed
                result[last].count += slot.count
            } else {
                result.append(
                    Column(
                        x: x, least: slot.least, greatest: slot.greatest, sum: slot.sum, smoothed: smoothed,
                        count: slot.count, followsGap: gap))
            }
        }
        return result
    }

    /// The line of the means over the band between least and greatest. Smoothed, it lies over the plain one, which stays
    /// faintly visible.
    package func drawLine(_ canvas: inout Canvas, _ axis: Axis, _ plot: Area) {
        var front = DotGrid(width: plot.width, height: plot.height, glyphs: canvas.glyphs)
        var back = front
        let rows = front.rows
        func dot(_ value: Double) -> Int { Self.row(axis.place(value), rows) }

        let columns = self.columns(of: line, front.columns, smoothing)
        for column in columns { back.vertical(column.x, dot(column.least), dot(column.greatest)) }
        if smoothing != .off { trace(columns, \.mean, into: &back, dot) }
        trace(columns, \.smoothedMean, into: &front, dot)

        let lineStyle = canvas.theme[.train]
        let bandStyle = canvas.theme[.band]
        for place in 0..<plot.width * plot.height where front[place] | back[place] != 0 {
            let isLine = front[place] != 0
            // A smoothed line stays thin where it crosses the plain one.
            let dots = isLine && smoothing != .off ? front[place] : front[place] | back[place]
            canvas.set(
                plot.x + place % plot.width, plot.y + place / plot.width, front.text(dots, strong: isLine),
                isLine ? lineStyle : bandStyle)
        }
    }

    package func trace(
        _ columns: [Column], _ value: (Column) -> Double, into grid: inout DotGrid, _ dot: (Double) -> Int
    ) {
        var previous: (x: Int, y: Int)?
        for column in columns {
            let y = dot(value(column))
            if let before = previous, !column.followsGap, before.x < column.x {
                var last = before.y
                for x in before.x + 1...column.x {
                    let share = Double(x - before.x) / Double(column.x - before.x)
                    let next = Int((Double(before.y) + share * Double(y - before.y)).rounded())
                    // Each column takes its half of a steep rise.
                    let middle = (last + next) / 2
                    grid.vertical(x - 1, last, middle)
                    grid.vertical(x, middle, next)
                    last = next
                }
            } else {
                grid.mark(column.x, y)
            }
            previous = (column.x, y)
        }
    }

    /// A ball a column, at the mean of what falls into it.
    package func drawPoints(_ canvas: inout Canvas, _ axis: Axis, _ plot: Area) {
        guard let points else { return }
        var sums: [Int: (sum: Double, count: Int)] = [:]
        for slot in points.slots where slot.count > 0 {
            guard let x = column(points.step(of: slot), plot.width) else { continue }
            sums[x, default: (0, 0)].sum += slot.sum
            sums[x, default: (0, 0)].count += slot.count
        }
        for (x, place) in sums {
            canvas.set(
                plot.x + x, plot.y + Self.row(axis.place(place.sum / Double(place.count)), plot.height),
                canvas.isUnicode ? "●" : "o", canvas.theme[.validation])
        }
    }
}
