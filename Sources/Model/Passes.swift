import Kernels

extension ResNet18 {
    /// Inference from images to the features at `cut`, BatchNorm with its running statistics. `images` are normalised,
    /// [count, size, size, 3]; the features have `featureShape`. An image's bits do not depend on the others.
    public func prefix(
        cut: Int, images: UnsafePointer<Float>, count: Int, imageSize: Int, into: UnsafeMutablePointer<Float>
    ) {}

    /// One forward and, where something trains, backward pass from the features at `plan.cut` (for cut 0: the images).
    /// Leaves the gradients in the parameters; BatchNorms in training mode update their running statistics.
    public func step(
        plan: TrainingPlan, features: UnsafePointer<Float>, labels: [Int], imageSize: Int
    ) -> StepOutcome {
        StepOutcome(loss: 0, correct: 0)
    }

    /// Inference from the features at `cut` to logits, [count, classes].
    public func evaluate(cut: Int, features: UnsafePointer<Float>, count: Int, imageSize: Int) -> [Float] {
        [Float](repeating: 0, count: count * classes)
    }
}
