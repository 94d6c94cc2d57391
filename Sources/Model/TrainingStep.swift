import Network
import Kernels
import LoopTypes

extension ResNet18 {
    /// One forward and, where something trains, backward pass from the features at `plan.cut` (for cut 0: the images).
    /// Leaves the gradients in the parameters; BatchNorms in training mode update their running statistics.
    ///
    /// With an `exchange` the images are this rank's of a batch that all ranks share, perhaps none, and `total` is the
    /// whole batch's Σ w_y. The outcome is then this rank's part of the sums, and the gradients are the whole batch's
    /// after `GradientExchange.finish`.
    package func step(
        plan: TrainingPlan, features: UnsafePointer<Float>, labels: [Int], imageSize: Int,
        terms: LossTerms = LossTerms(), total: Double? = nil
    ) -> StepOutcome {
        precondition(!plan.holdsAll, "The gradients in eval mode come from sampleGradients.")
        for parameter in parameters where !plan.trains(parameter.name) { parameter.gradient = nil }
        if let exchange {
            exchange.begin(parameters, plan: plan)
        } else {
            for parameter in parameters where plan.trains(parameter.name) && parameter.gradient == nil {
                parameter.gradient = FloatBuffer(count: parameter.count)
            }
        }
        let images = labels.count
        guard images > 0 || exchange != nil else { return StepOutcome(loss: 0, correct: 0) }
        return pass(plan: plan, features: features, images: images, imageSize: imageSize) { logits, gradient in
            Loss.crossEntropy(
                logits: logits, labels: labels, classes: classes, gradient: gradient, terms: terms, total: total)
        }
    }

    /// Forward, the loss with its gradient of the logits, and backward where something trains.
    func pass<Outcome>(
        plan: TrainingPlan, features: UnsafePointer<Float>, images: Int, imageSize: Int,
        loss: (_ logits: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>?) -> Outcome
    ) -> Outcome {
        guard plan.cut < network.end else { return loss(features, nil) }

        // Forward.
        var current = features
        var size = featureShape(cut: plan.cut, imageSize: imageSize).side
        var savedStem: StemActivations?
        var savedBlocks: [BlockActivations] = []
        for unit in plan.cut..<max(plan.cut, network.head) {
            if unit == 0 {
                let saved = forwardStem(current, images: images, size: size, plan: plan)
                savedStem = saved
                current = UnsafePointer(saved.output)
                size = saved.outputSize
            } else {
                let saved = forwardBlock(unit, current, images: images, size: size, plan: plan)
                savedBlocks.append(saved)
                current = UnsafePointer(saved.output)
                size = saved.outputSize
            }
        }
        let inputs = network.featureCount
        var pooled = current
        if plan.cut < network.head {
            let target = workspace.buffer(.pooled, count: images * inputs)
            AveragePooling.forward(
                current, images: images, pixels: size * size, channels: inputs, output: target, pool: pool)
            pooled = UnsafePointer(target)
        }
        clock?.leaveForward()
        let (weight, bias) = fullyConnected
        let logits = workspace.buffer(.logits, count: images * classes)
        Linear.forward(
            pooled, weight: weight.values.pointer, bias: bias.values.pointer, images: images, inputs: inputs,
            outputs: classes, output: logits, pool: pool)
        let lowest = plan.lowestTrainableUnit
        let logitGradient =
            lowest < network.end ? workspace.buffer(.logitsGradient, count: images * classes) : nil
        let outcome = loss(logits, logitGradient)

        // Backward, down to the lowest unit that trains.
        guard let logitGradient else { return outcome }
        let pooledGradient = lowest < network.head ? workspace.buffer(.pooledGradient, count: images * inputs) : nil
        if let samples { sampleGradients(samples, ofHead: logitGradient, pooled: pooled) }
        let (own, ownBias) = samples == nil ? (weight.gradient, bias.gradient) : (nil, nil)
        Linear.backward(
            logitGradient, x: pooled, weight: weight.values.pointer, images: images, inputs: inputs, outputs: classes,
            weightGradient: own?.pointer, biasGradient: ownBias?.pointer, inputGradient: pooledGradient, pool: pool)
        if samples == nil {
            exchange?.ready(weight)
            exchange?.ready(bias)
        }
        clock?.lap("fc")
        guard let pooledGradient else { return outcome }

        // Holds the gradient of one unit's output after the other.
        let largest = (lowest..<network.head).map { network.output(ofUnit: $0, imageSize: imageSize).count }.max()
        let gradient = workspace.buffer(.gradient, count: images * (largest ?? 0))
        AveragePooling.backward(
            pooledGradient, images: images, pixels: size * size, channels: inputs, result: gradient, pool: pool)
        for saved in savedBlocks.reversed() where saved.unit >= lowest {
            backwardBlock(saved, gradient: gradient, images: images, plan: plan)
        }
        if lowest == 0, let savedStem {
            backwardStem(savedStem, gradient: gradient, images: images, plan: plan)
        }
        return outcome
    }

    /// dw of a layer, where its weight trains.
    func weightGradient(
        _ layer: NormalisedConvolution, input: UnsafePointer<Float>, prologue: FoldedBatchNorm? = nil,
        gradient: UnsafePointer<Float>, images: Int, size: Int
    ) {
        clock?.reachBackward(layer)
        if let samples { return sampleGradients(samples, of: layer, input: input, gradient: gradient, size: size) }
        guard let result = layer.weight.gradient?.pointer else { return }
        if images > 0 {
            layer.weightGradient(
                input, prologue: prologue, gradient: gradient, images: images, size: size, result: result, pool: pool,
                workspace: workspace)
        } else {
            result.update(repeating: 0, count: layer.weight.count)
        }
        exchange?.ready(layer.weight)
        clock?.lap(layer, .weightGradient, images: images, size: size)
    }

    /// dx of a layer.
    func inputGradient(
        _ layer: NormalisedConvolution, _ gradient: UnsafePointer<Float>, images: Int, size: Int,
        epilogue: Epilogue = Epilogue(), result: UnsafeMutablePointer<Float>
    ) {
        layer.inputGradient(
            gradient, images: images, size: size, epilogue: epilogue, keepsCopies: samples == nil, result: result,
            pool: pool,
            workspace: workspace)
        clock?.lap(layer, .inputGradient, images: images, size: size)
    }
}

// MARK: - The stem

/// What forward leaves for backward.
struct StemActivations {
    let input: UnsafePointer<Float>
    /// conv1's values, or behind bn1 and ReLU where bn1 uses its running statistics.
    let convolved: UnsafeMutablePointer<Float>
    /// Of each pooling window, a byte; nil where nothing of the stem trains.
    let argmax: UnsafeMutableRawPointer?
    let output: UnsafeMutablePointer<Float>
    let size: Int
    let convolvedSize: Int
    let outputSize: Int
    let usesBatchStatistics: Bool
}

extension ResNet18 {
    /// A convolution and its BatchNorm into `output`, [rows, outputs]. With the batch's statistics `output` holds the
    /// convolution's values, and what comes back is the BatchNorm that is still to be applied; with the running ones it is
    /// applied already, and ReLU too where wanted. Where samples are measured it is applied only together with ReLU.
    private func forwardLayer(
        _ layer: NormalisedConvolution, _ input: UnsafePointer<Float>, images: Int, size: Int,
        output: UnsafeMutablePointer<Float>, relu: Bool, plan: TrainingPlan
    ) -> FoldedBatchNorm? {
        let outputSize = layer.output(size)
        let rows = images * outputSize * outputSize
        guard plan.usesBatchStatistics(layer.spec.batchNorm) else {
            layer.useRunningStatistics()
            if let samples {
                convolve(layer, input, images: images, size: size, output: output, collects: true)
                samples.measure(layer, rows: rows)
                guard relu else { return layer.batchNorm.folded }
                samples.activate(
                    output, layer.batchNorm.folded, rows: rows, channels: layer.shape.outputs, pool: pool)
                return nil
            }
            convolve(layer, input, images: images, size: size, output: output, epilogue: epilogue(layer, relu: relu))
            return nil
        }
        convolve(layer, input, images: images, size: size, output: output, collects: true)
        layer.useBatchStatistics(rows: rows)
        return layer.batchNorm.folded
    }

    func forwardStem(_ input: UnsafePointer<Float>, images: Int, size: Int, plan: TrainingPlan) -> StemActivations {
        let convolvedSize = stem.output(size)
        let outputSize = MaxPooling.outputSize(convolvedSize)
        let channels = stem.shape.outputs
        let convolved = workspace.buffer(.stemConvolved, count: images * convolvedSize * convolvedSize * channels)
        let outputCount = images * outputSize * outputSize * channels
        let output = workspace.buffer(.stemOutput, count: outputCount)
        let argmax = plan.lowestTrainableUnit == 0 ? workspace.bytes(.stemArgmax, count: outputCount) : nil
        let folded = forwardLayer(stem, input, images: images, size: size, output: convolved, relu: true, plan: plan)
        MaxPooling.forward(
            convolved, prologue: folded, images: images, height: convolvedSize, width: convolvedSize,
            channels: channels, output: output, argmax: argmax, pool: pool)
        return StemActivations(
            input: input, convolved: convolved, argmax: argmax, output: output, size: size,
            convolvedSize: convolvedSize, outputSize: outputSize, usesBatchStatistics: folded != nil)
    }

    func backwardStem(_ saved: StemActivations, gradient: UnsafeMutablePointer<Float>, images: Int, plan: TrainingPlan)
    {
        guard let argmax = saved.argmax else { return }
        if saved.usesBatchStatistics {
            MaxPooling.backward(
                gradient, output: saved.output, argmax: argmax, x: saved.convolved, batchNorm: stem.batchNorm,
                gamma: stem.gamma.values.pointer, gammaGradient: stem.gamma.gradient?.pointer,
                betaGradient: stem.beta.gradient?.pointer, writesInput: stem.weight.gradient != nil, images: images,
                height: saved.convolvedSize, width: saved.convolvedSize, pool: pool)
            exchange?.ready(stem.gamma)
            exchange?.ready(stem.beta)
        } else {
            let channels = stem.shape.outputs
            saved.convolved.update(repeating: 0, count: images * saved.convolvedSize * saved.convolvedSize * channels)
            MaxPooling.scatter(
                gradient, output: saved.output, argmax: argmax, scale: stem.batchNorm.folded.scale,
                into: saved.convolved, images: images, height: saved.convolvedSize, width: saved.convolvedSize,
                channels: channels, pool: pool)
        }
        weightGradient(stem, input: saved.input, gradient: saved.convolved, images: images, size: saved.size)
    }
}

// MARK: - A residual block

/// What a block's forward leaves for its backward. Where a BatchNorm uses the batch's statistics its input is kept and
/// what follows is computed again from it; where it uses its running ones only its output is.
struct BlockActivations {
    let unit: Int
    let input: UnsafePointer<Float>
    let size: Int
    let outputSize: Int
    let channels: Int
    /// conv1's values, or behind bn1 and ReLU where `firstFolded` is nil.
    let first: UnsafeMutablePointer<Float>
    /// bn1 with the batch's statistics.
    let firstFolded: FoldedBatchNorm?
    /// conv2's values; nil where bn2 uses its running statistics.
    let second: UnsafeMutablePointer<Float>?
    /// The shortcut convolution's values; nil without one or where its BatchNorm uses its running statistics.
    let shortcut: UnsafeMutablePointer<Float>?
    let output: UnsafeMutablePointer<Float>
}

extension ResNet18 {
    func forwardBlock(
        _ unit: Int, _ input: UnsafePointer<Float>, images: Int, size: Int, plan: TrainingPlan
    ) -> BlockActivations {
        let block = blocks[unit - 1]
        let outputSize = block.first.output(size)
        let channels = block.first.shape.outputs
        let rows = images * outputSize * outputSize
        // A unit that backward does not reach shares its buffers with the others of its kind.
        let isSaved = unit >= plan.lowestTrainableUnit
        func buffer(_ part: Workspace.BlockPart) -> UnsafeMutablePointer<Float> {
            workspace.buffer(
                isSaved ? .saved(block: unit, part) : .passing(turn: unit % 2, part), count: rows * channels)
        }

        // relu(bn1(conv1(x)))
        let first = buffer(.first)
        let firstFolded = forwardLayer(
            block.first, input, images: images, size: size, output: first, relu: true, plan: plan)

        // shortcut(x)
        var shortcut = input
        var shortcutFolded: FoldedBatchNorm?
        var savedShortcut: UnsafeMutablePointer<Float>?
        if let downsample = block.downsample {
            let isTraining = plan.usesBatchStatistics(downsample.spec.batchNorm)
            let target = isTraining ? buffer(.shortcut) : workspace.buffer(.shortcut, count: rows * channels)
            shortcutFolded = forwardLayer(
                downsample, input, images: images, size: size, output: target, relu: false, plan: plan)
            savedShortcut = isTraining ? target : nil
            shortcut = UnsafePointer(target)
        }

        // relu(bn2(conv2(…)) + shortcut(x))
        let output = buffer(.output)
        var second: UnsafeMutablePointer<Float>?
        var secondFolded: FoldedBatchNorm?
        var summand = output
        var isSummed = false
        if plan.usesBatchStatistics(block.second.spec.batchNorm) {
            summand = buffer(.second)
            second = summand
            convolve(
                block.second, first, images: images, size: outputSize, prologue: firstFolded, output: summand,
                collects: true)
            block.second.useBatchStatistics(rows: rows)
            secondFolded = block.second.batchNorm.folded
        } else {
            block.second.useRunningStatistics()
            if let samples {
                convolve(block.second, first, images: images, size: outputSize, output: output, collects: true)
                samples.measure(block.second, rows: rows)
                secondFolded = block.second.batchNorm.folded
            } else {
                isSummed = shortcutFolded == nil
                convolve(
                    block.second, first, images: images, size: outputSize, prologue: firstFolded, output: output,
                    epilogue: epilogue(block.second, addend: isSummed ? shortcut : nil, relu: isSummed))
            }
        }
        if !isSummed {
            ResidualSum.forward(
                summand, secondFolded, shortcut: shortcut, shortcutFolded, output: output, rows: rows,
                channels: channels, pool: pool)
        }
        return BlockActivations(
            unit: unit, input: input, size: size, outputSize: outputSize, channels: channels, first: first,
            firstFolded: firstFolded, second: second, shortcut: savedShortcut, output: output)
    }

    /// `gradient` comes in as the loss's gradient of the block's output and, where something below trains, leaves as
    /// that of its input.
    func backwardBlock(
        _ saved: BlockActivations, gradient: UnsafeMutablePointer<Float>, images: Int, plan: TrainingPlan
    ) {
        let block = blocks[saved.unit - 1]
        let channels = saved.channels
        let rows = images * saved.outputSize * saved.outputSize
        let (first, second) = (plan.backward(block.first.spec), plan.backward(block.second.spec))

        // ReLU and bn2.
        if let x = saved.second, second.reachesBatchNorm {
            backwardReduce(block.second, gradient, x: x, mask: .output(saved.output))
        } else {
            ResidualSum.mask(gradient, output: saved.output, rows: rows, channels: channels, pool: pool)
        }

        // conv2, ReLU, bn1, conv1: down to where something still trains.
        var firstGradient: UnsafePointer<Float>?
        if second.reachesConvolution {
            let convolvedGradient = backwardElementwise(
                block.second, gradient, x: saved.second, otherwise: .convolvedGradient, rows: rows)
            weightGradient(
                block.second, input: saved.first, prologue: saved.firstFolded, gradient: convolvedGradient,
                images: images, size: saved.outputSize)
            if second.inputGradient {
                let middle = workspace.buffer(.middleGradient, count: rows * channels)
                inputGradient(block.second, convolvedGradient, images: images, size: saved.outputSize, result: middle)
                let x = saved.firstFolded == nil ? nil : saved.first
                if let x {
                    backwardReduce(block.first, middle, x: x, mask: .ownOutput)
                } else {
                    ResidualSum.mask(middle, output: saved.first, rows: rows, channels: channels, pool: pool)
                }
                if first.reachesConvolution {
                    let convolved = backwardElementwise(
                        block.first, middle, x: x, otherwise: .middleGradient, rows: rows)
                    weightGradient(
                        block.first, input: saved.input, gradient: convolved, images: images, size: saved.size)
                    firstGradient = convolved
                }
            }
        }

        // The shortcut.
        var shortcutGradient: UnsafePointer<Float>?
        if let downsample = block.downsample {
            let backward = plan.backward(downsample.spec)
            if let x = saved.shortcut, backward.reachesBatchNorm {
                backwardReduce(downsample, gradient, x: x, mask: .none)
            }
            if backward.reachesConvolution {
                let convolved = backwardElementwise(
                    downsample, gradient, x: saved.shortcut, otherwise: .convolvedGradient, rows: rows)
                weightGradient(downsample, input: saved.input, gradient: convolved, images: images, size: saved.size)
                shortcutGradient = convolved
            }
        }

        guard first.inputGradient, let firstGradient else { return }
        let isIdentity = block.downsample == nil
        inputGradient(
            block.first, firstGradient, images: images, size: saved.size,
            epilogue: Epilogue(addend: isIdentity ? UnsafePointer(gradient) : nil), result: gradient)
        if let downsample = block.downsample, let shortcutGradient {
            inputGradient(
                downsample, shortcutGradient, images: images, size: saved.size,
                epilogue: Epilogue(addend: UnsafePointer(gradient)), result: gradient)
        }
    }

    private func backwardReduce(
        _ layer: NormalisedConvolution, _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>,
        mask: ReLUMask
    ) {
        layer.batchNorm.backwardReduce(
            gradient, x: x, mask: mask, gamma: layer.gamma.values.pointer, gammaGradient: layer.gamma.gradient?.pointer,
            betaGradient: layer.beta.gradient?.pointer, pool: pool)
        exchange?.ready(layer.gamma)
        exchange?.ready(layer.beta)
    }

    /// The gradient of the convolution's values: over the values x where the BatchNorm used the batch's statistics,
    /// otherwise in the buffer named.
    private func backwardElementwise(
        _ layer: NormalisedConvolution, _ gradient: UnsafePointer<Float>, x: UnsafeMutablePointer<Float>?,
        otherwise slot: Workspace.Slot, rows: Int
    ) -> UnsafePointer<Float> {
        if let x {
            layer.batchNorm.backwardElementwise(gradient, x: x, pool: pool)
            return UnsafePointer(x)
        }
        let target = workspace.buffer(slot, count: rows * layer.shape.outputs)
        ResidualSum.scale(
            gradient, by: layer.batchNorm.folded.scale, into: target, rows: rows, channels: layer.shape.outputs,
            pool: pool)
        return UnsafePointer(target)
    }
}
