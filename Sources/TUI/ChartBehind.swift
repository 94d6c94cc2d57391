extension Chart {
    /// A line of another run.
    package struct Behind {
        package var name: String
        package var line: Series
        /// What its steps are multiplied with to lie on this chart's axis.
        package var stepScale: Double
        package var smoothing: Smoothing

        package init(name: String, line: Series, stepScale: Double, smoothing: Smoothing = .off) {
            self.name = name
            self.line = line
            self.stepScale = stepScale
            self.smoothing = smoothing
        }
    }

    private static let behindRoles: [Role] = [.cached, .norm, .partly, .notice]

    private static func style(_ index: Int, _ theme: Theme) -> Style {
        // Faint: whatever is bold in a theme is the shown run's.
        var style = theme[behindRoles[index % behindRoles.count]]
        style.bold = false
        return style
    }

    /// The other runs' lines, each with its number at its right end; what is drawn afterwards lies over them.
    package func drawBehind(_ canvas: inout Canvas, _ axis: Axis, _ plot: Area) {
        for (index, other) in behind.enumerated().reversed() {
            var grid = DotGrid(width: plot.width, height: plot.height, glyphs: canvas.glyphs)
            let rows = grid.rows
            let columns = columns(of: other.line, stepScale: other.stepScale, grid.columns, other.smoothing)
            trace(columns, \.smoothedMean, into: &grid) { Self.row(axis.place($0), rows) }
            let style = Self.style(index, canvas.theme)
            for place in 0..<plot.width * plot.height where grid[place] != 0 {
                canvas.set(
                    plot.x + place % plot.width, plot.y + place / plot.width, grid.text(grid[place], strong: false),
                    style)
            }
            guard let end = columns.last, grid.columns > 0 else { continue }
            canvas.set(
                plot.x + end.x * plot.width / grid.columns,
                plot.y + Self.row(axis.place(end.smoothedMean), plot.height), Self.sign(index), style)
        }
    }

    /// The sign at a line's end, one cell wide.
    package static func sign(_ index: Int) -> String {
        let signs = Array("123456789abcdefghijklmnopqrstuvwxyz")
        return index < signs.count ? String(signs[index]) : "*"
    }

    /// A line's sign in its colour, for a legend.
    package static func signSpan(_ index: Int, _ theme: Theme) -> Span { Span(sign(index), style(index, theme)) }

    /// `1 cats-2  2 cats-3`: which sign is which run; those without a name are left out.
    package static func names(of behind: [Behind], _ theme: Theme) -> [Span] {
        behind.enumerated().filter { !$0.element.name.isEmpty }.flatMap { index, other in
            [Span("  \(sign(index)) ", style(index, theme)), Span(other.name, theme[.dim])]
        }
    }
}
