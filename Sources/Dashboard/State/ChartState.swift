import TUI
import TrainingEvents

/// What the charts draw: the measured series, marks, other runs, and how they are looked at.
package struct ChartState: Sendable {
    var loss = Series()
    var accuracy = Series()
    var validationLoss = Series()
    var validationAccuracy = Series()
    private(set) var marks: [ChartMark] = []
    /// Runs whose lines lie behind this one's; at most `OtherRun.limit`.
    package var others: [OtherRun] = []
    package internal(set) var view = ChartView()

    static let markLimit = 256
    private static let rateLabel = "rate "

    /// A new run: its series start afresh, smoothing and scales stay.
    mutating func begin() {
        let (old, others) = (view, others)
        self = ChartState()
        self.others = others
        view = old
        view.window = nil
        view.cursor = nil
    }

    mutating func mark(_ step: Int, _ label: String) {
        marks.append(ChartMark(step: step, label: label))
        if marks.count > Self.markLimit { marks.removeFirst(marks.count - Self.markLimit) }
    }

    /// Several changes of the rate in a row are one.
    mutating func markRate(_ step: Int, _ rate: String) {
        if let last = marks.last, last.label.hasPrefix(Self.rateLabel), step - last.step <= 5 { marks.removeLast() }
        mark(step, Self.rateLabel + rate)
    }

    mutating func append(validation score: Score, at step: Int) {
        validationLoss.append(score.loss, at: step)
        validationAccuracy.append(score.accuracy, at: step)
    }
}
