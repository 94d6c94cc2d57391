import Kernels

/// A named tensor that can train.
///
/// `values` and `gradient` have the same layout, which for convolutions is `[height, width, in, out]`; for the rest
/// it is PyTorch's. Element by element work (optimizers, norms, hashes) need not know; `ResNet18.export` gives
/// PyTorch's layout. Owned by its `ResNet18` and used from the thread that uses it.
package final class Parameter {
    package let name: String
    /// PyTorch's shape.
    package let shape: [Int]
    package let values: FloatBuffer
    /// The loss's gradient after `step`; present exactly when the parameter was trainable in the last plan.
    package var gradient: FloatBuffer?

    package var count: Int { values.count }

    /// Counts changes of `values`, so that transformed copies know when they are stale.
    var generation = 1

    package init(name: String, shape: [Int]) {
        self.name = name
        self.shape = shape
        values = FloatBuffer(count: shape.reduce(1, *))
    }
}
