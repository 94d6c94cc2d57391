import Network
import Support
import TrainingEvents

/// A run folder's run.json and metrics.jsonl, read back into the events that wrote them.
package struct RunReplay {
    private let record: RunRecord
    private let path: String
    private let stepsPerEpoch: Int
    private var best: Score?

    /// Throws what `RunOptions.validate` throws.
    package init(_ record: RunRecord, path: String) throws {
        try record.options.validate()
        self.record = record
        self.path = path
        stepsPerEpoch = record.options.stepsPerEpoch(pictures: max(0, record.trainingCount))
    }

    /// What comes before a run's first step.
    package var opening: [TrainingEvent] {
        let opened = RunDescription(
            record.options, classes: max(1, record.classes.count), weights: record.weights, output: path)
        return [
            .opened(opened),
            .dataset(
                DatasetDescription(
                    classes: record.classes, trainingCount: record.trainingCount,
                    validationCount: record.validationCount, skippedCount: record.skippedCount,
                    stepsPerEpoch: stepsPerEpoch)),
            .freeze(completed(FreezeReport(step: 1, trainable: opened.trainable, frostLine: ""))),
        ]
    }

    /// The event of one line, with what the line leaves to the run; nil for a line that is none.
    package mutating func event(of line: JSON) -> TrainingEvent? {
        switch TrainingEvent(metricsLine: line) {
        case .step(var report)?:
            report.stepInEpoch = stepsPerEpoch > 0 ? (max(1, report.step) - 1) % stepsPerEpoch + 1 : report.step
            report.stepsPerEpoch = stepsPerEpoch
            report.images = record.options.images(
                ofStep: report.stepInEpoch, of: stepsPerEpoch, pictures: max(0, record.trainingCount))
            return .step(report)
        case .epoch(var report)?:
            report.isBest = report.validation.map { $0.isBetter(than: best) } ?? false
            if report.isBest { best = report.validation }
            return .epoch(report)
        case .freeze(let report)?: return .freeze(completed(report))
        case let event: return event
        }
    }

    /// The end, where run.json has it.
    package var ending: TrainingEvent? {
        guard var result = record.result else { return nil }
        result.output = path
        return .finished(result)
    }

    private func completed(_ report: FreezeReport) -> FreezeReport {
        var report = report
        let plan = TrainingPlan(trainable: Set(report.trainable), frozenBatchNorm: record.options.frozenBatchNorm)
        report.frostLine = ResNet.resnet18.name(ofCut: plan.cut)
        return report
    }
}
