import TUI
import Experiments
import Dashboard
import Support
import Training
import TrainingEvents

/// The validation accuracy of every arm over its epochs, as lines of text.
///
///     100.0 % │          2──2──2
///             │ 2──2──2     1──1
///      75.0 % │ 1──1──1──1
///             └─────────────────
///     1 head 93.8 %   2 partial 100.0 %
struct ComparisonChart {
    private struct Curve {
        var arm: Int
        var accuracies: [Double] = []
    }

    private let arms: [String]
    /// Which arm a run's name belongs to.
    private let armOfPhase: [String: Int]
    private let epochs: Int
    /// One a run, in the order in which they began.
    private var curves: [Curve] = []
    /// What is going on now.
    private var status = ""
    private var phase = ""

    init(arms: [String], rounds: Int, epochs: Int) {
        self.arms = arms
        self.epochs = max(1, epochs)
        var phases: [String: Int] = [:]
        for (arm, name) in arms.enumerated() {
            for round in 0..<rounds { phases[Comparison.phase(name, round: round, of: rounds)] = arm }
        }
        armOfPhase = phases
    }

    /// Whether the chart has another point now; otherwise at most its last line has changed.
    mutating func take(_ event: TrainingEvent) -> Bool {
        switch event {
        case .opened(let run):
            phase = run.phase ?? ""
            status = phase
            if let arm = armOfPhase[phase] { curves.append(Curve(arm: arm)) }
            return true
        case .progress(let work) where work.total > 0:
            status = "\(phase): \(work.work.rawValue) \(work.done)/\(work.total)"
        case .step(let step):
            status =
                "\(phase): epoch \(step.epoch), step \(step.stepInEpoch)/\(step.stepsPerEpoch), loss "
                + PlainProgress.short(step.loss)
        case .epoch(let epoch):
            guard let validation = epoch.validation, let last = curves.indices.last else { return false }
            curves[last].accuracies.append(validation.accuracy)
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
    func lines(width: Int, height: Int, isUnicode: Bool) -> [String] {
        let legend = legend(width)
        let rows = max(3, min(14, height - legend.count - 2))
        let plot = plot(width: min(width, 100), rows: rows, isUnicode: isUnicode)
        return Array((plot + legend + (status.isEmpty ? [] : [cut(status, width)])).suffix(height))
    }

    private func plot(width: Int, rows: Int, isUnicode: Bool) -> [String] {
        let values = curves.flatMap(\.accuracies).filter(\.isFinite)
        // Steps of five per cent, so that the axis does not move with every epoch.
        let low = max(0, (((values.min() ?? 0) * 20 - 1e-9).rounded(.down)) / 20)
        let high = min(1, max(low + 0.05, (((values.max() ?? 1) * 20 + 1e-9).rounded(.up)) / 20))
        func row(_ value: Double) -> Int { Int(((high - value) / (high - low) * Double(rows - 1)).rounded()) }
        let room = TextTable.percent(1).count
        let columns = max(4, width - room - 3)
        func column(_ epoch: Int) -> Int { epochs == 1 ? 0 : epoch * (columns - 1) / (epochs - 1) }

        var cells = [[Character]](repeating: [Character](repeating: " ", count: columns), count: rows)
        for curve in curves { draw(curve, &cells, isUnicode ? "·" : ".", column, row) }
        // Signs over lines: where arms cross, each point is still there.
        for curve in curves {
            for (epoch, value) in curve.accuracies.enumerated() where value.isFinite && epoch < epochs {
                cells[row(value)][column(epoch)] = Self.sign(curve.arm)
            }
        }
        let labels = [0: high, rows - 1: low]
        let strokes = cells.enumerated().map { y, cells in
            let label = labels[y].map(TextTable.percent) ?? ""
            return String(repeating: " ", count: room - label.count) + label + (isUnicode ? " │" : " |") + String(cells)
        }
        let axis = String(repeating: isUnicode ? "─" : "-", count: columns)
        return strokes + [String(repeating: " ", count: room) + (isUnicode ? " └" : " +") + axis]
    }

    /// The line between a curve's points.
    private func draw(
        _ curve: Curve, _ cells: inout [[Character]], _ dot: Character, _ column: (Int) -> Int, _ row: (Double) -> Int
    ) {
        let points = curve.accuracies.prefix(epochs).enumerated().filter { $0.element.isFinite }
        for (a, b) in zip(points, points.dropFirst()) {
            let (from, to) = (column(a.offset), column(b.offset))
            for x in from..<max(from, to) {
                let share = Double(x - from) / Double(to - from)
                cells[row(a.element + share * (b.element - a.element))][x] = dot
            }
        }
    }

    /// Which sign is which arm, and the best that it has reached, in as many lines as it takes.
    private func legend(_ width: Int) -> [String] {
        let entries = arms.enumerated().map { arm, name in
            let best = curves.filter { $0.arm == arm }.flatMap(\.accuracies).max()
            return cut("\(Self.sign(arm)) \(name)" + (best.map { " \(TextTable.percent($0))" } ?? ""), width)
        }
        return StandardStreams.filled(entries, by: "   ", width)
    }

    private static func sign(_ arm: Int) -> Character {
        let signs = Array("123456789abcdefghijklmnopqrstuvwxyz")
        return arm < signs.count ? signs[arm] : "*"
    }

    /// As much of the text as has room on one line, its control characters made visible.
    private func cut(_ text: String, _ width: Int) -> String {
        var text = StandardStreams.visible(text.split(whereSeparator: \.isNewline).joined(separator: " "))
        while displayWidth(text) > width { text.removeLast() }
        return text
    }
}
