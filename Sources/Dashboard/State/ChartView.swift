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

    /// The window's edges within the steps from `first` to `last`.
    func edges(_ first: Double, _ last: Double) -> (from: Double, to: Double)? {
        guard let window, window.span < last - first else { return nil }
        let to = min(last, max(first + window.span, window.end ?? last))
        return (to - window.span, to)
    }

    /// Half as many steps, or twice as many, with the cursor (or else the right edge) kept in sight.
    package mutating func zoom(in closer: Bool, _ first: Double, _ last: Double) {
        let whole = last - first
        let (from, to) = edges(first, last) ?? (first, last)
        let span = closer ? max(Self.leastSpan, (to - from) / 2) : (to - from) * 2
        guard span < whole else {
            window = nil
            return
        }
        var end = to
        if let cursor {
            // The cursor stays where it is on the screen.
            let share = to > from ? min(1, max(0, (Double(cursor) - from) / (to - from))) : 1
            end = Double(cursor) + (1 - share) * span
        }
        place(Window(span: span, end: end), first, last)
    }

    /// A quarter of the window to the left or to the right.
    package mutating func pan(right: Bool, _ first: Double, _ last: Double) {
        guard let window, let (_, to) = edges(first, last) else { return }
        place(Window(span: window.span, end: to + (right ? 1 : -1) * window.span / 4), first, last)
    }

    /// Shows exactly these steps, as far as there are any.
    mutating func show(from: Double, to: Double, _ first: Double, _ last: Double) {
        let span = max(Self.leastSpan, to - from)
        guard span < last - first else {
            window = nil
            return
        }
        place(Window(span: span, end: to), first, last)
    }

    /// At the right end a window follows the run, unless that would take it away from the cursor.
    private mutating func place(_ wanted: Window, _ first: Double, _ last: Double) {
        let end = max(first + wanted.span, wanted.end ?? last)
        window = Window(span: wanted.span, end: end >= last - 0.5 && cursor == nil ? nil : end)
    }

    mutating func moveCursor(to step: Double, _ first: Double, _ last: Double) {
        let step = min(last, max(first, step))
        cursor = Numbers.whole(step.rounded())
        // The window comes along, and stays where the cursor is while the run goes on.
        guard let window, let (from, to) = edges(first, last) else { return }
        self.window?.end = to
        if step < from { place(Window(span: window.span, end: step + window.span), first, last) }
        if step > to { place(Window(span: window.span, end: step), first, last) }
    }
}
