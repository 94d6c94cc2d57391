import Model
import TrainingEvents

/// A run's events as TensorBoard shows them: scalars of every step and epoch, freeze marks as text, and histograms of the
/// weights that train, each epoch.
final class TensorBoardLog {
    static let folderName = "tensorboard"
    private let file: EventFile

    /// `step`: the first one that a resumed run will do again.
    init(run folder: String, resumingAt step: Int?) throws {
        file = try EventFile(folder: folder + "/" + Self.folderName, resumingAt: step)
    }

    /// Events that have no place in TensorBoard are passed over.
    func write(_ event: TrainingEvent) throws {
        switch event {
        case .step(let report):
            let norms = report.gradientNorms.sorted { $0.key < $1.key }
            try file.append(
                step: report.step,
                [
                    .scalar("step/loss", report.loss), .scalar("step/accuracy", report.accuracy),
                    .scalar("step/learning rate", report.learningRate),
                    .scalar("step/milliseconds", report.milliseconds),
                ] + norms.map { .scalar("gradient norm/\($0.key)", $0.value) })
        case .epoch(let report):
            var values: [EventFile.Value] = [
                .scalar("epoch/training loss", report.training.loss),
                .scalar("epoch/training accuracy", report.training.accuracy), .scalar("epoch/seconds", report.seconds),
            ]
            if let validation = report.validation {
                values += [
                    .scalar("epoch/validation loss", validation.loss),
                    .scalar("epoch/validation accuracy", validation.accuracy),
                ]
            }
            try file.append(step: report.step, values)
        case .freeze(let report):
            let line = report.frostLine.isEmpty ? "everything is frozen" : "frost line \(report.frostLine)"
            let names = report.trainable.isEmpty ? "nothing trains" : report.trainable.joined(separator: "  \n")
            try file.append(step: report.step, [.text("freeze", "\(line); these train:  \n\(names)")])
        default: break
        }
    }

    func writeHistograms(_ parameters: [Parameter], trainable: Set<String>, step: Int) throws {
        let values = parameters.filter { trainable.contains($0.name) }.map { parameter in
            EventFile.Value.histogram(
                "weights/\(parameter.name)",
                HistogramProto(UnsafeBufferPointer(start: parameter.values.pointer, count: parameter.count)))
        }
        if !values.isEmpty { try file.append(step: step, values) }
    }
}
