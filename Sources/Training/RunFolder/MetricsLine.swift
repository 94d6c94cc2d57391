import Support
import TrainingEvents

extension TrainingEvent {
    /// The line of metrics.jsonl for this event; nil for those that have none.
    var metricsLine: JSON? {
        switch self {
        case .step(let report):
            .object([
                ("kind", .string("step")), ("step", .integer(report.step)), ("epoch", .integer(report.epoch)),
                ("loss", .number(report.loss)), ("accuracy", .number(report.accuracy)),
                ("learningRate", .number(report.learningRate)), ("milliseconds", .number(report.milliseconds)),
                (
                    "gradientNorms",
                    .object(report.gradientNorms.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
                ),
            ])
        case .epoch(let report):
            .object(
                [
                    ("kind", .string("epoch")), ("epoch", .integer(report.epoch)), ("step", .integer(report.step)),
                    ("training", report.training.json),
                ] + (report.validation.map { [("validation", $0.json)] } ?? []) + [("seconds", .number(report.seconds))]
            )
        case .freeze(let report):
            .object([
                ("kind", .string("freeze")), ("step", .integer(report.step)),
                ("trainable", .array(report.trainable.map(JSON.string))),
            ])
        case .learningRate(let report):
            .object([
                ("kind", .string("learningRate")), ("step", .integer(report.step)),
                ("factor", .number(report.factor)), ("learningRate", .number(report.rate)),
            ])
        case .validation(let report):
            .object([
                ("kind", .string("validation")), ("step", .integer(report.step)), ("validation", report.score.json),
            ])
        case .notFinite(let report):
            .object([
                ("kind", .string("notFinite")), ("step", .integer(report.step)),
                ("weightsOfStep", .integer(report.weightsOfStep)),
            ])
        default: nil
        }
    }
}

extension Score {
    var json: JSON { .object([("loss", .number(loss)), ("accuracy", .number(accuracy))]) }
}
