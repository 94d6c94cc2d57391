/// The shape of a square convolution without bias, with padding kernel / 2.
package struct ConvolutionShape: Sendable, Hashable {
    package let inputs: Int
    package let outputs: Int
    package let kernel: Int
    package let stride: Int
    package var padding: Int { kernel / 2 }
    package var weightCount: Int { kernel * kernel * inputs * outputs }

    package init(inputs: Int, outputs: Int, kernel: Int, stride: Int) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
    }

    /// Size of the output along an axis.
    package func output(_ size: Int) -> Int { (size + 2 * padding - kernel) / stride + 1 }
}

/// Weights in the order in which `ImplicitGEMM` reads them: panels of `Microkernel.width` columns, each [depth][width].
///
/// Kept with the convolution and made again only when its weights have changed.
package final class PackedWeights: Sendable {
    /// One product: for forward the whole kernel; for the input's gradient one of stride² phases.
    struct Part: Sendable {
        /// Row and column of the phase: the input pixels (stride · i + row, stride · j + column).
        let phaseRow: Int
        let phaseColumn: Int
        /// Kernel rows and columns in the order of the runs.
        let tapRows: [Int]
        let tapColumns: [Int]
        let offset: Int
    }

    package let shape: ConvolutionShape
    let isTransposed: Bool
    let parts: [Part]
    private let storage: FloatBuffer

    /// Columns of the product: output channels forward, input channels backward.
    var columns: Int { isTransposed ? shape.inputs : shape.outputs }
    /// Channels that are summed over.
    var channels: Int { isTransposed ? shape.outputs : shape.inputs }

    /// Room for weights of `shape`; `forInputGradient` chooses the flipped and transposed ones.
    package init(shape: ConvolutionShape, forInputGradient: Bool) {
        self.shape = shape
        isTransposed = forInputGradient
        var parts: [Part] = []
        var offset = 0
        if forInputGradient {
            let columns = shape.inputs
            for row in 0..<shape.stride {
                for column in 0..<shape.stride {
                    let tapRows = Self.taps(shape, phase: row)
                    let tapColumns = Self.taps(shape, phase: column)
                    parts.append(
                        Part(
                            phaseRow: row, phaseColumn: column, tapRows: tapRows, tapColumns: tapColumns, offset: offset
                        ))
                    offset += tapRows.count * tapColumns.count * shape.outputs * columns
                }
            }
        } else {
            let taps = Array(0..<shape.kernel)
            parts = [Part(phaseRow: 0, phaseColumn: 0, tapRows: taps, tapColumns: taps, offset: 0)]
            offset = shape.weightCount
        }
        self.parts = parts
        precondition(
            (forInputGradient ? shape.inputs : shape.outputs) % Microkernel.width == 0,
            "The columns of the product must fill whole panels.")
        storage = FloatBuffer(count: offset)
    }

    /// The kernel taps that connect the input positions stride · i + phase with outputs, by rising output position:
    /// output = (input + padding − tap) / stride.
    static func taps(_ shape: ConvolutionShape, phase: Int) -> [Int] {
        (0..<shape.kernel).reversed().filter { (phase + shape.padding - $0) % shape.stride == 0 }
    }

    func weights(_ part: Part) -> UnsafePointer<Float> { UnsafePointer(storage.pointer + part.offset) }

    /// Packs weights [kernel][kernel][inputs][outputs].
    package func pack(_ weights: UnsafePointer<Float>, pool: WorkerPool) {
        let width = Microkernel.width
        let (inputs, outputs) = (shape.inputs, shape.outputs)
        let panels = columns / width
        pool.run(panels, lending: weights) { panel, _, weights in
            for part in parts {
                let depth = part.tapRows.count * part.tapColumns.count * channels
                var target = storage.pointer + part.offset + panel * depth * width
                for tapRow in part.tapRows {
                    for tapColumn in part.tapColumns {
                        let tap = weights + (tapRow * shape.kernel + tapColumn) * inputs * outputs
                        for channel in 0..<channels {
                            if isTransposed {
                                for c in 0..<width { target[c] = tap[(panel * width + c) * outputs + channel] }
                            } else {
                                target.update(from: tap + channel * outputs + panel * width, count: width)
                            }
                            target += width
                        }
                    }
                }
            }
        }
    }
}
