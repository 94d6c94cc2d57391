/// What a run takes at its peak, foreseen from shapes and mask alone.
package struct MemoryNeed: Sendable, Equatable {
    /// Bytes of weights, their transformed copies, gradients, optimizer buffers and the program itself.
    package let fixed: Int
    /// Bytes of activations and their gradients, of each image of a batch.
    package let perImage: Int

    /// The program with its libraries and the threads' scratch memory.
    private static let program = 120 << 20

    /// - Parameters:
    ///   - moments: buffers that the optimizer keeps for each trainable float.
    ///   - accumulates: whether a step sums the gradients of several batches.
    ///   - copies: of what trains and its optimizer buffers; one is a save's.
    package init(
        plan: TrainingPlan, classes: Int, imageSize: Int, moments: Int, accumulates: Bool = false, copies: Int = 1,
        network: ResNet = .resnet18
    ) {
        let parameters = network.parameters(classes: classes)
        let all = parameters.reduce(0) { $0 + $1.count }
        let training = parameters.reduce(0) { $0 + (plan.trains($1.name) ? $1.count : 0) }
        // Packed for backward, gradient, sums, moments, and copies of weights and moments.
        let perTrained = 2 + moments + (accumulates ? 1 : 0) + copies * (1 + moments)
        let float = MemoryLayout<Float>.size
        fixed = Self.program + (all * 3 + training * perTrained) * float

        let maps = network.layers.map { network.output(of: $0, imageSize: imageSize).count }
        // The batch as floats and what is decoded ahead of it, three batches of bytes; the saved activations; and two maps
        // that the prefix or the backward pass alternates between.
        let images = imageSize * imageSize * network.stem.inputs * 2
        perImage =
            (images + Self.savedActivations(plan, imageSize: imageSize, network: network) + (maps.max() ?? 0) * 2)
            * float
    }

    package func bytes(batchSize: Int) -> Int { fixed + perImage * batchSize }

    /// The largest batch that fits into `available` bytes; nil where not even one image does.
    package func batchSize(fitting available: Int) -> Int? {
        let size = (available - fixed) / max(1, perImage)
        return size >= 1 ? size : nil
    }

    /// Floats of one image that forward leaves for backward.
    private static func savedActivations(_ plan: TrainingPlan, imageSize: Int, network: ResNet) -> Int {
        network.layers.reduce(0) { sum, layer in
            guard layer.unit >= plan.lowestTrainableUnit else { return sum }
            let map = network.output(of: layer, imageSize: imageSize).count
            let own = plan.usesBatchStatistics(layer.batchNorm) ? map : 0
            switch layer.role {
            // conv1's output, the pooled map, and a byte for each of its argmax indices.
            case .stem: return sum + map + network.output(ofUnit: 0, imageSize: imageSize).count * 5 / 4
            case .first: return sum + map
            // The block's output; conv2's own is needed only where its BatchNorm follows the batch.
            case .second: return sum + map + own
            case .shortcut: return sum + own
            }
        }
    }
}
