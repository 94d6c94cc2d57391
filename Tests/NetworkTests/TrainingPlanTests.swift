import Network
import Testing

@Suite struct TrainingPlanTests {
    let network = ResNet.resnet18

    func plan(_ patterns: String..., frozenBatchNorm: FrozenBatchNorm = .hold) -> TrainingPlan {
        let names = network.parameterNames.filter { name in patterns.contains { name.hasPrefix($0) } }
        return TrainingPlan(trainable: Set(names), frozenBatchNorm: frozenBatchNorm)
    }

    func layer(_ convolution: String) throws -> ConvolutionLayer {
        try #require(network.layers.first { $0.convolution == convolution })
    }

    @Test func backwardStopsAtTheLowestTrainableParameter() throws {
        let head = plan("fc.")
        #expect(head.cut == network.head)
        #expect(
            network.layers.allSatisfy { head.backward($0) == TrainingPlan.Backward() && head.forward($0) == .prefix })
        #expect(plan().cut == network.end)
        let partial = plan("layer4.", "fc.")
        #expect(partial.cut == 7)
        let first = partial.backward(try layer("layer4.0.conv1"))
        #expect(first.weightGradient && first.reachesConvolution && !first.inputGradient)
        #expect(partial.backward(try layer("layer4.1.conv1")).inputGradient)
        #expect(partial.backward(try layer("layer3.1.conv2")) == TrainingPlan.Backward())
    }

    @Test func withinABlockOnlyWhatSomethingWantsIsComputed() throws {
        let second = plan("layer4.0.conv2.weight")
        #expect(!second.backward(try layer("layer4.0.conv2")).inputGradient)
        #expect(second.backward(try layer("layer4.0.conv2")).weightGradient)
        #expect(second.backward(try layer("layer4.0.conv1")) == TrainingPlan.Backward())
        #expect(second.backward(try layer("layer4.0.downsample.0")) == TrainingPlan.Backward())
        let beta = plan("layer4.0.bn1.bias")
        #expect(beta.backward(try layer("layer4.0.conv2")).inputGradient)
        #expect(beta.backward(try layer("layer4.0.conv1")).reachesBatchNorm)
        #expect(!beta.backward(try layer("layer4.0.conv1")).reachesConvolution)
    }

    @Test func trackedStatisticsLeaveNoPrefix() throws {
        let head = plan("fc.", frozenBatchNorm: .track)
        #expect(head.cut == 0)
        #expect(head.lowestTrainableUnit == network.head)
        #expect(head.forward(network.stem) == .batchStatistics)
        #expect(plan("conv1", "fc.").forward(network.stem) == .held)
    }

    @Test func aBatchNormThatSeesOneValuePerChannelIsRefused() {
        #expect(throws: PlanError.oneValuePerChannel(batchNorm: "layer4.0.bn1")) {
            try plan("layer4.").requireValuesForStatistics(batch: 1, imageSize: 32)
        }
        #expect(throws: PlanError.self) {
            try plan(frozenBatchNorm: .track).requireValuesForStatistics(batch: 1, imageSize: 32)
        }
        #expect(throws: Never.self) { try plan("layer4.").requireValuesForStatistics(batch: 2, imageSize: 32) }
        #expect(throws: Never.self) { try plan("layer4.").requireValuesForStatistics(batch: 1, imageSize: 33) }
        let weights = Set(network.layers.map(\.weight))
        #expect(throws: Never.self) {
            try TrainingPlan(trainable: weights, frozenBatchNorm: .hold)
                .requireValuesForStatistics(batch: 1, imageSize: 32)
        }
        #expect(throws: Never.self) { try plan("fc.").requireValuesForStatistics(batch: 1, imageSize: 32) }
    }

    @Test func whatIsTrainedDeeperNeedsMoreMemory() {
        let needs = [plan("fc."), plan("layer4.", "fc."), plan("layer", "fc."), plan("")].map {
            MemoryNeed(plan: $0, classes: 2, imageSize: 224, moments: 1).bytes(batchSize: 16)
        }
        #expect(needs == needs.sorted() && Set(needs).count == 4)
        let need = MemoryNeed(plan: plan(""), classes: 2, imageSize: 224, moments: 1)
        #expect(need.batchSize(fitting: need.bytes(batchSize: 5)) == 5)
        #expect(need.batchSize(fitting: need.fixed) == nil)
    }

    @Test func featuresAreKeptWhereTheirInputIsDeterministic() throws {
        var rule = FeatureCacheRule(budget: 1 << 30)
        let size = try rule.size(plan("layer4.", "fc."), imageSize: 224, classes: 2, images: 10)
        #expect(size == (14 * 14 * 256 * 4, 14 * 14 * 256 * 40))
        func refusal(_ plan: TrainingPlan) -> FeatureCacheRefusal? {
            do throws(FeatureCacheRefusal) {
                _ = try rule.size(plan, imageSize: 224, classes: 2, images: 10)
                return nil
            } catch { return error }
        }
        #expect(refusal(plan("")) == .nothingFrozen)
        #expect(refusal(plan("fc.", frozenBatchNorm: .track)) == .followsBatches)
        rule.budget = 1000
        #expect(refusal(plan("fc.")) == .overBudget(bytes: 20480, budget: 1000))
        rule.augmentationIsRandom = true
        #expect(refusal(plan("fc.")) == .randomAugmentation)
        rule.isEnabled = false
        #expect(refusal(plan("fc.")) == .switchedOff)
    }
}
