import Foundation
import Images
import Ranks
import Training
import Support

/// A trained network held against labelled pictures.
package struct Evaluation: Sendable {
    /// An image that was taken for another class; classes by index.
    package struct Misclassification: Sendable, Equatable {
        package let file: String
        package let truth: Int
        package let predicted: Int
        /// That the network gave to what it predicted.
        package let probability: Double
    }

    package let classes: [String]
    package private(set) var report: ClassificationReport
    /// Mean cross-entropy, in nats.
    package private(set) var loss = 0.0
    /// The most confident ones, most confident first.
    package private(set) var mistakes: [Misclassification] = []
    /// One sentence each.
    package private(set) var unreadable: [String] = []
    package let warnings: [String]

    package var accuracy: Proportion { Proportion(successes: Double(report.correct), of: report.count) }

    /// Evaluates every picture of `data`; where it has train/ and val/, those of val/; with `heldOut` what the run held out
    /// of it. The class folders must be classes that the network knows.
    ///
    /// - Parameters:
    ///   - group: those who share the pictures out among them; each gets the whole evaluation.
    ///   - progress: pictures done and their number, now and then.
    package static func run(
        _ network: TrainedNetwork, data: String, heldOut: Bool, threads: Int, worst: Int,
        group: (any RankGroup)? = nil, progress: (Int, Int) -> Void
    ) throws -> Evaluation {
        guard let options = network.options ?? (heldOut ? nil : RunOptions()) else {
            throw TrainingError.option(
                "--held-out", found: "with a file of weights", expected: "a run folder, which says what was held out")
        }
        let folder = try ImageFolder.open(
            data, validationSplit: heldOut ? options.validationSplit : 0, seed: options.seed, exif: network.exif)
        var warnings = folder.warnings
        let pictures = heldOut || folder.validation.count > 0 ? folder.validation : folder.training
        guard pictures.count > 0 else {
            throw TrainingError.data("\(data): the run held nothing out of it; leave --held-out away.")
        }
        if !heldOut, folder.validation.count == 0, network.trainedOn.map({ Self.isSame($0, data) }) == true {
            warnings.append(
                "\(data): the network was trained on most of these pictures, so these figures flatter it; --held-out "
                    + "evaluates only those that it never saw")
        }
        warnings += DuplicateImages.find(training: folder.training, validation: folder.validation).warnings
        // A folder may lack classes, and so number them otherwise.
        let labels = try folder.classes.map { name -> Int in
            guard let label = network.classes.firstIndex(of: name) else {
                throw TrainingError.data(
                    "\(data)/\(name): the network knows no such class; it knows "
                        + network.classes.prefix(20).joined(separator: ", ") + ". Rename or remove the folder.")
            }
            return label
        }
        var evaluation = Evaluation(
            classes: network.classes, report: ClassificationReport(classCount: network.classes.count),
            warnings: warnings)
        let classifier = try Classifier(network, threads: threads)
        var lossSum = 0.0
        func count(_ answer: Answer) {
            if let problem = answer.problem { return evaluation.unreadable.append(problem) }
            evaluation.report.add(truth: answer.truth, predicted: answer.predicted)
            lossSum += answer.loss
            if answer.truth != answer.predicted {
                evaluation.mistakes.append(
                    Misclassification(
                        file: pictures.name(answer.index), truth: answer.truth, predicted: answer.predicted,
                        probability: answer.probability))
            }
        }
        let own = group.map { RankAssignment(ranks: $0.count).pictures(bestAt: $0.rank, of: pictures.count) }
        var answers: [Answer] = []
        classifier.classify(pictures, indices: own) { prediction in
            progress(prediction.index + 1, pictures.count)
            answers.append(Answer(prediction, truth: labels[pictures.label(prediction.index)]))
        }
        // In the order of one process, so that the sums are the same bits.
        if let group { answers = try group.gatherValues(answers).joined().sorted { $0.index < $1.index } }
        answers.forEach(count)
        guard evaluation.report.count > 0 else {
            throw TrainingError.data("\(data): none of its \(pictures.count) pictures can be read.")
        }
        evaluation.loss = lossSum / Double(evaluation.report.count)
        let byConfidence = evaluation.mistakes.enumerated().sorted {
            (-$0.element.probability, $0.offset) < (-$1.element.probability, $1.offset)
        }
        evaluation.mistakes = byConfidence.prefix(worst).map(\.element)
        return evaluation
    }

    /// What the evaluation needs of one picture's prediction.
    private struct Answer: Codable {
        var index: Int
        var truth: Int
        var predicted = 0
        /// That the network gave to what it predicted.
        var probability = 0.0
        /// Cross-entropy, in nats.
        var loss = 0.0
        var problem: String?

        init(_ prediction: Prediction, truth: Int) {
            (index, self.truth, problem) = (prediction.index, truth, prediction.problem)
            guard problem == nil else { return }
            predicted = prediction.best
            probability = prediction.probabilities[predicted]
            // A probability that underflowed would be an infinite loss.
            loss = -log(max(prediction.probabilities[truth], .leastNonzeroMagnitude))
        }
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        func canonical(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
        return canonical(a) == canonical(b)
    }
}

extension Evaluation {
    package var json: JSON {
        func scores(_ scores: ClassificationReport.Scores) -> [(String, JSON)] {
            [
                ("precision", .number(scores.precision)), ("recall", .number(scores.recall)),
                ("f1", .number(scores.f1)), ("support", .integer(scores.support)),
            ]
        }
        func mistake(_ mistake: Misclassification) -> JSON {
            .object([
                ("file", .string(mistake.file)), ("class", .string(classes[mistake.truth])),
                ("predicted", .string(classes[mistake.predicted])), ("probability", .number(mistake.probability)),
            ])
        }
        let accuracy = accuracy
        return .object([
            ("pictures", .integer(report.count)), ("correct", .integer(report.correct)),
            ("accuracy", .number(accuracy.value)),
            ("accuracyInterval", .array([.number(accuracy.low), .number(accuracy.high)])), ("loss", .number(loss)),
            ("classes", .object(zip(classes, report.classes).map { ($0, .object(scores($1))) })),
            ("macroAverage", .object(scores(report.macro))), ("weightedAverage", .object(scores(report.weighted))),
            ("confusionMatrix", .object([("classes", classes.json), ("rows", report.confusion.json)])),
            ("worstMistakes", .array(mistakes.map(mistake))), ("unreadable", unreadable.json),
        ])
    }
}
