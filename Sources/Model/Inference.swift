import Network
import Kernels
import LoopTypes

/// The network in eval mode: every BatchNorm is folded from its running statistics and applied to the convolution's sums
/// before they are written; nothing is kept.
extension ResNet18 {
    /// Inference from images to the features at `cut`. `images` are normalised, [count, size, size, 3]; the features
    /// have `featureShape`. An image's bits do not depend on the others.
    package func prefix(
        cut: Int, images: UnsafePointer<Float>, count: Int, imageSize: Int, into: UnsafeMutablePointer<Float>
    ) {
        infer(from: 0, to: cut, input: images, count: count, imageSize: imageSize, output: into)
    }

    /// Inference from the features at one cut to those at a later one: the bits that `prefix` gives for that cut.
    package func advance(
        from: Int, to: Int, features: UnsafePointer<Float>, count: Int, imageSize: Int,
        into: UnsafeMutablePointer<Float>
    ) {
        infer(from: from, to: to, input: features, count: count, imageSize: imageSize, output: into)
    }

    /// Inference from the features at `cut` to logits, [count, classes].
    package func evaluate(cut: Int, features: UnsafePointer<Float>, count: Int, imageSize: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count * classes) { logits, initialised in
            if let target = logits.baseAddress {
                infer(from: cut, to: network.end, input: features, count: count, imageSize: imageSize, output: target)
            }
            initialised = count * classes
        }
    }

    /// `lastMaps`, where given and the last block runs, gets that block's output before the pooling,
    /// `[count, side, side, featureCount]`.
    func infer(
        from: Int, to: Int, input: UnsafePointer<Float>, count: Int, imageSize: Int,
        output: UnsafeMutablePointer<Float>, lastMaps: UnsafeMutablePointer<Float>? = nil
    ) {
        let inputShape = featureShape(cut: from, imageSize: imageSize)
        let outputShape = featureShape(cut: to, imageSize: imageSize)
        let (inputCount, outputCount) = (inputShape.count, outputShape.count)
        guard from < to else {
            output.update(from: input, count: count * inputCount)
            return
        }
        for layer in layers(from: from, to: to) { layer.useRunningStatistics() }
        // As many images at once as give every thread work and stay in moderate memory.
        let chunk = max(1, min(256, 16 * 224 * 224 / (imageSize * imageSize)))
        let lastMapCount = lastMapShape(imageSize: imageSize).count
        var first = 0
        while first < count {
            let images = min(chunk, count - first)
            var current = input + first * inputCount
            for unit in from..<to {
                let shape = featureShape(cut: unit, imageSize: imageSize)
                let next = featureShape(cut: unit + 1, imageSize: imageSize)
                let isLast = unit + 1 == to
                let target =
                    isLast
                    ? output + first * outputCount
                    : workspace.buffer(
                        .inference(turn: unit % 2), count: images * next.count)
                inferUnit(
                    unit, current, images: images, size: shape.side, output: target,
                    lastMap: lastMaps.map { $0 + first * lastMapCount })
                current = UnsafePointer(target)
            }
            first += images
        }
    }

    private func inferUnit(
        _ unit: Int, _ input: UnsafePointer<Float>, images: Int, size: Int,
        output: UnsafeMutablePointer<Float>, lastMap: UnsafeMutablePointer<Float>?
    ) {
        switch network.units[unit].kind {
        case .stem:
            let convolved = stem.output(size)
            let channels = stem.shape.outputs
            let map = workspace.buffer(.stemConvolved, count: images * convolved * convolved * channels)
            convolve(stem, input, images: images, size: size, output: map, epilogue: epilogue(stem, relu: true))
            MaxPooling.forward(
                map, prologue: nil, images: images, height: convolved, width: convolved, channels: channels,
                output: output, argmax: nil, pool: pool)
        case .head:
            clock?.leaveForward()
            Linear.forward(
                input, weight: fullyConnected.weight.values.pointer, bias: fullyConnected.bias.values.pointer,
                images: images, inputs: network.featureCount, outputs: classes, output: output, pool: pool)
            clock?.lap("fc")
        case .block:
            let block = blocks[unit - 1]
            let outSize = block.first.output(size)
            let count = images * outSize * outSize * block.first.shape.outputs
            let first = workspace.buffer(.first, count: count)
            convolve(
                block.first, input, images: images, size: size, output: first,
                epilogue: epilogue(block.first, relu: true))
            var shortcut = input
            if let downsample = block.downsample {
                let target = workspace.buffer(.shortcut, count: count)
                convolve(downsample, input, images: images, size: size, output: target, epilogue: epilogue(downsample))
                shortcut = UnsafePointer(target)
            }
            // The last block is pooled at once: fc's cut lies behind the pooling.
            let isLast = unit + 1 == network.head
            let map = isLast ? lastMap ?? workspace.buffer(.lastBlock, count: count) : output
            convolve(
                block.second, first, images: images, size: outSize, output: map,
                epilogue: epilogue(block.second, addend: shortcut, relu: true))
            if isLast {
                AveragePooling.forward(
                    map, images: images, pixels: outSize * outSize, channels: network.featureCount,
                    output: output,
                    pool: pool)
            }
        }
    }

    // MARK: Shared with the training passes

    /// Convolutions with their BatchNorms of the units from..<to.
    func layers(from: Int, to: Int) -> [NormalisedConvolution] {
        ((from == 0 ? [stem] : []) + blocks.flatMap(\.layers)).filter { (from..<to).contains($0.spec.unit) }
    }

    /// The BatchNorm behind a convolution with statistics that are known already.
    func epilogue(_ layer: NormalisedConvolution, addend: UnsafePointer<Float>? = nil, relu: Bool = false) -> Epilogue {
        Epilogue(folded: layer.batchNorm.folded, addend: addend, relu: relu)
    }

    func convolve(
        _ layer: NormalisedConvolution, _ input: UnsafePointer<Float>, images: Int, size: Int,
        prologue: FoldedBatchNorm? = nil, output: UnsafeMutablePointer<Float>, epilogue: Epilogue = Epilogue(),
        collects: Bool = false
    ) {
        clock?.leaveForward()
        layer.convolve(
            input, images: images, size: size, prologue: prologue, epilogue: epilogue, collects: collects,
            keepsCopies: samples == nil, output: output, pool: pool, workspace: workspace)
        clock?.lap(layer, .forward, images: images, size: size)
    }
}
