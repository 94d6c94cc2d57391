import Support
import TUI

/// A logarithmic scale of colours, with a character for each level, so that it is read without colours too.
struct HeatScale {
    var least: Double
    var greatest: Double

    /// From dark violet over green to yellow: even in brightness, and distinct with any colour vision.
    private static let stops = [
        0x482C78, 0x3E4C8A, 0x31688E, 0x26828E, 0x1F9E89, 0x35B779, 0x6DCD59, 0xB4DE2C, 0xFDE725,
    ].map { RGB($0) }
    static let unicode = ["·", "░", "▒", "▓", "█"]
    static let ascii = [".", ":", "-", "=", "+", "*", "#", "%", "@"]
    /// More decades than this hide what happens within them.
    private static let decades = 8

    /// nil where there is nothing positive.
    init?(_ series: [Series]) {
        var (least, greatest) = (Double.infinity, 0.0)
        for one in series where !one.isEmpty {
            least = min(least, one.leastPositive)
            greatest = max(greatest, one.greatest)
        }
        guard greatest > 0, greatest.isFinite else { return nil }
        let high = Int(Numbers.log10Floor(min(greatest, 1e250)))
        let low = max(Int(Numbers.log10Floor(max(least, 1e-250))), high - Self.decades)
        self.least = Numbers.power10(min(low, high))
        self.greatest = Numbers.power10(high + 1)
    }

    /// 0 to 1.
    func place(_ value: Double) -> Double {
        guard value > 0 else { return 0 }
        let share = (logarithm10(value) - logarithm10(least)) / (logarithm10(greatest) - logarithm10(least))
        return share.isFinite ? min(1, max(0, share)) : 0
    }

    func style(_ place: Double) -> Style {
        let last = Self.stops.count - 1
        return Style(foreground: Self.stops[max(0, min(last, Int((place * Double(last)).rounded())))])
    }

    func text(_ place: Double, _ glyphs: GlyphSet) -> String {
        let levels = glyphs == .unicode ? Self.unicode : Self.ascii
        return levels[max(0, min(levels.count - 1, Int(place * Double(levels.count))))]
    }

    /// `1e-6 ·░▒▓█ 1e0`, coloured.
    func legend(_ canvas: Canvas, room: Int) -> [Span] {
        let (low, high) = (Numbers.scientific(least, places: 0), Numbers.scientific(greatest, places: 0))
        let size = max(0, min(18, room - low.utf8.count - high.utf8.count - 2))
        guard size >= 3 else { return [] }
        var spans = [Span(low + " ", canvas.theme[.dim])]
        for step in 0..<size {
            let place = Double(step) / Double(size - 1)
            spans.append(Span(text(min(place, 0.999), canvas.glyphs), style(place)))
        }
        return spans + [Span(" " + high, canvas.theme[.dim])]
    }
}

/// Layers by time: a row for each row of the tree that has none below it, a column for some steps.
struct HeatMapView {
    let quantity: ViewSettings.HeatQuantity
    let run: RunState
    let charts: ChartState
    let tree: LayerTree
    let gradients: GradientState
    let selection: Selection

    func draw(_ canvas: inout Canvas, _ area: Area) {
        let theme = canvas.theme
        let series = quantity == .gradientNorm ? gradients.norms : gradients.ratios
        let shown = selection.rows.filter { node in
            tree.nodes[node].children.isEmpty || !selection.unfolded.contains(tree.nodes[node].path)
        }
        let title = (quantity == .gradientNorm ? "Gradient norm" : "Update to weight") + " by layer"
        let scale = HeatScale(shown.filter(series.indices.contains).map { series[$0] })
        canvas.box(area, title: title, right: scale?.legend(canvas, room: area.width - canvas.width(title) - 10) ?? [])
        let inner = area.inset()
        guard inner.width >= 24, inner.height >= 3 else { return }
        guard let scale else {
            canvas.putFitted(
                inner.x + 2, inner.y + inner.height / 2, "no gradient yet", theme[.dim], width: inner.width - 4)
            return
        }
        let labels = shown.map { tree.name(of: $0).hasSuffix(".weight") ? tree.nodes[$0].path : tree.name(of: $0) }
            .map { Self.shortened($0, inner.width / 3, canvas) }
        let labelWidth = min(inner.width / 3, labels.map { canvas.width($0) }.max() ?? 0)
        let plot = Area(
            x: inner.x + labelWidth + 2, y: inner.y + 1, width: inner.width - labelWidth - 3, height: inner.height - 1)
        guard plot.width >= 8 else { return }
        let axis = StepAxis(run, charts, labelRoom: max(2, plot.width / 8))
        let (from, to) = (axis.from, axis.to)

        // The row under the cursor, or the folded group that it is in, stays in the middle.
        let own = shown.firstIndex { $0 >= selection.cursorNode ?? 0 } ?? 0
        let top = max(0, min(own - plot.height / 2, shown.count - plot.height))
        for line in 0..<min(plot.height, shown.count - top) {
            let node = shown[top + line]
            let isOwn = node == selection.cursorNode
            canvas.putFitted(
                inner.x + 1, plot.y + line, labels[top + line], theme[isOwn ? .title : .dim], width: labelWidth)
            guard series.indices.contains(node) else { continue }
            for (column, value) in means(series[node], plot.width, from: from, to: to).enumerated() {
                guard let value else { continue }
                let place = scale.place(value)
                canvas.set(
                    plot.x + column, plot.y + line, scale.text(min(place, 0.999), canvas.glyphs), scale.style(place))
            }
        }
        drawHeatMarks(&canvas, plot, from: from, to: to)
        var free = plot.x
        for (index, label) in axis.labels.enumerated() {
            let text = (index == 0 ? axis.caption : "") + label.text
            let x = plot.x + Int(((label.step - from) / max(1, to - from) * Double(plot.width - 1)).rounded())
            let start = min(max(free, x - canvas.width(text) / 2), plot.right - canvas.width(text))
            guard start >= free else { continue }
            canvas.put(start, area.bottom - 1, " " + text + " ", theme[.axis], limit: area.right - 1)
            free = start + canvas.width(text) + 3
        }
    }

    /// A path as far as it tells rows apart: where `layer4.0.conv1.weight` has no room, `4.0.conv1`, then `0.conv1`.
    private static func shortened(_ path: String, _ width: Int, _ canvas: Canvas) -> String {
        guard canvas.width(path) > width else { return path }
        var text = path.hasSuffix(".weight") ? String(path.dropLast(7)) : path
        if text.hasPrefix("layer"), canvas.width(text) > width { text.removeFirst(5) }
        while canvas.width(text) > width, let dot = text.firstIndex(of: "."), text[dot...].count > 1 {
            text = String(text[text.index(after: dot)...])
        }
        return text
    }

    /// The marks stand above the rows: a line through them would hide what they are there to explain.
    private func drawHeatMarks(_ canvas: inout Canvas, _ plot: Area, from: Double, to: Double) {
        let sign = canvas.isUnicode ? "╎" : ":"
        var limit = plot.right
        for mark in charts.marks.reversed() {
            let share = (Double(mark.step) - from) / max(1, to - from)
            guard share >= 0, share <= 1 else { continue }
            let x = plot.x + Int((share * Double(plot.width - 1)).rounded())
            guard x < limit else { continue }
            canvas.set(x, plot.y - 1, sign, canvas.theme[.mark])
            if limit - x > 4 {
                canvas.putFitted(x + 1, plot.y - 1, mark.label, canvas.theme[.mark], width: limit - x - 2)
            }
            limit = x
        }
    }

    /// The mean of each column; nil where nothing was measured.
    private func means(_ series: Series, _ width: Int, from: Double, to: Double) -> [Double?] {
        var sums = [Double](repeating: 0, count: width)
        var counts = [Int](repeating: 0, count: width)
        guard to > from else { return [Double?](repeating: nil, count: width) }
        func column(_ step: Double) -> Int { Int(max(-1, min(2, (step - from) / (to - from))) * Double(width - 1)) }
        for slot in series.slots where slot.count > 0 {
            let start = series.step(of: slot)
            let first = column(start)
            // Where steps are wider than columns, a step fills the columns up to the next one.
            let last = max(first, column(start + Double(series.stride)) - 1)
            for x in max(0, first)...max(0, max(first, last)) where x < width && start >= from - 1 {
                sums[x] += slot.sum
                counts[x] += slot.count
            }
        }
        return (0..<width).map { counts[$0] > 0 ? sums[$0] / Double(counts[$0]) : nil }
    }
}
