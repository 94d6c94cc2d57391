import Experiments
import Support
import TUI
import TrainingEvents

/// The validation accuracy of every arm over its epochs (of several seeds their mean), a legend with the best that each arm
/// has reached, and what is going on, as lines of text.
struct ComparisonChart {
    private let arms: [String]
    /// Which arm a run's name belongs to.
    private let armOfPhase: [String: Int]
    /// Auto may have more than the others.
    private var epochs: Int
    /// By arm and run: the accuracy after each epoch.
    private var accuracies: [[[Double]]]
    private var status = ""
    private var phase = ""

    init(arms: [String], rounds: Int, epochs: Int) {
        self.arms = arms
        self.epochs = max(1, epochs)
        accuracies = arms.map { _ in [] }
        var phases: [String: Int] = [:]
        for (arm, name) in arms.enumerated() {
            for round in 0..<rounds { phases[Comparison.phase(name, round: round, of: rounds)] = arm }
        }
        armOfPhase = phases
    }

    /// Whether the chart has another point now; otherwise at most its last line has changed.
    mutating func add(_ event: TrainingEvent) -> Bool {
        switch event {
        case .opened(let run):
            phase = run.phase ?? ""
            status = phase
            if let arm = armOfPhase[phase] { accuracies[arm].append([]) }
            return true
        case .progress(let work) where work.total > 0:
            status = "\(phase): \(work.work.rawValue) \(work.done)/\(work.total)"
        case .step(let step):
            status =
                "\(phase): epoch \(step.epoch), step \(step.stepInEpoch)/\(step.stepsPerEpoch), loss "
                + Numbers.short(step.loss)
        case .epoch(let epoch):
            guard let validation = epoch.validation, let arm = armOfPhase[phase], let run = accuracies[arm].indices.last
            else { return false }
            accuracies[arm][run].append(validation.accuracy)
            epochs = max(epochs, accuracies[arm][run].count)
            return true
        case .finished, .failed:
            status = ""
            return true
        default: break
        }
        return false
    }

    // MARK: Lines

    static let leastWidth = 40
    static let leastHeight = 8

    /// At most `height` lines of at most `width` columns.
    func lines(width: Int, height: Int, _ printer: ChartPrinter) -> [String] {
        let legend = legend(width)
        let rows = max(5, min(16, height - legend.count - 1))
        return Array(
            (printer.lines(chart, width: min(width, 100), height: rows) + legend
                + (status.isEmpty ? [] : [cut(status, width)])).suffix(height))
    }

    private var chart: Chart {
        var chart = Chart(
            title: "Validation accuracy", line: Series(), from: 1, to: Double(epochs), empty: "no epoch has ended")
        chart.behind = accuracies.map(Self.mean)
        chart.scale = .percent
        chart.stepCaption = "epoch "
        chart.stepLabels = (1...epochs).map { (Double($0), "\($0)") }
        return chart
    }

    /// One line of the runs of an arm: after each epoch the mean of those that have come so far.
    private static func mean(_ runs: [[Double]]) -> Chart.Behind {
        var line = Series()
        for epoch in 0..<(runs.map(\.count).max() ?? 0) {
            let values = runs.filter { $0.count > epoch }.map { $0[epoch] }
            line.append(values.reduce(0, +) / Double(values.count), at: epoch + 1)
        }
        return Chart.Behind(name: "", line: line, stepScale: 1)
    }

    /// Which sign is which arm, and the best that it has reached, in as many lines as it takes.
    private func legend(_ width: Int) -> [String] {
        let entries = arms.enumerated().map { arm, name in
            let best = accuracies[arm].joined().max()
            return cut("\(Chart.sign(arm)) \(name)" + (best.map { " \(Numbers.spacedPercent($0))" } ?? ""), width)
        }
        return StandardStreams.filled(entries, by: "   ", width)
    }

    /// As much of the text as has room on one line, its control characters made visible.
    private func cut(_ text: String, _ width: Int) -> String {
        var text = StandardStreams.visible(text.split(whereSeparator: \.isNewline).joined(separator: " "))
        while displayWidth(text) > width { text.removeLast() }
        return text
    }
}
