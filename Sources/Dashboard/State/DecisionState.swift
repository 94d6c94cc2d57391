import Network
import TUI
import Support
import TrainingEvents

/// What the right-hand side shows.
enum RightView: Sendable, Equatable {
    case charts
    case heat(HeatQuantity)
    case mistakes
}

enum HeatQuantity: Sendable, Equatable { case gradientNorm, updateRatio }

/// Everything that helps to decide what to freeze: the part of the state that the decision views own.
struct DecidingState: Sendable {
    /// Text that is typed to find a row.
    struct Search: Sendable, Equatable {
        var text = ""
        var isTyping = false
        /// Where the cursor was, to return to with escape.
        var origin: String?
    }

    /// A change that waits for y, because something would be lost.
    struct Confirmation: Sendable, Equatable {
        var command: TrainingCommand
        /// "drops 57 MiB of cached features (12 s to fill)".
        var loss: String
        /// Which way of the history it goes.
        var kind: ChangeKind
    }

    enum ChangeKind: Sendable, Equatable { case change, undo, redo }

    // The person.
    var history = MaskHistory()
    /// The other end of a range selection, as a path.
    var anchor: String?
    var search = Search()
    var confirmation: Confirmation?
    var view = RightView.charts
    var viewScroll = 0
    /// What the engine was last asked to inspect.
    var inspecting: String?

    // The run.
    var rateFactor = 1.0
    var notFinite: NotFiniteReport?
    var mistakes: MistakesReport?
    var inspection: ParameterInspection?
    var costs: StepCosts?
    /// Update-to-weight ratio per node of the tree, the largest of its members.
    var ratios: [Series] = []
    /// The latest validations, oldest first.
    var validations: [ValidationReport] = []
    /// Training loss at the same epochs' ends.
    var trainingLosses: [Double] = []
    var samples: [StepSample] = []
    var effects: [Effect] = []
    var losses = LossTrend()

    static let sampleLimit = 64
    static let validationLimit = 64

    /// A new run; what the person chose to look at stays.
    mutating func begin(nodes: Int) {
        var fresh = DecidingState()
        fresh.view = view
        fresh.search.text = search.text
        fresh.ratios = [Series](repeating: Series(capacity: 512), count: nodes)
        self = fresh
    }
}

extension DashboardState {
    // MARK: What came from the engine

    private static let rateLabel = "rate "

    mutating func take(_ report: LearningRateReport) {
        deciding.rateFactor = report.factor
        // Several presses in a row are one change.
        if let last = marks.last, last.label.hasPrefix(Self.rateLabel), report.step - last.step <= 5 {
            marks.removeLast()
        }
        marks.append(ChartMark(step: report.step, label: Self.rateLabel + Numbers.rate(report.rate)))
        if marks.count > Self.markLimit { marks.removeFirst(marks.count - Self.markLimit) }
        log(.notice, "learning rate \(Numbers.rate(report.rate)) from step \(report.step)")
    }

    mutating func take(_ report: ValidationReport) {
        if progress?.work == .validation { progress = nil }
        validationLoss.append(report.score.loss, at: report.step)
        validationAccuracy.append(report.score.accuracy, at: report.step)
        log(
            .success,
            "validated after step \(report.step): loss \(Numbers.fixed(report.score.loss, 3)), accuracy "
                + Numbers.percent(report.score.accuracy))
    }

    mutating func take(_ report: NotFiniteReport) {
        deciding.notFinite = report
        deciding.losses = LossTrend()
        loss.append(.nan, at: report.step)
        marks.append(ChartMark(step: report.step, label: "back to step \(report.weightsOfStep)"))
        log(
            .error,
            "the loss of step \(report.step) is not a number; the weights of step \(report.weightsOfStep) are back")
    }

    /// What a step adds; `ratios` by parameter are there already.
    mutating func note(_ report: StepReport) {
        if report.loss.isFinite { deciding.notFinite = nil }
        deciding.losses.append(report.loss)
        deciding.samples.append(
            StepSample(
                step: report.step, loss: report.loss, images: report.images, milliseconds: report.milliseconds,
                isSteady: isCacheSteady))
        if deciding.samples.count > DecidingState.sampleLimit { deciding.samples.removeFirst() }
        noteEffect()

        guard deciding.ratios.count == tree.nodes.count else { return }
        var largest = [Double](repeating: .nan, count: tree.nodes.count)
        for parameter in updateRatios.indices where updateRatios[parameter].isFinite {
            var node: Int? = tree.leaf[parameter]
            while let number = node {
                largest[number] =
                    largest[number].isNaN
                    ? updateRatios[parameter] : max(largest[number], updateRatios[parameter])
                node = tree.nodes[number].parent
            }
        }
        for node in largest.indices where largest[node].isFinite || !deciding.ratios[node].slots.isEmpty {
            deciding.ratios[node].append(largest[node], at: report.step)
        }
    }

    mutating func note(_ report: EpochReport) {
        guard let validation = report.validation else { return }
        deciding.validations.append(ValidationReport(step: report.step, score: validation))
        deciding.trainingLosses.append(report.training.loss)
        if deciding.validations.count > DecidingState.validationLimit {
            deciding.validations.removeFirst()
            deciding.trainingLosses.removeFirst()
        }
    }

    /// Whether steps take what they will go on to take: nothing is being filled into the cache.
    var isCacheSteady: Bool {
        guard case .on(_, _, let cached, _)? = cache else { return true }
        return cached >= (dataset?.trainingCount ?? 0)
    }
}
