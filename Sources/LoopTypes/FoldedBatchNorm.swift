/// A BatchNorm whose statistics are known, as two numbers per channel:
///
///     y = x · scale + shift,   scale = gamma · invStd,   shift = beta − mean · scale
///
/// As the prologue of a kernel it is followed by ReLU: relu(x · scale + shift) is computed where x is read, not kept.
package struct FoldedBatchNorm {
    /// [channels].
    package let scale: UnsafePointer<Float>
    package let shift: UnsafePointer<Float>

    package init(scale: UnsafePointer<Float>, shift: UnsafePointer<Float>) {
        self.scale = scale
        self.shift = shift
    }
}

/// What a convolution does to its sums before it writes them: y = relu(folded(sum) + addend), each part where wanted.
package struct Epilogue {
    package var folded: FoldedBatchNorm?
    /// Laid out like the output, and allowed to be the output itself.
    package var addend: UnsafePointer<Float>?
    package var relu: Bool

    package init(folded: FoldedBatchNorm? = nil, addend: UnsafePointer<Float>? = nil, relu: Bool = false) {
        self.folded = folded
        self.addend = addend
        self.relu = relu
    }

    /// Whether sums are written as they are.
    package var isEmpty: Bool { folded == nil && addend == nil && !relu }
}
