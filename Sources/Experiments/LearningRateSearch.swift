import Foundation
import Support
import Training
import TrainingEvents

/// The learning-rate range test (Smith 2015, arXiv 1506.01186): steps whose rate grows by the same factor each time, on a
/// model in memory that is dropped afterwards.
package struct LearningRateSearch: Sendable {
    /// The loss of one step, in nats, at its learning rate.
    package struct Point: Sendable, Equatable {
        package let rate: Double
        package let loss: Double
        /// Exponentially smoothed, without the bias towards its beginning.
        package let smoothed: Double
    }

    package let points: [Point]
    /// nil where the loss did not fall clearly anywhere.
    package let suggestion: Double?

    package static let rule =
        "the rate at which the smoothed loss falls most steeply per tenfold rate, before its lowest point"
    private static let smoothing = 0.9
    /// A loss this many times the lowest ends the test.
    private static let divergence = 4.0
    /// The loss must fall by this share before its steepest fall means anything.
    private static let clearFall = 0.03

    package init(_ losses: [(rate: Double, loss: Double)]) {
        var average = 0.0
        var points: [Point] = []
        for (index, entry) in losses.enumerated() {
            average = Self.smoothing * average + (1 - Self.smoothing) * entry.loss
            points.append(
                Point(
                    rate: entry.rate, loss: entry.loss,
                    smoothed: average / (1 - pow(Self.smoothing, Double(index + 1)))))
        }
        self.points = points
        suggestion = Self.steepest(points)
    }

    /// Trains `steps` steps from rate `low` to `high`, or until the loss leaves every bound. `progress` gets steps done.
    package static func run(
        _ request: RunRequest, low: Double, high: Double, steps: Int, warn: (String) -> Void, progress: (Int) -> Void
    ) throws -> LearningRateSearch {
        let require = TrainingError.require
        try require(low.isFinite && low > 0, "--from", low, "a finite number above 0")
        try require(high.isFinite && high > low, "--to", high, "a finite number above --from (\(low))")
        try require((10...100_000).contains(steps), "--steps", steps, "a whole number from 10 to 100000")
        var request = request
        request.options.schedule = .constant
        let factor = pow(high / low, 1 / Double(steps - 1))
        var run = try UnrecordedRun(request, warn: warn) { low * pow(factor, Double($0 - 1)) }
        var losses: [(rate: Double, loss: Double)] = []
        var search = LearningRateSearch([])
        while losses.count < steps {
            let report: StepReport
            do { report = try run.step() } catch TrainingError.notFinite { break }
            losses.append((report.learningRate, report.loss))
            search = LearningRateSearch(losses)
            progress(losses.count)
            let lowest = search.points.map(\.smoothed).min() ?? 0
            if losses.count > 10, let last = search.points.last, last.smoothed > divergence * lowest { break }
        }
        return search
    }

    /// The middle of the tenth of the points over which the smoothed loss falls most, up to the lowest point; nil where the
    /// fall is no larger than what the losses scatter around their average, as single batches do.
    private static func steepest(_ points: [Point]) -> Double? {
        let width = max(4, points.count / 10)
        guard points.count > 2 * width,
            let lowest = points.indices.min(by: { points[$0].smoothed < points[$1].smoothed })
        else { return nil }
        // The first few averages are of very few losses.
        let first = width
        guard lowest >= first + width, let highest = points[first..<lowest].map(\.smoothed).max() else { return nil }
        let before = points[first...lowest]
        let scatter =
            (before.reduce(0) { $0 + ($1.loss - $1.smoothed) * ($1.loss - $1.smoothed) } / Double(before.count))
            .squareRoot()
        let fall = highest - points[lowest].smoothed
        guard fall > clearFall * highest, fall > scatter else { return nil }
        let best = (first...(lowest - width)).min { a, b in
            points[a + width].smoothed - points[a].smoothed < points[b + width].smoothed - points[b].smoothed
        }
        return best.map { points[$0 + width / 2].rate }
    }
}

extension LearningRateSearch {
    package var json: JSON {
        .object([
            ("suggestion", suggestion.map(JSON.number) ?? .null), ("rule", .string(Self.rule)),
            ("rates", .array(points.map { .number($0.rate) })), ("losses", .array(points.map { .number($0.loss) })),
            ("smoothedLosses", .array(points.map { .number($0.smoothed) })),
        ])
    }
}
