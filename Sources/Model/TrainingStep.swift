import Network
import Kernels

extension ResNet18 {
    /// One forward and, where something trains, backward pass from the features at `plan.cut` (for cut 0: the images).
    /// Leaves the gradients in the parameters; BatchNorms in training mode update their running statistics.
    package func step(
        plan: TrainingPlan, features: UnsafePointer<Float>, labels: [Int], imageSize: Int,
        terms: LossTerms = LossTerms()
    ) -> StepOutcome {
        for parameter in parameters {
            if !plan.trains(parameter.name) {
                parameter.gradient = nil
            } else if parameter.gradient == nil {
                parameter.gradient = FloatBuffer(count: parameter.count)
            }
        }
        let images = labels.count
        guard images > 0 else { return StepOutcome(loss: 0, correct: 0) }
        guard plan.cut < ResNet18Layout.wholeCut else {
            return Loss.crossEntropy(logits: features, labels: labels, classes: classes, terms: terms)
        }

        // Forward.
        var current = features
        var size = featureShape(cut: plan.cut, imageSize: imageSize).height
        var stemTape: StemTape?
        var tapes: [BlockTape] = []
        for unit in plan.cut..<9 {
            if unit == 0 {
                let tape = forwardStem(current, images: images, size: size, plan: plan)
                stemTape = tape
                current = UnsafePointer(tape.output)
                size = tape.outputSize
            } else {
                let tape = forwardBlock(unit, current, images: images, size: size, plan: plan)
                tapes.append(tape)
                current = UnsafePointer(tape.output)
                size = tape.outputSize
            }
        }
        let inputs = ResNet18Layout.featureCount
        var pooled = current
        if plan.cut < 9 {
            let target = workspace.buffer("pooled", count: images * inputs)
            AveragePooling.forward(
                current, images: images, pixels: size * size, channels: inputs, output: target, pool: pool)
            pooled = UnsafePointer(target)
        }
        clock?.leaveForward()
        let (weight, bias) = fullyConnected
        let logits = workspace.buffer("logits", count: images * classes)
        Linear.forward(
            pooled, weight: weight.values.pointer, bias: bias.values.pointer, images: images, inputs: inputs,
            outputs: classes, output: logits, pool: pool)
        let lowest = plan.lowestTrainableUnit
        let logitGradient =
            lowest < ResNet18Layout.wholeCut ? workspace.buffer("logits.gradient", count: images * classes) : nil
        let outcome = Loss.crossEntropy(
            logits: logits, labels: labels, classes: classes, gradient: logitGradient, terms: terms)

        // Backward, down to the lowest unit that trains.
        guard let logitGradient else { return outcome }
        let pooledGradient = lowest < 9 ? workspace.buffer("pooled.gradient", count: images * inputs) : nil
        Linear.backward(
            logitGradient, x: pooled, weight: weight.values.pointer, images: images, inputs: inputs, outputs: classes,
            weightGradient: weight.gradient?.pointer, biasGradient: bias.gradient?.pointer,
            inputGradient: pooledGradient, pool: pool)
        clock?.lap("fc")
        guard let pooledGradient else { return outcome }

        var largest = 0
        for unit in lowest..<9 {
            let output =
                unit == 8 ? tapes.last.map { $0.outputCount(images) } ?? 0 : count(cut: unit + 1, images, imageSize)
            largest = max(largest, output, unit > max(lowest, 0) ? count(cut: unit, images, imageSize) : 0)
        }
        let gradient = workspace.buffer("gradient", count: largest)
        AveragePooling.backward(
            pooledGradient, images: images, pixels: size * size, channels: inputs, result: gradient, pool: pool)
        for tape in tapes.reversed() where tape.unit >= lowest {
            backwardBlock(tape, gradient: gradient, images: images, plan: plan)
        }
        if lowest == 0, let stemTape {
            backwardStem(stemTape, gradient: gradient, images: images, plan: plan)
        }
        return outcome
    }

    private func count(cut: Int, _ images: Int, _ imageSize: Int) -> Int {
        let shape = featureShape(cut: cut, imageSize: imageSize)
        return images * shape.height * shape.width * shape.channels
    }

    /// dw of a layer, where its weight trains.
    func weightGradient(
        _ layer: NormalisedConvolution, input: UnsafePointer<Float>, activation: Activation? = nil,
        gradient: UnsafePointer<Float>, images: Int, size: Int
    ) {
        clock?.reachBackward(layer)
        guard let result = layer.weight.gradient?.pointer else { return }
        layer.weightGradient(
            input, activation: activation, gradient: gradient, images: images, size: size, result: result, pool: pool,
            workspace: workspace)
        clock?.lap(layer, .weightGradient, images: images, size: size)
    }

    /// dx of a layer.
    func inputGradient(
        _ layer: NormalisedConvolution, _ gradient: UnsafePointer<Float>, images: Int, size: Int,
        epilogue: Epilogue = Epilogue(), result: UnsafeMutablePointer<Float>
    ) {
        layer.inputGradient(
            gradient, images: images, size: size, epilogue: epilogue, result: result, pool: pool, workspace: workspace)
        clock?.lap(layer, .inputGradient, images: images, size: size)
    }
}

// MARK: - The stem

/// What forward leaves for backward: conv1's values (normalised and rectified already where bn1 is held), and where
/// in each pooling window the largest was.
struct StemTape {
    let input: UnsafePointer<Float>
    let convolved: UnsafeMutablePointer<Float>
    let places: UnsafeMutablePointer<UInt8>?
    let output: UnsafeMutablePointer<Float>
    let size: Int
    let convolvedSize: Int
    let outputSize: Int
    let usesBatchStatistics: Bool
}

extension ResNet18 {
    func forwardStem(_ input: UnsafePointer<Float>, images: Int, size: Int, plan: TrainingPlan) -> StemTape {
        let convolvedSize = stem.output(size)
        let outputSize = MaxPooling.outputSize(convolvedSize)
        let rows = images * convolvedSize * convolvedSize
        let channels = stem.shape.outputs
        let convolved = workspace.buffer("scratch.stem", count: rows * channels)
        let outputCount = images * outputSize * outputSize * channels
        let output = workspace.buffer("stem.output", count: outputCount)
        let places = plan.lowestTrainableUnit == 0 ? workspace.bytes("stem.places", count: outputCount) : nil
        let training = plan.usesBatchStatistics(stem.unit.batchNorm)
        if training {
            convolve(stem, input, images: images, size: size, output: convolved)
            stem.measure(convolved, rows: rows, pool: pool)
        } else {
            stem.hold()
            convolve(
                stem, input, images: images, size: size, output: convolved,
                epilogue: heldEpilogue(stem, rectifies: true))
        }
        MaxPooling.forward(
            convolved, activation: training ? stem.batchNorm.activation : nil, images: images, height: convolvedSize,
            width: convolvedSize, channels: channels, output: output, places: places, pool: pool)
        return StemTape(
            input: input, convolved: convolved, places: places, output: output, size: size,
            convolvedSize: convolvedSize,
            outputSize: outputSize, usesBatchStatistics: training)
    }

    func backwardStem(_ tape: StemTape, gradient: UnsafeMutablePointer<Float>, images: Int, plan: TrainingPlan) {
        guard let places = tape.places else { return }
        if tape.usesBatchStatistics {
            MaxPooling.backward(
                gradient, output: tape.output, places: places, x: tape.convolved, batchNorm: stem.batchNorm,
                weight: stem.scale.values.pointer, weightGradient: stem.scale.gradient?.pointer,
                biasGradient: stem.shift.gradient?.pointer, writesInput: stem.weight.gradient != nil, images: images,
                height: tape.convolvedSize, width: tape.convolvedSize, pool: pool)
        } else {
            let channels = stem.shape.outputs
            tape.convolved.update(repeating: 0, count: images * tape.convolvedSize * tape.convolvedSize * channels)
            MaxPooling.scatter(
                gradient, output: tape.output, places: places, factor: stem.batchNorm.activation.scale,
                into: tape.convolved, images: images, height: tape.convolvedSize, width: tape.convolvedSize,
                channels: channels, pool: pool)
        }
        weightGradient(stem, input: tape.input, gradient: tape.convolved, images: images, size: tape.size)
    }
}

// MARK: - A residual block

/// What a block's forward leaves for its backward. Where a BatchNorm is in training mode its input is kept and what
/// follows is computed again from it; where it is held only its output is.
struct BlockTape {
    let unit: Int
    let input: UnsafePointer<Float>
    let size: Int
    let outputSize: Int
    let channels: Int
    /// conv1's values, or the rectified ones where bn1 is held.
    let first: UnsafeMutablePointer<Float>
    /// conv2's values; nil where bn2 is held.
    let second: UnsafeMutablePointer<Float>?
    /// The shortcut convolution's values; nil without one or where its BatchNorm is held.
    let shortcut: UnsafeMutablePointer<Float>?
    let output: UnsafeMutablePointer<Float>
    let firstUsesBatch: Bool

    func outputCount(_ images: Int) -> Int { images * outputSize * outputSize * channels }
}

extension ResNet18 {
    func forwardBlock(
        _ unit: Int, _ input: UnsafePointer<Float>, images: Int, size: Int, plan: TrainingPlan
    ) -> BlockTape {
        let block = blocks[unit - 1]
        let outputSize = block.first.output(size)
        let channels = block.first.shape.outputs
        let rows = images * outputSize * outputSize
        let count = rows * channels
        // A unit that backward does not reach shares its buffers with the others of its kind.
        let keeps = unit >= plan.lowestTrainableUnit
        func buffer(_ name: String) -> UnsafeMutablePointer<Float> {
            workspace.buffer(keeps ? "\(block.name).\(name)" : "passing.\(name).\(unit % 2)", count: count)
        }

        let first = buffer("first")
        let firstUsesBatch = plan.usesBatchStatistics(block.first.unit.batchNorm)
        if firstUsesBatch {
            convolve(block.first, input, images: images, size: size, output: first)
            block.first.measure(first, rows: rows, pool: pool)
        } else {
            block.first.hold()
            convolve(
                block.first, input, images: images, size: size, output: first,
                epilogue: heldEpilogue(block.first, rectifies: true))
        }
        let activation = firstUsesBatch ? block.first.batchNorm.activation : nil

        var shortcut = input
        var shortcutActivation: Activation?
        var shortcutTape: UnsafeMutablePointer<Float>?
        if let downsample = block.downsample {
            if plan.usesBatchStatistics(downsample.unit.batchNorm) {
                let target = buffer("shortcut")
                convolve(downsample, input, images: images, size: size, output: target)
                downsample.measure(target, rows: rows, pool: pool)
                shortcutActivation = downsample.batchNorm.activation
                shortcutTape = target
                shortcut = UnsafePointer(target)
            } else {
                downsample.hold()
                let target = workspace.buffer("scratch.shortcut", count: count)
                convolve(
                    downsample, input, images: images, size: size, output: target, epilogue: heldEpilogue(downsample))
                shortcut = UnsafePointer(target)
            }
        }

        let output = buffer("output")
        var second: UnsafeMutablePointer<Float>?
        if plan.usesBatchStatistics(block.second.unit.batchNorm) {
            let target = buffer("second")
            convolve(block.second, first, images: images, size: outputSize, activation: activation, output: target)
            block.second.measure(target, rows: rows, pool: pool)
            ResidualSum.forward(
                target, block.second.batchNorm.activation, shortcut: shortcut, shortcutActivation, output: output,
                rows: rows, channels: channels, pool: pool)
            second = target
        } else {
            block.second.hold()
            let isWhole = shortcutActivation == nil
            convolve(
                block.second, first, images: images, size: outputSize, activation: activation, output: output,
                epilogue: heldEpilogue(block.second, addend: isWhole ? shortcut : nil, rectifies: isWhole))
            if !isWhole {
                ResidualSum.forward(
                    output, nil, shortcut: shortcut, shortcutActivation, output: output, rows: rows, channels: channels,
                    pool: pool)
            }
        }
        return BlockTape(
            unit: unit, input: input, size: size, outputSize: outputSize, channels: channels, first: first,
            second: second, shortcut: shortcutTape, output: output, firstUsesBatch: firstUsesBatch)
    }

    /// `gradient` comes in as the loss's gradient of the block's output and, where something below trains, leaves as
    /// that of its input.
    func backwardBlock(_ tape: BlockTape, gradient: UnsafeMutablePointer<Float>, images: Int, plan: TrainingPlan) {
        let block = blocks[tape.unit - 1]
        let channels = tape.channels
        let rows = images * tape.outputSize * tape.outputSize
        let count = rows * channels
        let wantsInput = tape.unit > plan.lowestTrainableUnit
        let wantsFirstConvolved = wantsInput || plan.trains(block.first.weight.name)
        let wantsFirst = wantsInput || plan.trains(block.first.unit)
        let wantsSecondConvolved = wantsFirst || plan.trains(block.second.weight.name)

        // ReLU and bn2.
        if let second = tape.second, wantsSecondConvolved || plan.trains(block.second.unit) {
            sumGradient(block.second, gradient, x: second, gate: .output(tape.output))
        } else {
            ResidualSum.gate(gradient, output: tape.output, rows: rows, channels: channels, pool: pool)
        }

        // conv2, relu, bn1, conv1: down to where something still trains.
        var firstGradient: UnsafePointer<Float>?
        if wantsSecondConvolved {
            let convolvedGradient = throughBatchNorm(
                block.second, gradient, x: tape.second, held: "gradient.held", rows: rows)
            weightGradient(
                block.second, input: tape.first,
                activation: tape.firstUsesBatch ? block.first.batchNorm.activation : nil,
                gradient: convolvedGradient, images: images, size: tape.outputSize)
            if wantsFirst {
                let middle = workspace.buffer("gradient.middle", count: count)
                inputGradient(
                    block.second, convolvedGradient, images: images, size: tape.outputSize, result: middle)
                if tape.firstUsesBatch {
                    sumGradient(block.first, middle, x: tape.first, gate: .ownOutput)
                } else {
                    ResidualSum.gate(middle, output: tape.first, rows: rows, channels: channels, pool: pool)
                }
                if wantsFirstConvolved {
                    let convolved = throughBatchNorm(
                        block.first, middle, x: tape.firstUsesBatch ? tape.first : nil, held: "gradient.middle",
                        rows: rows)
                    weightGradient(
                        block.first, input: tape.input, gradient: convolved, images: images, size: tape.size)
                    firstGradient = convolved
                }
            }
        }

        // The shortcut.
        var shortcutGradient: UnsafePointer<Float>?
        if let downsample = block.downsample, wantsInput || plan.trains(downsample.unit) {
            if let shortcut = tape.shortcut { sumGradient(downsample, gradient, x: shortcut, gate: .none) }
            if wantsInput || plan.trains(downsample.weight.name) {
                let convolved = throughBatchNorm(
                    downsample, gradient, x: tape.shortcut, held: "gradient.held", rows: rows)
                weightGradient(downsample, input: tape.input, gradient: convolved, images: images, size: tape.size)
                shortcutGradient = convolved
            }
        }

        guard wantsInput, let firstGradient else { return }
        let isIdentity = block.downsample == nil
        inputGradient(
            block.first, firstGradient, images: images, size: tape.size,
            epilogue: Epilogue(addend: isIdentity ? UnsafePointer(gradient) : nil), result: gradient)
        if let downsample = block.downsample, let shortcutGradient {
            inputGradient(
                downsample, shortcutGradient, images: images, size: tape.size,
                epilogue: Epilogue(addend: UnsafePointer(gradient)), result: gradient)
        }
    }

    private func sumGradient(
        _ layer: NormalisedConvolution, _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>,
        gate: BatchNorm.Gate
    ) {
        layer.batchNorm.sumGradient(
            gradient, x: x, gate: gate, weight: layer.scale.values.pointer,
            weightGradient: layer.scale.gradient?.pointer, biasGradient: layer.shift.gradient?.pointer, pool: pool)
    }

    /// The gradient of the convolution's values: in training mode it takes the place of the values x, held it goes to
    /// the buffer named `held`.
    private func throughBatchNorm(
        _ layer: NormalisedConvolution, _ gradient: UnsafePointer<Float>, x: UnsafeMutablePointer<Float>?, held: String,
        rows: Int
    ) -> UnsafePointer<Float> {
        if let x {
            layer.batchNorm.applyGradient(gradient, x: x, rows: rows, pool: pool)
            return UnsafePointer(x)
        }
        let target = workspace.buffer(held, count: rows * layer.shape.outputs)
        ResidualSum.scale(
            gradient, by: layer.batchNorm.activation.scale, into: target, rows: rows, channels: layer.shape.outputs,
            pool: pool)
        return UnsafePointer(target)
    }
}
