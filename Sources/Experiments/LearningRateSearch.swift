import Foundation
import Network
import Support
import Training
import TrainingEvents

/// The learning-rate range test (Smith 2015, arXiv 1506.01186): steps whose rate grows by the same factor each time, on a
/// model in memory that is dropped afterwards.
package struct LearningRateSearch: Sendable {
    /// The loss of one step, in nats, at its learning rate; with several orders the mean over them.
    package struct Point: Sendable, Equatable {
        package let rate: Double
        package let loss: Double
        /// Exponentially smoothed, without the bias towards its beginning.
        package let smoothed: Double
    }

    package let points: [Point]
    /// The seeds whose orders were averaged; empty where the losses came without any.
    package let seeds: [UInt64]
    /// nil where the curve says nothing of any rate.
    package let finding: Finding?

    /// What the curve says.
    package struct Finding: Sendable, Equatable {
        package let suggestion: Double
        /// Rates that the curve does not tell apart from the suggestion: from that of the lowest loss on, or, where it is
        /// flat, from the first on; as much less as the suggestion is.
        package let range: ClosedRange<Double>
        /// The loss does not fall clearly anywhere, so the curve says only where it begins to rise.
        package let isFlat: Bool
        /// The lowest loss is that of the last rates, so a greater one may be better.
        package let endsFalling: Bool
    }

    package var suggestion: Double? { finding?.suggestion }

    /// What a range test sees is where steps begin to hurt. A run of many steps at that rate also undoes what was learned before,
    /// the more of the network trains; so the suggestion is less than that rate there (docs/find-lr.md).
    package static func share(_ plan: TrainingPlan) -> Double {
        switch plan.lowestTrainableUnit {
        case ResNet.resnet18.head...: 1
        case 0: 0.2
        default: 0.7
        }
    }

    private let share: Double
    package var rule: String {
        if finding?.isFlat == true { return Self.flatRule }
        return (share < 1 ? "\(share) × " : "") + Self.rule
    }

    package static let rule =
        "the greatest rate whose averaged loss is within noise of the lowest"
    package static let flatRule = "a tenth of the rate from which a loss that does not fall clearly rises"
    private static let smoothing = 0.9
    /// A loss this many times the lowest, or the least that counts, ends the test.
    private static let divergence = 4.0
    /// In nats. Where the pictures are known, losses below scatter by powers of ten and mean nothing.
    private static let least = 0.05
    /// The loss must fall by this share before its lowest point means anything.
    private static let clearFall = 0.03
    /// Half the width of the average over neighbours, in powers of ten of the rate.
    private static let reach = 0.4

    /// Of one order. Losses from the first on that is not finite are left out.
    package init(_ losses: [(rate: Double, loss: Double)]) { self.init([losses], seeds: []) }

    /// Of several orders over the same rates, as many steps as the shortest has.
    /// `share`: what the suggestion is of the rate that the curve gives.
    package init(_ curves: [[(rate: Double, loss: Double)]], seeds: [UInt64], share: Double = 1) {
        let finite = curves.map { $0.prefix { $0.loss.isFinite } }
        var average = 0.0
        var points: [Point] = []
        for index in 0..<(finite.map(\.count).min() ?? 0) {
            let loss = finite.reduce(0) { $0 + $1[index].loss } / Double(finite.count)
            average = Self.smoothing * average + (1 - Self.smoothing) * loss
            points.append(
                Point(
                    rate: finite[0][index].rate, loss: loss,
                    smoothed: average / (1 - pow(Self.smoothing, Double(index + 1)))))
        }
        self.points = points
        self.seeds = seeds
        self.share = share
        finding = Self.find(points, share: share)
    }

    /// How many orders of the pictures a test averages over where none is asked for: several where a frozen prefix is cached,
    /// so that those after the first cost less, else one. Random weights are drawn anew with each order, and then no features
    /// are shared.
    package static func defaultOrders(_ options: RunOptions) -> Int {
        let isCached = (try? options.cacheRule.requireCacheable(options.initialPlan)) != nil
        return isCached && options.shuffle ? 3 : 1
    }

    /// Trains `steps` steps from rate `low` to `high`, or until the loss leaves every bound; once for each of `orders`
    /// seeds, from that of the options on, over the same pictures and the same split. Each seed draws an order, and a head
    /// where that is new. `progress` gets steps done of all.
    ///
    /// Throws `TrainingError.option` for bounds, steps or orders that make no test, else what opening a run throws.
    package static func run(
        _ request: RunRequest, low: Double, high: Double, steps: Int, orders: Int = 1, warn: (String) -> Void,
        progress: (Int) -> Void
    ) throws -> LearningRateSearch {
        let require = TrainingError.require
        try require(low.isFinite && low > 0, "--from", low, "a finite number above 0")
        try require(high.isFinite && high > low, "--to", high, "a finite number above --from (\(low))")
        try require((10...100_000).contains(steps), "--steps", steps, "a whole number from 10 to 100000")
        try require((1...100).contains(orders), "--orders", orders, "a whole number from 1 to 100")
        var request = request
        request.options.schedule = .constant
        let pictures = try PreparedImages.open(
            request.data, options: request.options, warn: warn, progress: { _, _ in }, isCancelled: { false },
            group: request.group)
        request.data = .prepared(pictures)
        let seeds = (0..<UInt64(orders)).map { request.options.seed &+ $0 }
        let factor = pow(high / low, 1 / Double(steps - 1))
        let curves = try seeds.enumerated().map { index, seed in
            var request = request
            request.options.seed = seed
            return try curve(request, steps: steps, warn: warn) {
                low * pow(factor, Double($0 - 1))
            } progress: {
                progress(index * steps + $0)
            }
        }
        return LearningRateSearch(curves, seeds: seeds, share: share(request.options.initialPlan))
    }

    /// The losses of one order, `rate` of the step counted from 1; those before the first that is not finite.
    private static func curve(
        _ request: RunRequest, steps: Int, warn: (String) -> Void, rate: @escaping (Int) -> Double,
        progress: (Int) -> Void
    ) throws -> [(rate: Double, loss: Double)] {
        var run = try UnrecordedRun(request, warn: warn, learningRate: rate)
        var losses: [(rate: Double, loss: Double)] = []
        var (average, lowest) = (0.0, Double.infinity)
        while losses.count < steps {
            let report: StepReport
            do { report = try run.step() } catch TrainingError.notFinite { break }
            losses.append((report.learningRate, report.loss))
            progress(losses.count)
            average = smoothing * average + (1 - smoothing) * report.loss
            let smoothed = average / (1 - pow(smoothing, Double(losses.count)))
            lowest = min(lowest, smoothed)
            if losses.count > 10, smoothed > divergence * max(lowest, least) { break }
        }
        return losses
    }

    /// docs/find-lr.md has the measurement that this rule was chosen by.
    private static func find(_ points: [Point], share: Double) -> Finding? {
        guard points.count > 8, let first = points.first, let last = points.last, last.rate > first.rate else {
            return nil
        }
        let step = log10(last.rate / first.rate) / Double(points.count - 1)
        // Not wider than an eighth of the curve to either side, so that a short one keeps its shape.
        let half = max(1, min(points.count / 8, Int((reach / step).rounded())))
        // A loss that explodes at the end would weigh on its neighbours' averages.
        let floored = points.map { max($0.loss, least) }
        let start = floored.prefix(max(4, points.count / 10))
        let ceiling = 2 * start.reduce(0, +) / Double(start.count)
        let losses = floored.map { min($0, ceiling) }
        let averages = centredAverages(losses, half: half)
        guard let lowest = averages.indices.min(by: { averages[$0] < averages[$1] }) else { return nil }

        let highest = averages[...lowest].max() ?? averages[lowest]
        let distances = (0...min(lowest + half, losses.count - 1)).map { abs(losses[$0] - averages[$0]) }
        // The highest and the lowest of independent averages differ by some errors by chance; single batches with large
        // losses make that error greater than the median says.
        let square = distances.reduce(0) { $0 + $1 * $1 } / Double(distances.count)
        let fall = highest - averages[lowest]
        guard fall > clearFall * highest, fall > 5 * noise(square.squareRoot(), half: half) else {
            return flat(points, losses, averages, half: half, ceiling: ceiling)
        }
        let limit = averages[lowest] + 2 * noise(deviation(distances), half: half)
        let end = averages[lowest...].firstIndex { $0 > limit }.map { $0 - 1 } ?? points.count - 1
        return Finding(
            suggestion: points[end].rate * share, range: points[lowest].rate * share...points[end].rate * share,
            isFlat: false, endsFalling: end == points.count - 1)
    }

    /// Of a loss without a clear fall: all rates before it rises for good, nil where it rises at once or never.
    private static func flat(
        _ points: [Point], _ losses: [Double], _ averages: [Double], half: Int, ceiling: Double
    ) -> Finding? {
        // Half as much again as at the start is no scatter of an average.
        let calm = averages.lastIndex { $0 <= 0.75 * ceiling }.map { $0 + 1 } ?? 0
        guard calm > 4 * half else { return nil }
        let level = losses[..<calm].sorted()[calm / 2]
        let scatter = deviation((0..<calm).map { abs(losses[$0] - averages[$0]) })
        let limit = max(level * (1 + clearFall), level + 2 * noise(scatter, half: half))
        guard let end = averages.lastIndex(where: { $0 <= limit }), end < points.count - 1, end > 2 * half else {
            return nil
        }
        let range = points[0].rate...points[end].rate
        return Finding(
            suggestion: max(range.lowerBound, range.upperBound / 10), range: range, isFlat: true, endsFalling: false)
    }

    /// Averages of each loss and `half` neighbours to either side, with weights that fall linearly.
    private static func centredAverages(_ losses: [Double], half: Int) -> [Double] {
        losses.indices.map { centre in
            var (sum, weights) = (0.0, 0.0)
            for index in max(0, centre - half)...min(losses.count - 1, centre + half) {
                let weight = Double(half + 1 - abs(index - centre))
                sum += weight * losses[index]
                weights += weight
            }
            return sum / weights
        }
    }

    /// The standard deviation, by the median distance from the averages, which single batches do not move.
    private static func deviation(_ distances: [Double]) -> Double {
        1.4826 * distances.sorted()[distances.count / 2]
    }

    /// The standard error of the difference of two averages far apart, where losses scatter independently.
    private static func noise(_ scatter: Double, half: Int) -> Double {
        let weights = (-half...half).map { Double(half + 1 - abs($0)) }
        let squares = weights.reduce(0) { $0 + $1 * $1 }
        return scatter * (2 * squares).squareRoot() / weights.reduce(0, +)
    }
}

extension LearningRateSearch {
    package var json: JSON {
        .object([
            ("suggestion", suggestion.map(JSON.number) ?? .null),
            ("from", finding.map { .number($0.range.lowerBound) } ?? .null),
            ("to", finding.map { .number($0.range.upperBound) } ?? .null),
            ("flat", finding.map { .bool($0.isFlat) } ?? .null),
            ("rule", .string(rule)),
            ("seeds", .array(seeds.map { .string(String($0)) })),
            ("rates", .array(points.map { .number($0.rate) })), ("losses", .array(points.map { .number($0.loss) })),
            ("smoothedLosses", .array(points.map { .number($0.smoothed) })),
        ])
    }
}
