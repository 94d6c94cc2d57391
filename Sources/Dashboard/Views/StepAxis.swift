import Support
import TUI

/// What the charts span, in steps.
struct StepAxis {
    /// What is shown.
    var from: Double
    var to: Double
    var labels: [(step: Double, text: String)]
    var caption: String

    /// The first and the latest step that a chart can show.
    static func bounds(_ run: RunState, _ charts: ChartState) -> (first: Double, last: Double) {
        let first = Double(run.firstStep)
        let ends = charts.others.map { Double($0.loss.lastStep) * scale(of: $0, run, charts) }
        return (first, max(first, Double(run.lastStep?.step ?? run.firstStep), ends.max() ?? 0))
    }

    /// How many steps of the shown run one of the other's is: while the axis counts epochs, epochs of other lengths lie over
    /// each other.
    static func scale(of other: OtherRun, _ run: RunState, _ charts: ChartState) -> Double {
        guard !charts.view.countsSteps, let own = run.lastStep?.stepsPerEpoch, own > 0, other.stepsPerEpoch > 0
        else { return 1 }
        return Double(own) / Double(other.stepsPerEpoch)
    }

    /// The window, or a round number of whole epochs that holds all steps so far, so the axis grows in jumps and a long
    /// run's beginning is not a sliver. With about `labelRoom` labels.
    init(_ run: RunState, _ charts: ChartState, labelRoom: Int) {
        let view = charts.view
        let (first, last) = Self.bounds(run, charts)
        let perEpoch = Double(run.lastStep?.stepsPerEpoch ?? 0)
        (from, to, labels, caption) = (first, last, [], "")
        if let (from, to) = view.edges((first, last)) {
            (self.from, self.to) = (from, to)
            if !view.countsSteps, perEpoch > 0 { countEpochs(perEpoch, labelRoom) }
            if labels.count < 2 { countSteps(labelRoom) }
            return
        }
        guard perEpoch > 0 else {
            to = first + max(10, Axis.roundStep(last - first))
            if view.countsSteps { countSteps(labelRoom) }
            return
        }
        let needed = max(1, ((last - first) / perEpoch).rounded(.up))
        var epochs = Axis.roundStep(needed)
        if epochs > 2, needed <= 3 { epochs = 3 }
        if let totalSteps = run.totalSteps {
            let rest = ((Double(totalSteps) - first) / perEpoch).rounded(.up)
            epochs = max(needed, min(epochs, rest))
        }
        to = first + epochs * perEpoch
        if view.countsSteps { countSteps(labelRoom) } else { countEpochs(perEpoch, labelRoom) }
    }

    /// Epochs are counted from the run's start, also where it was resumed in the middle.
    private mutating func countEpochs(_ size: Double, _ room: Int) {
        let every = max(1, Axis.roundStep((to - from) / size / Double(max(1, room))).rounded(.up))
        label(every: every, of: size, "epoch ")
    }

    private mutating func countSteps(_ room: Int) {
        label(every: max(1, Axis.roundStep((to - from) / Double(max(1, room)))), of: 1, "step ")
    }

    private mutating func label(every: Double, of size: Double, _ caption: String) {
        self.caption = caption
        labels = []
        var number = ((from / size / every).rounded(.down) + 1) * every
        while number * size <= to + 0.5, labels.count < 200 {
            labels.append((number * size, "\(Numbers.whole(number))"))
            number += every
        }
    }
}

extension DashboardState {
    /// The first and the latest step that a chart can show.
    var stepBounds: (first: Double, last: Double) { StepAxis.bounds(run, charts) }
}
