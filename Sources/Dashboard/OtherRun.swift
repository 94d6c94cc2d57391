import TrainingEvents

/// Another run, as far as it is drawn behind the one that the dashboard shows: its lines, and what it is called.
package struct OtherRun: Sendable {
    package let name: String
    private(set) var stepsPerEpoch = 0
    private(set) var loss = Series()
    private(set) var validationAccuracy = Series()

    /// More lines than these nobody tells apart.
    package static let limit = 4

    package init(name: String) { self.name = name }

    package mutating func receive(_ event: TrainingEvent) {
        switch event {
        // A run that was resumed from an earlier step tells everything again.
        case .opened: self = OtherRun(name: name)
        case .dataset(let data): stepsPerEpoch = data.stepsPerEpoch
        case .step(let step): loss.append(step.loss, at: step.step)
        case .epoch(let epoch):
            if let validation = epoch.validation { validationAccuracy.append(validation.accuracy, at: epoch.step) }
        default: break
        }
    }
}

extension Chart {
    /// A line of another run.
    struct Behind {
        var name: String
        var line: Series
        /// What its steps are multiplied with to lie on this chart's axis.
        var stepScale: Double
        var smoothing = Smoothing.off
    }

    private static let behindRoles: [Role] = [.cached, .norm, .partly, .notice]

    private static func style(_ index: Int, _ theme: Theme) -> Style {
        // Faint: whatever is bold in a theme is the shown run's.
        var style = theme[behindRoles[index % behindRoles.count]]
        style.bold = false
        return style
    }

    /// The other runs' lines, each with its number at its right end; what is drawn afterwards lies over them.
    func drawBehind(_ canvas: inout Canvas, _ axis: Axis, _ plot: Area) {
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
                plot.y + Self.row(axis.place(end.smoothedMean), plot.height), "\(index + 1)", style)
        }
    }

    /// `1 cats-2  2 cats-3`: which number is which run.
    static func names(of behind: [Behind], _ theme: Theme) -> [Span] {
        behind.enumerated().flatMap { index, other in
            [Span("  \(index + 1) ", style(index, theme)), Span(other.name, theme[.dim])]
        }
    }
}
