import TrainingTestSupport
import Experiments
import Foundation
import Images
import Network
import Support
import Testing
import TrainingEvents

import Training

@Suite struct ComparisonAdviceTests {
    private func arm(_ name: String, _ accuracies: [Double], seconds: Double) -> ArmResult {
        ArmResult(
            name: name, parametersTrained: 1000,
            runs: accuracies.enumerated().map { seed, accuracy in
                ArmRun(
                    seed: UInt64(seed), best: Score(loss: 1 - accuracy, accuracy: accuracy), seconds: seconds,
                    secondsToBest: seconds / 2, peakMemory: 1 << 20)
            })
    }

    private func advice(_ arms: [ArmResult], count: Int, largest: Int? = nil) -> (ComparisonAdvice, String) {
        let advice = ComparisonAdvice(arms, count: count, largestClass: largest ?? count / 2)
        return (advice, advice.sentences.joined(separator: " "))
    }

    @Test func `a large difference on many pictures is a recommendation that suffices`() {
        let (advice, text) = advice(
            [arm("head", [0.70], seconds: 5), arm("partial", [0.80], seconds: 20), arm("full", [0.95], seconds: 90)],
            count: 1000)
        #expect(advice.arm == "full")
        #expect(advice.isSufficient)
        #expect(text.contains("15.0 points before partial"))
        #expect(!text.contains("do not suffice"))
    }

    @Test func `where chance may explain the difference, the quicker one is taken and the doubt is said`() {
        let (advice, text) = advice(
            [arm("head", [0.90], seconds: 5), arm("full", [0.92], seconds: 90)], count: 100)
        #expect(advice.arm == "head")
        #expect(!advice.isSufficient)
        #expect(text.contains("cannot tell from chance"))
        #expect(text.contains("do not suffice to say that full is more accurate than head"))
        #expect(text.contains("validation pictures"))
    }

    @Test func `a lead beyond one standard error is followed, though the numbers do not suffice`() {
        // Two seeds and 24 pictures, as once seen; on 120 pictures kept away full was ahead by 20 points.
        let (advice, text) = advice(
            [
                arm("head", [17.0 / 24, 17.0 / 24], seconds: 1), arm("partial", [17.0 / 24, 17.0 / 24], seconds: 6),
                arm("full", [20.0 / 24, 22.0 / 24], seconds: 10),
            ], count: 24)
        #expect(advice.arm == "full")
        #expect(!advice.isSufficient)
        #expect(text.contains("16.7 points more accurate than head"))
        #expect(text.contains("more than one standard error"))
        #expect(text.contains("do not suffice to say that full is more accurate than head or partial"))
    }

    @Test func `the best and quickest of all is taken, with the doubt about the others`() {
        let (advice, text) = advice(
            [arm("head", [0.92], seconds: 5), arm("full", [0.90], seconds: 90)], count: 100)
        #expect(advice.arm == "head")
        #expect(!advice.isSufficient)
        #expect(text.contains("do not suffice"))
    }

    @Test func `seeds that disagree widen the doubt`() {
        let steady = advice(
            [arm("head", [0.80, 0.80, 0.80], seconds: 5), arm("full", [0.88, 0.88, 0.88], seconds: 90)], count: 1000)
        let shaky = advice(
            [arm("head", [0.70, 0.80, 0.90], seconds: 5), arm("full", [0.78, 0.88, 0.98], seconds: 90)], count: 1000)
        #expect(steady.0.isSufficient && steady.0.arm == "full")
        #expect(!shaky.0.isSufficient && shaky.0.arm == "head")
        #expect(!steady.1.contains("--seeds"))
    }

    @Test func `few pictures and accuracies of a guess are named`() {
        let (_, text) = advice([arm("head", [0.5], seconds: 5), arm("full", [0.55], seconds: 90)], count: 20)
        #expect(text.contains("only 20 validation pictures"))
        #expect(text.contains("always answering the largest class"))
        #expect(text.contains("--seeds 3"))
    }

    @Test func `equal accuracies and single arms are no division by zero`() {
        let (equal, text) = advice([arm("a", [1, 1], seconds: 5), arm("b", [1, 1], seconds: 4)], count: 60)
        #expect(equal.arm == "b")
        #expect(!text.contains("nan") && !text.contains("inf"))
        let (one, _) = advice([arm("a", [1], seconds: 5), ArmResult(name: "b", parametersTrained: 1)], count: 60)
        #expect(one.arm == nil)
        #expect(advice([], count: 0).0.arm == nil)
    }
}

@Suite struct ComparisonTests {
    private var data: TrainingData {
        .drawn(
            training: DrawnImages(task: .animals, count: 24, size: 36, seed: 1),
            validation: DrawnImages(task: .animals, count: 8, size: 36, seed: 2))
    }

    @Test func `every arm runs with every seed on the same pictures, and gives what a run of its own gives`()
        async throws
    {
        let options = EngineHarness().options
        let pictures = try PreparedImages.open(
            data, options: options, warn: { _ in }, progress: { _, _ in }, isCancelled: { false })
        let comparison = Comparison(
            pictures, weights: .random, arms: ComparisonArm.strategies(over: options), seeds: [0, 7],
            mailbox: EventMailbox())
        let outcome = await comparison.run()
        #expect(outcome.failure == nil)
        #expect(comparison.results.map(\.name) == ["head", "partial", "full"])
        #expect(comparison.results.allSatisfy { $0.runs.map(\.seed) == [0, 7] && $0.peakMemory > 1 << 20 })
        #expect(comparison.results.map(\.parametersTrained) == [1026, 8_394_754, 11_177_538])
        for result in comparison.results {
            for run in result.runs { #expect(run.secondsToBest > 0 && run.secondsToBest <= run.seconds) }
        }
        var harness = EngineHarness()
        harness.options.strategy = .partial
        harness.options.seed = 7
        let alone = await harness.run()
        #expect(alone.outcome.summary?.best == comparison.results[1].runs[1].best)
    }

    @Test func `arms with equal frozen layers share their features and reach the same, to the bit`() async throws {
        let options = EngineHarness().options
        let pictures = try PreparedImages.open(
            data, options: options, warn: { _ in }, progress: { _, _ in }, isCancelled: { false })
        var head = options
        head.strategy = .head
        var partial = options
        partial.strategy = .partial
        let arms = [
            ComparisonArm(name: "head", options: head), ComparisonArm(name: "partial", options: partial),
            ComparisonArm(name: "again", options: head),
        ]
        let comparison = Comparison(
            pictures, weights: .random, arms: arms, seeds: [3], mailbox: EventMailbox())
        _ = await comparison.run()
        let runs = comparison.results.compactMap(\.runs.first)
        try #require(runs.count == 3)
        #expect(runs[0].best == runs[2].best)
        for run in runs { #expect(run.secondsToBest <= run.seconds && run.peakMemory > 1 << 20) }
    }

    @Test func `an arm that fails is named, and the others go on`() async throws {
        var options = EngineHarness().options
        options.epochs = 1
        let pictures = try PreparedImages.open(
            data, options: options, warn: { _ in }, progress: { _, _ in }, isCancelled: { false })
        var arms = ComparisonArm.strategies(over: options)
        // A full batch of one picture is refused where a training BatchNorm would see one value.
        arms[2].options.batchSize = 23
        let comparison = Comparison(
            pictures, weights: .random, arms: arms, seeds: [0, 1], mailbox: EventMailbox())
        _ = await comparison.run()
        #expect(comparison.results[2].failure?.contains("one value per channel") == true)
        #expect(comparison.results[0].runs.count == 2)
        #expect(comparison.results[2].runs.isEmpty)
    }

    @Test func `auto is an arm that ends by itself, and no arm's folder leads elsewhere`() async throws {
        var options = EngineHarness().options
        options.epochs = 3
        let pictures = try PreparedImages.open(
            data, options: options, warn: { _ in }, progress: { _, _ in }, isCancelled: { false })
        let comparison = Comparison(
            pictures, weights: .random, arms: [ComparisonArm.auto(over: options)], seeds: [0], mailbox: EventMailbox())
        let outcome = await comparison.run()
        let result = try #require(comparison.results.first)
        #expect(outcome.failure == nil && result.runs.count == 1 && result.name == "auto")
        #expect(outcome.epochs.count <= 12)
        #expect(
            Comparison.folderName("../a\nb", seed: nil) == "_.._a_b"
                && Comparison.folderName("full", seed: 3) == "full-seed-3")
    }

    @Test func `depths go from fc alone down to everything`() {
        let arms = ComparisonArm.depths(over: RunOptions())
        #expect(arms.count == 10)
        #expect(arms.first?.options.initialTrainable() == ["fc.weight", "fc.bias"])
        #expect(arms.last?.options.initialTrainable().count == 62)
        let sizes = arms.map { $0.options.initialTrainable().count }
        #expect(sizes == sizes.sorted() && Set(sizes).count == 10)
        #expect(arms.map(\.name).first == "fc" && arms.map(\.name).last == "conv1")
        #expect(arms.first { $0.name == "layer4.1" }?.options.initialTrainable().count == 8)
    }
}

@Suite struct LearningRateSearchTests {
    /// A loss that falls around `fall` and explodes near `end`.
    private func curve(fall: Double, end: Double) -> [(rate: Double, loss: Double)] {
        (0..<100).map { i in
            let rate = 1e-6 * pow(1e7, Double(i) / 99)
            return (rate, 0.2 + 2 / (1 + pow(rate / fall, 2)) + pow(rate / end, 3))
        }
    }

    /// Deviates of mean 0 and standard deviation `scatter`, the same at every call with one seed.
    private func scattered(
        _ curve: [(rate: Double, loss: Double)], by scatter: Double, seed: UInt64
    ) -> [(rate: Double, loss: Double)] {
        var generator = SeededGenerator(seed: seed)
        return curve.map { (rate: $0.rate, loss: $0.loss + scatter * generator.normal()) }
    }

    @Test(arguments: [1e-4, 1e-3, 1e-2]) func `the suggestion lies where the loss has fallen and does not yet rise`(
        _ fall: Double
    ) throws {
        // Of 1 / (1 + (rate / fall)²) and (rate / end)³ together the lowest point is near 8 times `fall`.
        for seed in 0..<20 {
            let curve = scattered(curve(fall: fall, end: 30 * fall), by: 0.05, seed: UInt64(seed))
            let finding = try #require(LearningRateSearch(curve).finding)
            #expect(finding.suggestion > 3 * fall && finding.suggestion < 20 * fall)
            #expect(finding.range.contains(finding.suggestion))
            #expect(finding.range.upperBound < 30 * fall)
            #expect(!finding.isFlat && !finding.endsFalling)
        }
    }

    @Test(arguments: zip(Strategy.allCases, [1, 0.7, 0.2]))
    func `the more trains, the less of that rate is suggested`(_ strategy: Strategy, _ share: Double) throws {
        var options = RunOptions()
        options.strategy = strategy
        let plan = TrainingPlan(trainable: options.initialTrainable(), frozenBatchNorm: options.frozenBatchNorm)
        #expect(LearningRateSearch.share(plan) == share)
        let curve = scattered(curve(fall: 1e-3, end: 3e-2), by: 0.05, seed: 0)
        let whole = try #require(LearningRateSearch(curve).finding)
        let search = LearningRateSearch([curve], seeds: [], share: share)
        let finding = try #require(search.finding)
        #expect(finding.suggestion == whole.suggestion * share && finding.range.contains(finding.suggestion))
        #expect(finding.range.lowerBound == whole.range.lowerBound * share)
        #expect(search.rule.contains("\(share) ×") == (share < 1))
    }

    @Test func `a loss that still falls at the last rate says so`() throws {
        let finding = try #require(LearningRateSearch(curve(fall: 1, end: 1e9)).finding)
        #expect(finding.endsFalling)
        #expect(finding.suggestion > 1)
    }

    @Test func `a flat loss gives all rates before it rises, whatever the seed of its noise`() throws {
        let flat = (0..<100).map { i in
            let rate = 1e-6 * pow(1e7, Double(i) / 99)
            return (rate: rate, loss: 0.5 + pow(rate / 0.01, 2))
        }
        for seed in 0..<50 {
            let finding = try #require(LearningRateSearch(scattered(flat, by: 0.1, seed: UInt64(seed))).finding)
            #expect(finding.isFlat)
            #expect(finding.range.lowerBound == 1e-6)
            #expect(finding.range.upperBound > 5e-4 && finding.range.upperBound < 1e-2)
            // Other noise moves the suggestion little: it follows from the rise alone.
            #expect(finding.suggestion > 5e-5 && finding.suggestion < 1e-3)
        }
    }

    @Test func `losses near nothing that scatter by powers of ten are flat`() throws {
        for seed in UInt64(0)..<20 {
            var generator = SeededGenerator(seed: seed)
            let known = (0..<100).map { i in
                let rate = 1e-6 * pow(1e7, Double(i) / 99)
                return (rate: rate, loss: 1e-3 * exp(1.5 * generator.normal()) + pow(rate / 0.02, 2))
            }
            let finding = try #require(LearningRateSearch(known).finding)
            #expect(finding.isFlat)
            #expect(finding.range.lowerBound == 1e-6)
            #expect(finding.range.upperBound > 5e-4 && finding.range.upperBound < 1e-2)
        }
    }

    @Test func `a loss that only rises, or stays, gives no suggestion`() {
        #expect(
            LearningRateSearch((0..<100).map { (pow(10, Double($0) / 20), 1 + Double($0)) }).suggestion == nil)
        #expect(LearningRateSearch((0..<100).map { (pow(10, Double($0) / 20), 1) }).suggestion == nil)
        #expect(LearningRateSearch([]).suggestion == nil)
        #expect(LearningRateSearch([(1e-3, 2)]).suggestion == nil)
        #expect(LearningRateSearch([], seeds: []).suggestion == nil)
    }

    @Test func `a loss that is not a number ends the curve, and one of nothing else has no points`() throws {
        let nothing = LearningRateSearch((0..<100).map { (pow(10, Double($0) / 20), Double.nan) })
        #expect(nothing.points.isEmpty && nothing.finding == nil)
        let whole = curve(fall: 1e-3, end: 0.03)
        let cut = whole.enumerated().map { (rate: $1.rate, loss: $0 < 70 ? $1.loss : .infinity) }
        let search = LearningRateSearch(cut)
        #expect(search.points.count == 70)
        #expect(search.finding == LearningRateSearch(Array(whole.prefix(70))).finding)
    }

    @Test func `a fall that is lost among what batches scatter leaves a range only`() throws {
        let noisy = curve(fall: 1e-3, end: 0.3).enumerated().map { index, entry in
            (rate: entry.rate, loss: 1 + 0.02 * entry.loss + (index % 5 == 0 ? 0.6 : 0))
        }
        let finding = try #require(LearningRateSearch(noisy).finding)
        #expect(finding.isFlat)
        #expect(finding.range.lowerBound == 1e-6 && finding.range.upperBound < 3)
    }

    @Test func `several orders are averaged over the steps that all have`() {
        let curve = curve(fall: 1e-3, end: 0.03)
        let higher = curve.prefix(80).map { (rate: $0.rate, loss: $0.loss + 1) }
        let search = LearningRateSearch([curve, higher], seeds: [4, 5])
        #expect(search.points.count == 80 && search.seeds == [4, 5])
        for (point, entry) in zip(search.points, curve) {
            #expect(point.rate == entry.rate && abs(point.loss - entry.loss - 0.5) < 1e-12)
        }
    }

    @Test func `orders differ, and the same seeds give the same curve`() throws {
        var request = EngineHarness().request
        request.options.strategy = .head
        func search(_ orders: Int) throws -> LearningRateSearch {
            var steps: [Int] = []
            let search = try LearningRateSearch.run(
                request, low: 1e-5, high: 1, steps: 12, orders: orders, warn: { _ in }, progress: { steps.append($0) })
            #expect(steps.last ?? 0 <= 12 * orders && steps == steps.sorted())
            return search
        }
        let (one, three) = (try search(1), try search(3))
        #expect(one.seeds.count == 1 && three.seeds.count == 3)
        #expect(one.points != three.points)
        #expect(try search(3).points == three.points)
    }

    @Test func `several orders are the default where features are cached`() {
        var options = RunOptions()
        #expect(LearningRateSearch.defaultOrders(options) == 3)
        options.strategy = .full
        #expect(LearningRateSearch.defaultOrders(options) == 1)
        options.strategy = .partial
        #expect(LearningRateSearch.defaultOrders(options) == 3)
        options.augmentation = .standard
        #expect(LearningRateSearch.defaultOrders(options) == 1)
    }

    @Test func `rates grow by the same factor, and the test ends when the loss leaves every bound`() throws {
        var request = EngineHarness().request
        request.options.strategy = .full
        let search = try LearningRateSearch.run(
            request, low: 1e-5, high: 1e4, steps: 40, warn: { _ in }, progress: { _ in })
        #expect(search.points.count > 8 && search.points.count < 40)
        let ratios = zip(search.points.dropFirst(), search.points).map { $0.rate / $1.rate }
        for ratio in ratios { #expect(abs(ratio - pow(1e9, 1 / 39.0)) < 1e-9) }
        #expect(search.points.first?.rate == 1e-5)
    }

    @Test func `bounds that make no range are refused by name`() {
        func message(_ low: Double, _ high: Double, _ steps: Int, _ orders: Int = 1) -> String {
            do {
                _ = try LearningRateSearch.run(
                    EngineHarness().request, low: low, high: high, steps: steps, orders: orders, warn: { _ in },
                    progress: { _ in })
                return ""
            } catch { return "\(error)" }
        }
        #expect(message(0, 1, 20).contains("--from"))
        #expect(message(.nan, 1, 20).contains("--from"))
        #expect(message(1, 1, 20).contains("--to"))
        #expect(message(1, .infinity, 20).contains("--to"))
        #expect(message(1e-4, 1, 3).contains("--steps"))
        #expect(message(1e-4, 1, 20, 0).contains("--orders"))
    }
}
