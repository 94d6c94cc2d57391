import Network
import Testing

@Suite struct RankExchangeCostsTests {
    private static func plan(_ strategy: Strategy, _ frozenBatchNorm: FrozenBatchNorm = .hold) -> TrainingPlan {
        TrainingPlan(
            trainable: Set(strategy.trainable(of: ResNet.resnet18.parameterNames)), frozenBatchNorm: frozenBatchNorm)
    }

    private static func costs(ranks: Int = 2, latency: Double = 0, speed: Double = 1e5, sums: Bool = true)
        -> RankExchangeCosts
    { RankExchangeCosts(ranks: ranks, latency: latency, bytesPerMillisecond: speed, sumsStatistics: sums) }

    /// Layers whose backward takes 10 ms each.
    private static func step(_ costs: RankExchangeCosts, _ strategy: Strategy) -> StepCosts {
        var step = StepCosts(
            layers: ResNet.resnet18.layers.map { layer in
                var cost = StepCosts.Layer(layer)
                cost.weightGradient = 10
                return cost
            }, rest: 0, optimizerPerMillion: 0, moments: 1, classes: 2, batchSize: 8, imageSize: 224, pictures: 100,
            cacheRule: FeatureCacheRule(budget: 0), frozenBatchNorm: .hold)
        step.exchange = costs
        return step
    }

    @Test func `only what trains is sent`() {
        let costs = Self.costs()
        let floats = ResNet.resnet18.parameters(classes: 2)
        let weights = floats.filter { !ResNet.resnet18.isBatchNorm($0.layer) }.reduce(0) { $0 + $1.count }
        #expect(costs.bytes(Self.plan(.full), classes: 2) == weights * 4)
        let local = Self.costs(sums: false)
        #expect(local.bytes(Self.plan(.full), classes: 2) == floats.reduce(0) { $0 + $1.count } * 4)
        #expect(costs.bytes(Self.plan(.head), classes: 2) == (512 + 1) * 2 * 4)
    }

    @Test func `BatchNorms that train exchange their sums, frozen ones nothing`() {
        let costs = Self.costs()
        #expect(costs.messages(Self.plan(.head)) == 2)
        #expect(costs.messages(Self.plan(.partial)) == 2 + 2 * 5)
        #expect(costs.messages(Self.plan(.full)) == 2 + 2 * 20)
        // Forward alone, where backward does not come.
        #expect(costs.messages(Self.plan(.head, .track)) == 2 + 20)
        #expect(Self.costs(sums: false).messages(Self.plan(.full)) == 2)
    }

    @Test func `backward hides what is sent while it goes on`() {
        func milliseconds(_ costs: RankExchangeCosts, _ strategy: Strategy) -> Double {
            Self.step(costs, strategy).milliseconds(Self.plan(strategy), cached: true)
        }
        // 44.7 MB at 1 MB a millisecond need less than the layers that follow; the last layer's 38 kB are not hidden.
        let fast = milliseconds(Self.costs(speed: 1e6), .full)
        #expect(fast > 200 && fast < 200.1)
        // At 0.1 MB they take 447 ms, of which the first layer's 10 ms pass before there is anything but fc to send.
        let slow = milliseconds(Self.costs(speed: 1e5), .full)
        #expect(abs(slow - (10 + 446.8)) < 1, "\(slow)")
        #expect(milliseconds(Self.costs(latency: 1, speed: 1e9), .partial) - 50 - 12 < 0.1)
        #expect(milliseconds(Self.costs(ranks: 1, latency: 1), .partial) == 50)
    }
}
