/// What a step takes of the network between ranks, and how much of that backward does not hide.
///
/// Two short messages in any step (what to do, and the loss), two for each BatchNorm that normalises with the whole batch
/// (its sums forward and backward), and the gradients of what trains, each sent as soon as backward has it:
///
///     end of layer l's sum = max(end of backward of l, end of the sum before) + bytes(l) / bandwidth
///
/// A step waits for the last sum to end. docs/scaling.md holds this against measured steps.
package struct RankExchangeCosts: Sendable, Equatable, Codable {
    package var ranks: Int
    /// Milliseconds of the sum of one number, and bytes of large sums in one, as measured at the start of the run.
    package var latency: Double
    package var bytesPerMillisecond: Double
    /// Whether BatchNorms normalise with the statistics of the whole batch.
    package var sumsStatistics: Bool

    package init(ranks: Int, latency: Double, bytesPerMillisecond: Double, sumsStatistics: Bool) {
        self.ranks = ranks
        self.latency = latency
        self.bytesPerMillisecond = bytesPerMillisecond
        self.sumsStatistics = sumsStatistics
    }

    /// Bytes of gradients that a step sums, of all parameters or of those named.
    package func bytes(
        _ plan: TrainingPlan, classes: Int, of names: [String]? = nil, network: ResNet = .resnet18
    ) -> Int {
        network.parameters(classes: classes).reduce(0) { sum, parameter in
            guard names?.contains(parameter.name) ?? true,
                plan.sumsGradient(parameter.name, sumsStatistics: sumsStatistics, network: network)
            else { return sum }
            return sum + parameter.count * MemoryLayout<Float>.size
        }
    }

    /// Short messages in a step.
    package func messages(_ plan: TrainingPlan, network: ResNet = .resnet18) -> Int {
        2
            + (sumsStatistics ? network.layers : []).reduce(0) { sum, layer in
                guard plan.forward(layer) == .batchStatistics else { return sum }
                return sum + (plan.backward(layer).reachesBatchNorm ? 2 : 1)
            }
    }

    /// Milliseconds that a step takes longer for it.
    ///
    /// - Parameter backward: what each layer's backward takes, in the order in which it comes to them.
    func milliseconds(
        _ plan: TrainingPlan, backward: [(layer: ConvolutionLayer, milliseconds: Double)], classes: Int,
        network: ResNet = .resnet18
    ) -> Double {
        guard ranks > 1, bytesPerMillisecond > 0 else { return 0 }
        func transfer(_ names: [String]) -> Double {
            Double(bytes(plan, classes: classes, of: names, network: network)) / bytesPerMillisecond
        }
        var now = 0.0
        var sent = transfer(["fc.weight", "fc.bias"])
        for (layer, milliseconds) in backward {
            now += milliseconds
            let own = transfer([layer.weight, layer.gamma, layer.beta])
            if own > 0 { sent = max(sent, now) + own }
        }
        return max(0, sent - now) + latency * Double(messages(plan))
    }
}
