import Network
import Support
import TrainingEvents

/// A run folder's run.json and metrics.jsonl, told as the events that wrote them.
package struct RunReplay {
    private let options: RunOptions
    private let description: JSON
    private let path: String
    private let pictures: Int
    private let stepsPerEpoch: Int
    private var best: Score?

    /// nil where run.json is none that this program writes.
    package init?(_ description: JSON, path: String) {
        guard let recorded = description["options"], let options = RunOptions(json: recorded),
            // Somebody may have written it by hand.
            (try? options.validate()) != nil
        else { return nil }
        self.options = options
        self.description = description
        self.path = path
        pictures = max(0, description["trainingPictures"]?.int ?? 0)
        stepsPerEpoch = options.stepsPerEpoch(pictures: pictures)
    }

    /// What a run says before its first step.
    package var opening: [TrainingEvent] {
        let classes = (description["classes"]?.items ?? []).compactMap(\.text)
        let opened = RunDescription(
            options, classes: max(1, classes.count), weights: description["weights"]?.text, output: path)
        return [
            .opened(opened),
            .dataset(
                DatasetDescription(
                    classes: classes, trainingCount: description["trainingPictures"]?.int ?? 0,
                    validationCount: description["validationPictures"]?.int ?? 0,
                    skippedCount: description["skippedPictures"]?.int ?? 0, stepsPerEpoch: stepsPerEpoch)),
            freeze(step: 1, trainable: opened.trainable),
        ]
    }

    /// The event of one line; nil for a line that is none.
    package mutating func event(of line: JSON) -> TrainingEvent? {
        guard let step = line["step"]?.int, step >= 0 else { return nil }
        switch line["kind"]?.text {
        case "step":
            let stepInEpoch = stepsPerEpoch > 0 ? (max(1, step) - 1) % stepsPerEpoch + 1 : step
            var norms: [String: Double] = [:]
            if case .object(let pairs)? = line["gradientNorms"] {
                for (name, value) in pairs { norms[name] = value.double ?? .nan }
            }
            return .step(
                StepReport(
                    step: step, epoch: line["epoch"]?.int ?? 1,
                    stepInEpoch: stepInEpoch, stepsPerEpoch: stepsPerEpoch, loss: line["loss"]?.double ?? .nan,
                    accuracy: line["accuracy"]?.double ?? .nan, learningRate: line["learningRate"]?.double ?? .nan,
                    images: options.images(ofStep: stepInEpoch, of: stepsPerEpoch, pictures: pictures),
                    milliseconds: line["milliseconds"]?.double ?? .nan,
                    gradientNorms: norms, updateRatios: [:]))
        case "epoch":
            let validation = line["validation"].flatMap(Self.score)
            let isBest = validation.map { $0.isBetter(than: best) } ?? false
            if isBest { best = validation }
            return .epoch(
                EpochReport(
                    epoch: line["epoch"]?.int ?? 1, step: step,
                    training: line["training"].flatMap(Self.score) ?? Score(loss: .nan, accuracy: .nan),
                    validation: validation, seconds: line["seconds"]?.double ?? 0, isBest: isBest))
        case "freeze":
            return freeze(step: step, trainable: (line["trainable"]?.items ?? []).compactMap(\.text))
        case "learningRate":
            return .learningRate(
                LearningRateReport(
                    step: step, factor: line["factor"]?.double ?? 1, rate: line["learningRate"]?.double ?? .nan))
        case "validation":
            return line["validation"].flatMap(Self.score).map {
                .validation(ValidationReport(step: step, score: $0))
            }
        case "notFinite":
            return .notFinite(NotFiniteReport(step: step, weightsOfStep: line["weightsOfStep"]?.int ?? 0))
        default: return nil
        }
    }

    /// The end, where run.json has it.
    package var ending: TrainingEvent? {
        guard let result = description["result"] else { return nil }
        return .finished(
            RunSummary(
                steps: result["steps"]?.int ?? 0, epochs: result["epochs"]?.int ?? 0,
                stopped: result["stopped"]?.flag ?? false, seconds: result["seconds"]?.double ?? 0,
                bestEpoch: result["bestEpoch"]?.int, best: result["best"].flatMap(Self.score),
                last: result["last"].flatMap(Self.score), output: path))
    }

    private func freeze(step: Int, trainable: [String]) -> TrainingEvent {
        let plan = TrainingPlan(trainable: Set(trainable), frozenBatchNorm: options.frozenBatchNorm)
        return .freeze(
            FreezeReport(step: step, trainable: trainable, frostLine: ResNet.resnet18.name(ofCut: plan.cut)))
    }

    private static func score(_ json: JSON) -> Score? {
        guard case .object = json else { return nil }
        return Score(loss: json["loss"]?.double ?? .nan, accuracy: json["accuracy"]?.double ?? .nan)
    }
}
