import Support
import TUI

/// How the charts are looked at. Nothing of it touches the run.
package struct ChartView: Sendable, Equatable {
    /// What the value axes of losses and norms are; accuracy always runs in per cent.
    package enum Scale: String, CaseIterable, Sendable {
        /// The loss linear, gradient norms logarithmic.
        case automatic, logarithmic, linear
    }

    /// A part of the run.
    package struct Window: Sendable, Equatable {
        /// Steps from the left edge to the right one.
        package var span: Double
        /// The step at the right edge; nil keeps to the latest.
        package var end: Double?

        package init(span: Double, end: Double? = nil) {
            self.span = span
            self.end = end
        }
    }

    package var smoothing = Smoothing.light
    package var scale = Scale.automatic
    /// Whether the lower axis counts steps; otherwise epochs, where they are known.
    package var countsSteps = false
    /// nil for the whole run.
    package var window: Window?
    /// The step that the cursor stands on.
    package var cursor: Int?

    package init() {}

    /// Fewer steps than these are not worth a chart.
    static let leastSpan = 8.0

    /// The window's edges within the run's steps.
    func edges(_ run: (first: Double, last: Double)) -> (from: Double, to: Double)? {
        guard let window, window.span < run.last - run.first else { return nil }
        let to = min(run.last, max(run.first + window.span, window.end ?? run.last))
        return (to - window.span, to)
    }

    /// Half as many steps, or twice as many, with the cursor (or else the right edge) kept in sight.
    package mutating func zoom(in closer: Bool, _ run: (first: Double, last: Double)) {
        let (from, to) = edges(run) ?? run
        let span = closer ? max(Self.leastSpan, (to - from) / 2) : (to - from) * 2
        guard span < run.last - run.first else { return window = nil }
        var end = to
        if let cursor {
            // The cursor stays where it is on the screen.
            let share = to > from ? min(1, max(0, (Double(cursor) - from) / (to - from))) : 1
            end = Double(cursor) + (1 - share) * span
        }
        place(Window(span: span, end: end), run)
    }

    /// A quarter of the window to the left or to the right.
    package mutating func pan(right: Bool, _ run: (first: Double, last: Double)) {
        guard let window, let (_, to) = edges(run) else { return }
        place(Window(span: window.span, end: to + (right ? 1 : -1) * window.span / 4), run)
    }

    /// Shows exactly these steps, as far as there are any.
    mutating func show(from: Double, to: Double, _ run: (first: Double, last: Double)) {
        let span = max(Self.leastSpan, to - from)
        guard span < run.last - run.first else { return window = nil }
        place(Window(span: span, end: to), run)
    }

    /// At the right end a window follows the run, unless that would take it away from the cursor.
    private mutating func place(_ wanted: Window, _ run: (first: Double, last: Double)) {
        let end = max(run.first + wanted.span, wanted.end ?? run.last)
        window = Window(span: wanted.span, end: end >= run.last - 0.5 && cursor == nil ? nil : end)
    }

    mutating func moveCursor(to step: Double, _ run: (first: Double, last: Double)) {
        let step = min(run.last, max(run.first, step))
        cursor = Numbers.whole(step.rounded())
        // The window comes along, and stays where the cursor is while the run goes on.
        guard let window, let (from, to) = edges(run) else { return }
        self.window?.end = to
        if step < from { place(Window(span: window.span, end: step + window.span), run) }
        if step > to { place(Window(span: window.span, end: step), run) }
    }
}
