import Experiments
import Support
import Training

/// A comparison as a table, as JSON, and what follows from it.
struct ComparisonReport {
    private let pictures: PreparedImages
    private let results: [ArmResult]
    private let advice: ComparisonAdvice

    init(_ pictures: PreparedImages, _ results: [ArmResult]) {
        self.pictures = pictures
        self.results = results
        advice = ComparisonAdvice(
            results, count: pictures.validationCount, largestClass: pictures.largestValidationClass)
    }

    var text: String {
        let percent = Numbers.spacedPercent
        let several = results.contains { $0.runs.count > 1 }
        var rows = [
            ["arm", "accuracy", "95 % interval"] + (several ? ["of seeds"] : [])
                + ["time", "to best", "memory", "parameters"]
        ]
        for result in results where !result.runs.isEmpty {
            let interval = result.interval(of: pictures.validationCount)
            let range = "\(percent(result.accuracies.min() ?? 0))–\(percent(result.accuracies.max() ?? 0))"
            rows.append(
                [result.name, percent(result.accuracy), "\(percent(interval.low))–\(percent(interval.high))"]
                    + (several ? [range] : []) + [
                        Numbers.seconds(result.seconds), Numbers.seconds(result.secondsToBest),
                        "\(result.peakMemory >> 20) MiB", "\(result.parametersTrained)",
                    ])
        }
        var lines = TextTable.lines(rows)
        for result in results {
            if let failure = result.failure { lines.append("\(result.name): \(failure)") }
        }
        lines += [
            "",
            StandardStreams.wrapped(
                "\(pictures.trainingCount) training and \(pictures.validationCount) validation pictures; accuracy at the best"
                    + " epoch, chosen on the same pictures and so a little flattering to all."), "",
        ]
        return (lines + advice.sentences.map { StandardStreams.wrapped($0) }).joined(separator: "\n")
    }

    var json: JSON {
        let recommendation = JSON.object([
            ("arm", advice.arm.map(JSON.string) ?? .null), ("sufficient", .bool(advice.isSufficient)),
            ("text", .string(advice.sentences.joined(separator: " "))),
        ])
        return .object([
            ("trainingPictures", .integer(pictures.trainingCount)),
            ("validationPictures", .integer(pictures.validationCount)),
            ("classes", .array(pictures.classes.map(JSON.string))), ("arms", .array(results.map(object))),
            ("recommendation", recommendation),
        ])
    }

    private func object(_ result: ArmResult) -> JSON {
        let interval = result.interval(of: pictures.validationCount)
        let figures: [(String, JSON)] =
            result.runs.isEmpty
            ? []
            : [
                ("accuracy", .number(result.accuracy)),
                ("accuracyInterval", .array([.number(interval.low), .number(interval.high)])),
                ("accuracies", .array(result.accuracies.map(JSON.number))),
                ("seeds", .array(result.runs.map { .string(String($0.seed)) })), ("loss", .number(result.loss)),
                ("seconds", .number(result.seconds)), ("secondsToBest", .number(result.secondsToBest)),
                ("peakMemoryMiB", .number(Double(result.peakMemory) / 1_048_576)),
            ]
        return .object(
            [("name", .string(result.name)), ("parametersTrained", .integer(result.parametersTrained))] + figures
                + (result.failure.map { [("failure", .string($0))] } ?? []))
    }
}
