/// What one layer took in a step.
package struct LayerTiming: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A convolution's values.
        case forward
        /// The gradient of a convolution's input.
        case inputGradient
        /// The gradient of a convolution's weights.
        case weightGradient
        /// What follows a convolution up to the next one: BatchNorm, ReLU, addition, pooling.
        case normalisation
        /// Its backward.
        case normalisationGradient
        /// fc with the loss, the optimizer, and what lies before the first convolution.
        case other
    }

    /// torchvision's name of the layer ("layer1.0.conv1", "layer1.0.bn1", "fc"), or "optimizer", "start".
    package let name: String
    package let kind: Kind
    package let milliseconds: Double
    /// Of the plain convolution, whatever the algorithm does; 0 for what is not a convolution.
    package let multiplyAdds: Int

    package init(name: String, kind: Kind, milliseconds: Double, multiplyAdds: Int) {
        self.name = name
        self.kind = kind
        self.milliseconds = milliseconds
        self.multiplyAdds = multiplyAdds
    }
}

/// Where a step's time goes: a stopwatch whose laps have names. The layers run one after the other, so each lap is the
/// time since the one before, and the laps of a step add up to the step.
///
/// Set as `ResNet18.clock` it hears of every convolution; without one a step pays a test for nil.
package final class LayerClock {
    private struct Key: Hashable {
        let name: String
        let kind: LayerTiming.Kind
    }
    private struct Total {
        var milliseconds = 0.0
        var multiplyAdds = 0
    }

    private var last = ContinuousClock.now
    /// The BatchNorm behind the convolution that ran last.
    private var batchNorm: String?
    private var order: [Key] = []
    private var step: [Key: Total] = [:]
    private var steps: [[Key: Total]] = []

    package init() {}

    /// A step begins now.
    package func begin() {
        step = [:]
        batchNorm = nil
        last = .now
    }

    /// The step is over and counts.
    package func end() { steps.append(step) }

    /// What went on since the last lap was `name`.
    package func lap(_ name: String, _ kind: LayerTiming.Kind = .other, multiplyAdds: Int = 0) {
        let now = ContinuousClock.now
        let key = Key(name: name, kind: kind)
        if !order.contains(key) { order.append(key) }
        step[key, default: Total()].milliseconds += last.duration(to: now) / .milliseconds(1)
        step[key, default: Total()].multiplyAdds += multiplyAdds
        last = now
    }

    /// Every lap in the order in which they first came: the median over the steps that ended.
    package var timings: [LayerTiming] {
        order.compactMap { key in
            let totals = steps.compactMap { $0[key] }.sorted { $0.milliseconds < $1.milliseconds }
            guard let first = totals.first else { return nil }
            let middle = (totals[(totals.count - 1) / 2].milliseconds + totals[totals.count / 2].milliseconds) / 2
            return LayerTiming(
                name: key.name, kind: key.kind, milliseconds: middle, multiplyAdds: first.multiplyAdds)
        }
    }

    // MARK: What the network calls

    /// Forward goes on to the next layer: what was since the last convolution belongs to its BatchNorm.
    func leaveForward() {
        if let batchNorm { lap(batchNorm, .normalisation) } else { lap("start") }
    }

    /// Backward has come to a convolution: what was before belongs to the BatchNorm behind it.
    func reachBackward(_ layer: NormalisedConvolution) { lap(layer.spec.batchNorm, .normalisationGradient) }

    /// A pass of a convolution is done; `size` is its input's.
    func lap(_ layer: NormalisedConvolution, _ kind: LayerTiming.Kind, images: Int, size: Int) {
        let (shape, output) = (layer.shape, layer.output(size))
        if kind == .forward { batchNorm = layer.spec.batchNorm }
        lap(
            layer.spec.convolution, kind,
            multiplyAdds: images * output * output * shape.kernel * shape.kernel * shape.inputs * shape.outputs)
    }
}
