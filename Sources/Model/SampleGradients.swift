import Kernels
import LoopTypes
import Network

/// Where a pass over several samples leaves their gradients: in buffers that all parameters share, for a moment.
final class SampleGradients {
    /// What of a layer, each with a buffer of its own: a convolution's or fc's weight, a BatchNorm's weight, and a bias.
    enum Kind { case weight, scale, shift }

    /// Of each sample, its images in the batch.
    let images: [Range<Int>]
    /// Of each BatchNorm, how far the statistics of all samples together are from the running ones (`statisticsDistance`).
    private(set) var distances: [String: Double] = [:]
    /// A BatchNorm that makes 0 of everything, for ReLU alone.
    private let zeros: FloatBuffer
    private let workspace: Workspace
    private let largest: [Kind: Int]
    private let take: (Parameter, [UnsafePointer<Float>]) -> Void

    init(
        counts: [Int], parameters: [Parameter], workspace: Workspace,
        take: @escaping (Parameter, [UnsafePointer<Float>]) -> Void
    ) {
        var end = 0
        images = counts.map { count in
            end += count
            return end - count..<end
        }
        self.workspace = workspace
        self.take = take
        let vector = parameters.filter { $0.shape.count == 1 }.map(\.count).max() ?? 0
        zeros = FloatBuffer(count: vector)
        zeros.pointer.update(repeating: 0, count: vector)
        largest = [.weight: parameters.map(\.count).max() ?? 0, .scale: vector, .shift: vector]
    }

    func gradient(_ kind: Kind, _ sample: Int) -> UnsafeMutablePointer<Float> {
        workspace.buffer(.sampleGradient(kind, sample: sample), count: largest[kind] ?? 0)
    }

    /// The BatchNorm of `layer`, whose convolution has just computed `rows` pixels and collected their moments.
    func measure(_ layer: NormalisedConvolution, rows: Int) {
        distances[layer.spec.batchNorm] = layer.batchNorm.statisticsDistance(rows: rows)
    }

    /// relu(folded(x)) in place.
    func activate(
        _ x: UnsafeMutablePointer<Float>, _ folded: FoldedBatchNorm, rows: Int, channels: Int, pool: WorkerPool
    ) {
        let nothing = FoldedBatchNorm(scale: UnsafePointer(zeros.pointer), shift: UnsafePointer(zeros.pointer))
        ResidualSum.forward(
            x, folded, shortcut: x, nothing, output: x, rows: rows, channels: channels, pool: pool)
    }

    /// All samples' gradients of a parameter are there.
    func ready(_ parameter: Parameter, _ kind: Kind) {
        take(parameter, images.indices.map { UnsafePointer(gradient(kind, $0)) })
    }
}

extension ResNet18 {
    /// What `sampleGradients` computes: everything, in eval mode.
    package var samplePlan: TrainingPlan {
        TrainingPlan(trainable: Set(parameters.map(\.name)), frozenBatchNorm: .hold, holdsAll: true)
    }

    /// The gradients of several samples that lie one behind the other in `images` [count, size, size, 3], each that of the
    /// mean loss over its own images in eval mode, from one pass over all of them: images do not meet there, so only the
    /// weights' gradients and the sums of a BatchNorm are made apart. `take` gets each parameter with its gradient of every
    /// sample, in its own layout, which are overwritten after it. Returns each sample's loss, and of each BatchNorm how far the
    /// statistics of all samples together are from the running ones. Changes nothing of the network; the parameters' own
    /// gradients stay.
    package func sampleGradients(
        of counts: [Int], images: UnsafePointer<Float>, labels: [Int], imageSize: Int,
        take: @escaping (Parameter, [UnsafePointer<Float>]) -> Void
    ) -> (outcomes: [StepOutcome], distances: [String: Double]) {
        let samples = SampleGradients(counts: counts, parameters: parameters, workspace: workspace, take: take)
        self.samples = samples
        defer { self.samples = nil }
        let outcomes = pass(
            plan: samplePlan, features: images, images: labels.count, imageSize: imageSize
        ) { logits, gradient in
            samples.images.map { images in
                Loss.crossEntropy(
                    logits: logits + images.lowerBound * classes, labels: Array(labels[images]), classes: classes,
                    gradient: gradient.map { $0 + images.lowerBound * classes })
            }
        }
        return (outcomes, samples.distances)
    }

    func sampleGradients(
        _ samples: SampleGradients, ofHead gradient: UnsafePointer<Float>, pooled: UnsafePointer<Float>
    ) {
        let (weight, bias) = fullyConnected
        let inputs = network.featureCount
        for (sample, images) in samples.images.enumerated() {
            Linear.backward(
                gradient + images.lowerBound * classes, x: pooled + images.lowerBound * inputs,
                weight: weight.values.pointer, images: images.count, inputs: inputs, outputs: classes,
                weightGradient: samples.gradient(.weight, sample), biasGradient: samples.gradient(.shift, sample),
                inputGradient: nil, pool: pool)
        }
        samples.ready(weight, .weight)
        samples.ready(bias, .shift)
    }

    /// dw of a convolution and dγ, dβ of the BatchNorm behind it, which used its running statistics.
    func sampleGradients(
        _ samples: SampleGradients, of layer: NormalisedConvolution, input: UnsafePointer<Float>,
        gradient: UnsafePointer<Float>, size: Int
    ) {
        let outputRows = layer.output(size) * layer.output(size)
        for (sample, images) in samples.images.enumerated() {
            let dw = samples.gradient(.weight, sample)
            let d = gradient + images.lowerBound * outputRows * layer.shape.outputs
            layer.weightGradient(
                input + images.lowerBound * size * size * layer.shape.inputs, prologue: nil, gradient: d,
                images: images.count, size: size, result: dw, pool: pool, workspace: workspace)
            layer.batchNorm.heldGradients(
                d, rows: images.count * outputRows, weights: layer.weight.values.pointer, weightGradient: dw,
                weightRows: layer.weight.count / layer.shape.outputs, gamma: layer.gamma.values.pointer,
                gammaGradient: samples.gradient(.scale, sample),
                betaGradient: samples.gradient(.shift, sample), pool: pool)
        }
        samples.ready(layer.weight, .weight)
        samples.ready(layer.gamma, .scale)
        samples.ready(layer.beta, .shift)
    }
}
