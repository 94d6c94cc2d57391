import Network
import Foundation
import Model
import Support
import TrainingEvents

/// What a run will take at its peak, foreseen from shapes alone, and what the machine has left.
package struct MemoryNeed: Equatable {
    /// Weights, their packed copies, gradients and optimizer buffers.
    package var fixed: Int
    /// Activations and their gradients, of each picture of a batch.
    package var perImage: Int

    package func bytes(batchSize: Int) -> Int { fixed + perImage * batchSize }

    /// The largest batch that fits into `available`; nil where not even one picture does.
    package func batchSize(fitting available: Int) -> Int? {
        let room = (available - fixed) / max(1, perImage)
        return room >= 1 ? room : nil
    }

    /// The program itself, with its libraries and the threads' scratch memory.
    private static let program = 120 << 20
    private static let float = MemoryLayout<Float>.size

    package init(options: RunOptions, classes: Int) {
        // Thawing later needs what training it from the start needs.
        var trainable = options.initialTrainable()
        let parameters = ResNet.resnet18.parameters(classes: classes)
        for rule in options.recipe.thawRules {
            let names = parameters.map(\.name).filter(ParameterPattern(rule.pattern).matches)
            trainable.formUnion(names)
        }
        let plan = TrainingPlan(trainable: trainable, frozenBatchNorm: options.frozenBatchNorm)
        let all = parameters.reduce(0) { $0 + $1.count }
        let training = parameters.filter { plan.trains($0.name) }.reduce(0) { $0 + $1.count }
        let moments = options.momentBuffers
        let sums = options.recipe.accumulate > 1 ? 1 : 0
        // Values, packed for forward and (what trains) backward; a save copies weights and moments once more.
        let perTrained = 2 + moments + sums + 1 + moments
        fixed = Self.program + (all * 3 + training * perTrained) * Self.float
        perImage = Self.activations(plan, imageSize: options.imageSize) * Self.float
    }

    /// Floats of one picture that a step holds at once.
    private static func activations(_ plan: TrainingPlan, imageSize: Int) -> Int {
        func size(_ input: Int, _ kernel: Int, _ stride: Int) -> Int {
            (input + 2 * (kernel / 2) - kernel) / stride + 1
        }
        let stem = size(imageSize, 7, 2)
        var side = size(stem, 3, 2)
        // Decoded ahead (three batches of bytes) and the batch itself as floats.
        var kept = imageSize * imageSize * 3 * 2
        var largest = stem * stem * 64
        if plan.cut == 0 { kept += stem * stem * 64 + side * side * 64 }
        for (index, block) in ResNet.resnet18.blocks.enumerated() {
            side = size(side, 3, block.first.stride)
            let map = side * side * block.first.outputs
            largest = max(largest, map)
            // First and second convolution, the block's output, and the shortcut where it has a convolution.
            if plan.cut <= index + 1 { kept += map * (block.downsample == nil ? 3 : 4) }
        }
        // The maps that the prefix or the backward pass goes to and fro between.
        return kept + largest * 2
    }
}

extension MemoryNeed {
    /// Why the run cannot start, with the batch size that would fit; nil where it can.
    package func refusal(batchSize: Int, available: AvailableMemory?) -> String? {
        guard let available, bytes(batchSize: batchSize) > available.bytes else { return nil }
        let advice =
            batchSizeAdvice(available.bytes, below: batchSize)
            ?? "not even --batch-size 1 would fit; freeze more, choose a smaller --image-size, or free some memory."
        return "--batch-size \(batchSize): this run needs about \(bytes(batchSize: batchSize) >> 20) MiB, "
            + "and \(available.bytes >> 20) MiB are left (\(available.limit)); \(advice)"
    }

    private func batchSizeAdvice(_ available: Int, below batchSize: Int) -> String? {
        batchSize > 1
            ? self.batchSize(fitting: available).map { "--batch-size \(min($0, batchSize - 1)) would fit." } : nil
    }
}
