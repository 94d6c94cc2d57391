import Support
import TrainingEvents

/// A report that is a line of metrics.jsonl: its fields say how it is written and how it is read back.
protocol MetricsLine: JSONObject {
    static var kind: String { get }
    var step: Int { get }
}

extension StepReport: MetricsLine {
    static let kind = "step"
    package static let blank = StepReport(
        step: 0, epoch: 1, stepInEpoch: 0, stepsPerEpoch: 0, loss: .nan, accuracy: .nan, learningRate: .nan, images: 0,
        milliseconds: .nan, gradientNorms: [:], updateRatios: [:])
    package static let fields: [JSONField<StepReport>] = [
        JSONField("step", \.step, isRequired: true), JSONField("epoch", \.epoch), JSONField("loss", \.loss),
        JSONField("accuracy", \.accuracy), JSONField("learningRate", \.learningRate),
        JSONField("milliseconds", \.milliseconds), JSONField("gradientNorms", \.gradientNorms),
    ]
}

extension EpochReport: MetricsLine {
    static let kind = "epoch"
    package static let blank = EpochReport(
        epoch: 1, step: 0, training: .blank, validation: nil, seconds: 0, isBest: false)
    package static let fields: [JSONField<EpochReport>] = [
        JSONField("epoch", \.epoch), JSONField("step", \.step, isRequired: true), JSONField("training", \.training),
        .ifPresent("validation", \.validation), JSONField("seconds", \.seconds),
    ]
}

extension FreezeReport: MetricsLine {
    static let kind = "freeze"
    package static let blank = FreezeReport(step: 0, trainable: [], frostLine: "")
    package static let fields: [JSONField<FreezeReport>] = [
        JSONField("step", \.step, isRequired: true), JSONField("trainable", \.trainable),
    ]
}

extension LearningRateReport: MetricsLine {
    static let kind = "learningRate"
    package static let blank = LearningRateReport(step: 0, factor: 1, rate: .nan)
    package static let fields: [JSONField<LearningRateReport>] = [
        JSONField("step", \.step, isRequired: true), JSONField("factor", \.factor), JSONField("learningRate", \.rate),
    ]
}

extension ValidationReport: MetricsLine {
    static let kind = "validation"
    package static let blank = ValidationReport(step: 0, score: .blank)
    package static let fields: [JSONField<ValidationReport>] = [
        JSONField("step", \.step, isRequired: true), JSONField("validation", \.score, isRequired: true),
    ]
}

extension NotFiniteReport: MetricsLine {
    static let kind = "notFinite"
    package static let blank = NotFiniteReport(step: 0, weightsOfStep: 0)
    package static let fields: [JSONField<NotFiniteReport>] = [
        JSONField("step", \.step, isRequired: true), JSONField("weightsOfStep", \.weightsOfStep),
    ]
}

extension ProbeReport: MetricsLine {
    static let kind = "probe"
    package static let blank = ProbeReport(
        step: 0, trainingPictures: 0, heldOutPictures: 0, isHeldOut: true, trainedUnits: [], trained: .blank,
        milliseconds: nil, groups: [], seconds: 0)
    package static let fields: [JSONField<ProbeReport>] = [
        JSONField("step", \.step, isRequired: true), JSONField("trainingPictures", \.trainingPictures),
        JSONField("heldOutPictures", \.heldOutPictures), JSONField("heldOut", \.isHeldOut),
        JSONField("trainedUnits", \.trainedUnits), JSONField("trained", \.trained),
        JSONField("milliseconds", \.milliseconds), JSONField("groups", \.groups), JSONField("seconds", \.seconds),
    ]
}

extension AutoDecision.Choice: JSONConvertible {}

extension AutoDecision: MetricsLine {
    static let kind = "auto"
    package static let blank = AutoDecision(.begins, step: 0, text: "")
    package static let fields: [JSONField<AutoDecision>] = [
        JSONField("step", \.step, isRequired: true), JSONField("decision", \.choice, isRequired: true),
        JSONField("group", \.group), JSONField("fall", \.fall), JSONField("fallError", \.fallError),
        JSONField("text", \.text),
    ]
}

extension ProbeReport.Group: JSONObject {
    package static let blank = ProbeReport.Group(name: "", worth: .blank, milliseconds: nil)
    package static let fields: [JSONField<ProbeReport.Group>] = [
        JSONField("name", \.name, isRequired: true), JSONField("worth", \.worth),
        JSONField("milliseconds", \.milliseconds),
    ]
}

extension Worth: JSONObject {
    package static let blank = Worth(
        gradientNorm: 0, fall: 0, fallError: 0, signalToNoise: 0, cosine: 0, reach: 0, batchNormGradient: 0,
        statisticsDistance: 0)
    package static let fields: [JSONField<Worth>] = [
        JSONField("gradientNorm", \.gradientNorm), JSONField("fall", \.fall), JSONField("fallError", \.fallError),
        JSONField("signalToNoise", \.signalToNoise), JSONField("cosine", \.cosine),
        JSONField("reach", \.reach), JSONField("batchNormGradient", \.batchNormGradient),
        JSONField("statisticsDistance", \.statisticsDistance),
    ]
}

extension Score: JSONObject {
    package static let blank = Score(loss: .nan, accuracy: .nan)
    package static let fields: [JSONField<Score>] = [JSONField("loss", \.loss), JSONField("accuracy", \.accuracy)]
}

extension TrainingEvent {
    /// The line of metrics.jsonl for this event; nil for those that have none.
    package var metricsLine: JSON? {
        func line<Report: MetricsLine>(_ report: Report) -> JSON {
            .object([("kind", .string(Report.kind))] + report.pairs)
        }
        return switch self {
        case .step(let report): line(report)
        case .epoch(let report): line(report)
        case .freeze(let report): line(report)
        case .learningRate(let report): line(report)
        case .validation(let report): line(report)
        case .probe(let report): line(report)
        case .decision(let decision): line(decision)
        case .notFinite(let report): line(report)
        default: nil
        }
    }

    /// The event of a line, as far as the line has it; nil for one that is none.
    package init?(metricsLine json: JSON) {
        func event<Report: MetricsLine>(_ make: (Report) -> TrainingEvent) -> TrainingEvent? {
            Report(json: json).flatMap { $0.step >= 0 ? make($0) : nil }
        }
        let read: TrainingEvent? =
            switch json["kind"]?.text {
            case StepReport.kind: event(Self.step)
            case EpochReport.kind: event(Self.epoch)
            case FreezeReport.kind: event(Self.freeze)
            case LearningRateReport.kind: event(Self.learningRate)
            case ValidationReport.kind: event(Self.validation)
            case ProbeReport.kind: event(Self.probe)
            case AutoDecision.kind: event(Self.decision)
            case NotFiniteReport.kind: event(Self.notFinite)
            default: nil
            }
        guard let read else { return nil }
        self = read
    }
}
