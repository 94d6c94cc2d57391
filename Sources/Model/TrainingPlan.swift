/// What a frozen BatchNorm does (one whose weight and bias are both frozen).
package enum FrozenBatchNorm: String, Sendable, CaseIterable {
    /// It normalises with its running statistics and leaves them alone.
    case hold
    /// PyTorch's literal `requires_grad=False`: batch statistics, and the running ones keep moving.
    case track
}

/// All that follows from the freeze mask for one step: where backward stops, which BatchNorms are held, what is kept
/// (docs/freezing.md, rules 2, 5 and 6).
package struct TrainingPlan: Sendable, Equatable {
    package let trainable: Set<String>
    package let frozenBatchNorm: FrozenBatchNorm

    /// How many of the first units are wholly frozen and run as inference, 0 to 10; 0 under `track`.
    package let cut: Int

    /// The lowest unit that has a trainable parameter, 10 where everything is frozen: backward does not go below it.
    package let lowestTrainableUnit: Int

    package init(trainable: Set<String>, frozenBatchNorm: FrozenBatchNorm) {
        self.trainable = trainable
        self.frozenBatchNorm = frozenBatchNorm
        lowestTrainableUnit = trainable.compactMap(ResNet18Layout.unit(of:)).min() ?? ResNet18Layout.wholeCut
        cut = frozenBatchNorm == .track ? 0 : lowestTrainableUnit
    }

    package func trains(_ parameter: String) -> Bool { trainable.contains(parameter) }

    /// Whether the BatchNorm of this name ("layer1.0.bn1") normalises with the batch's statistics and updates the
    /// running ones.
    package func usesBatchStatistics(_ batchNorm: String) -> Bool {
        frozenBatchNorm == .track || trains(batchNorm + ".weight") || trains(batchNorm + ".bias")
    }

    /// Whether anything of a convolution and its BatchNorm trains.
    func trains(_ unit: ResNet18Layout.ConvolutionUnit) -> Bool {
        trains(unit.convolution + ".weight") || trains(unit.batchNorm + ".weight") || trains(unit.batchNorm + ".bias")
    }

    /// PyTorch's refusal, where it would refuse: a BatchNorm in training mode that sees one value per channel.
    package func refusal(batch: Int, imageSize: Int) -> String? {
        func check(_ unit: ResNet18Layout.ConvolutionUnit, _ size: Int) -> String? {
            guard usesBatchStatistics(unit.batchNorm), batch * size * size == 1 else { return nil }
            return "\(unit.batchNorm) is in training mode and would see one value per channel "
                + "(batch of 1, map of 1×1): use more images per batch, larger images, or freeze it."
        }
        var size = ResNet18Layout.outputSize(imageSize, kernel: 7, stride: 2)
        if let refusal = check(ResNet18Layout.stem, size) { return refusal }
        size = ResNet18Layout.outputSize(size, kernel: 3, stride: 2)
        for block in ResNet18Layout.blocks {
            size = ResNet18Layout.outputSize(size, kernel: 3, stride: block.first.stride)
            for unit in [block.first, block.second, block.downsample].compactMap({ $0 }) {
                if let refusal = check(unit, size) { return refusal }
            }
        }
        return nil
    }
}
