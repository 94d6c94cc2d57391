/// What a frozen BatchNorm does (one whose weight and bias are both frozen).
package enum FrozenBatchNorm: String, Sendable, CaseIterable, Codable {
    /// It normalises with its running statistics and leaves them alone.
    case hold
    /// PyTorch's literal `requires_grad=False`: batch statistics, and the running ones keep moving.
    case track
}

/// All that follows from the freeze mask for one step: where backward stops, which BatchNorms are held, what each layer
/// runs. Engine, preview and memory check read it here. docs/freezing.md has the rules.
package struct TrainingPlan: Sendable, Equatable {
    package let trainable: Set<String>
    package let frozenBatchNorm: FrozenBatchNorm
    /// Whether every BatchNorm normalises with its running statistics and leaves them alone, also one that trains: the
    /// network's gradient in eval mode, as a probe takes it.
    package let holdsAll: Bool

    /// How many of the first units are wholly frozen and run as inference; 0 under `track`.
    package let cut: Int

    /// The lowest unit that has a trainable parameter, `ResNet.end` where everything is frozen: backward does not go
    /// below it.
    package let lowestTrainableUnit: Int

    package init(
        trainable: Set<String>, frozenBatchNorm: FrozenBatchNorm, holdsAll: Bool = false, network: ResNet = .resnet18
    ) {
        self.trainable = trainable
        self.frozenBatchNorm = frozenBatchNorm
        self.holdsAll = holdsAll
        lowestTrainableUnit = trainable.compactMap(network.unit(of:)).min() ?? network.end
        cut = frozenBatchNorm == .track ? 0 : lowestTrainableUnit
    }

    package func trains(_ parameter: String) -> Bool { trainable.contains(parameter) }

    /// Whether ranks that share a batch sum a parameter's gradient: where it trains, unless its BatchNorm has it from sums
    /// over the ranks already (`sumsStatistics`).
    package func sumsGradient(_ parameter: String, sumsStatistics: Bool, network: ResNet = .resnet18) -> Bool {
        guard trains(parameter) else { return false }
        guard sumsStatistics, let dot = parameter.lastIndex(of: ".") else { return true }
        return !network.isBatchNorm(String(parameter[..<dot]))
    }

    /// Whether anything of a convolution and its BatchNorm trains.
    package func trains(_ layer: ConvolutionLayer) -> Bool {
        trains(layer.weight) || trains(layer.gamma) || trains(layer.beta)
    }

    /// Whether the BatchNorm of this name ("layer1.0.bn1") normalises with the batch's statistics and updates the
    /// running ones.
    package func usesBatchStatistics(_ batchNorm: String) -> Bool {
        !holdsAll && (frozenBatchNorm == .track || trains(batchNorm + ".weight") || trains(batchNorm + ".bias"))
    }

    /// Whether a step may change a tensor.
    package func changes(_ tensor: TensorSpec) -> Bool {
        tensor.kind == .parameter ? trains(tensor.name) : usesBatchStatistics(tensor.layer)
    }

    /// What the forward pass of one layer is.
    package enum Forward: Sendable, Equatable {
        /// In the frozen prefix: inference, or nothing at all where its features come from the cache.
        case prefix
        /// The running statistics, folded into the convolution.
        case held
        case batchStatistics
    }

    package func forward(_ layer: ConvolutionLayer) -> Forward {
        if layer.unit < cut { return .prefix }
        return usesBatchStatistics(layer.batchNorm) ? .batchStatistics : .held
    }

    /// What the backward pass of one layer computes.
    package struct Backward: Sendable, Equatable {
        /// The gradient comes as far as the output of its BatchNorm.
        package var reachesBatchNorm = false
        /// It goes on through the BatchNorm to the convolution's output.
        package var reachesConvolution = false
        package var weightGradient = false
        package var inputGradient = false

        package init() {}
    }

    /// Each gradient is computed exactly where something at or below it trains:
    ///
    ///     unit's input          a lower unit trains
    ///     bn1 and conv1         that, or bn1 or conv1 trains
    ///     conv2's input         bn1's output is wanted
    ///     the shortcut          the unit's input is wanted, or the shortcut trains
    package func backward(_ layer: ConvolutionLayer, of network: ResNet = .resnet18) -> Backward {
        guard layer.unit >= lowestTrainableUnit else { return Backward() }
        let wantsUnitInput = layer.unit > lowestTrainableUnit
        let wantsInput: Bool
        switch layer.role {
        case .stem: wantsInput = false
        case .first, .shortcut: wantsInput = wantsUnitInput
        case .second:
            wantsInput = wantsUnitInput || network.units[layer.unit].block.map { trains($0.first) } == true
        }
        var result = Backward()
        result.reachesBatchNorm = wantsInput || trains(layer)
        result.reachesConvolution = wantsInput || trains(layer.weight)
        result.weightGradient = trains(layer.weight)
        result.inputGradient = wantsInput
        return result
    }

    /// Throws where PyTorch would refuse: a BatchNorm in training mode that sees one value per channel.
    package func requireValuesForStatistics(batch: Int, imageSize: Int, network: ResNet = .resnet18) throws(PlanError) {
        for layer in network.layers where usesBatchStatistics(layer.batchNorm) {
            let side = network.output(of: layer, imageSize: imageSize).side
            if batch * side * side == 1 { throw PlanError.oneValuePerChannel(batchNorm: layer.batchNorm) }
        }
    }
}

package enum PlanError: Error, Sendable, Equatable, CustomStringConvertible {
    case oneValuePerChannel(batchNorm: String)

    package var description: String {
        switch self {
        case .oneValuePerChannel(let batchNorm):
            "\(batchNorm) is in training mode and would see one value per channel (batch of 1, map of 1×1): use more "
                + "images per batch, larger images, or freeze it."
        }
    }
}
