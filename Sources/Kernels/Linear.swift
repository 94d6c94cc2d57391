/// y = x · Wᵀ + b, with W [outputs, inputs] as PyTorch keeps it, multiplied by OpenBLAS.
package enum Linear {
    /// Images of one product; the last is padded, so that an image's numbers do not depend on the batch that it is in. All
    /// of OpenBLAS's kernels treat four rows alike (see `RowUniformity`).
    private static let imagesInProduct = 4

    /// y[n, o] = Σ_i x[n, i] · w[o, i] + b[o], in products of [4, inputs] · [inputs, outputs].
    package static func forward(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, images: Int, inputs: Int,
        outputs: Int, output: UnsafeMutablePointer<Float>, pool: WorkerPool
    ) {
        let m = imagesInProduct
        pool.run((images + m - 1) / m, lending: x, weight, bias, output) { block, _, x, weight, bias, output in
            let (first, count) = (block * m, min(m, images - block * m))
            func multiply(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
                for n in 0..<m { (y + n * outputs).update(from: bias, count: outputs) }
                BLAS.multiply(
                    rows: m, columns: outputs, depth: inputs, x, stride: inputs, weight, stride: inputs,
                    transposeB: true, beta: 1, into: y, stride: outputs)
            }
            if count == m { return multiply(x + first * inputs, output + first * outputs) }
            withUnsafeTemporaryAllocation(of: Float.self, capacity: m * (inputs + outputs)) { memory in
                guard let padded = memory.baseAddress else { return }
                padded.update(from: x + first * inputs, count: count * inputs)
                (padded + count * inputs).update(repeating: 0, count: (m - count) * inputs)
                let sums = padded + m * inputs
                multiply(padded, sums)
                (output + first * outputs).update(from: sums, count: count * outputs)
            }
        }
    }

    /// dw[o, i] = Σ_n g[n, o] · x[n, i];   db[o] = Σ_n g[n, o];   dx[n, i] = Σ_o g[n, o] · w[o, i];  each where wanted.
    package static func backward(
        _ g: UnsafePointer<Float>, x: UnsafePointer<Float>, weight: UnsafePointer<Float>, images: Int, inputs: Int,
        outputs: Int, weightGradient: UnsafeMutablePointer<Float>?, biasGradient: UnsafeMutablePointer<Float>?,
        inputGradient: UnsafeMutablePointer<Float>?, pool: WorkerPool
    ) {
        if let biasGradient {
            for o in 0..<outputs {
                var sum = 0.0
                for n in 0..<images { sum += Double(g[n * outputs + o]) }
                biasGradient[o] = Float(sum)
            }
        }
        if let weightGradient {
            let rows = 128
            pool.run((outputs + rows - 1) / rows, lending: g, x, weightGradient) { task, _, g, x, weightGradient in
                let first = task * rows
                BLAS.multiply(
                    rows: min(rows, outputs - first), columns: inputs, depth: images, g + first, stride: outputs,
                    transposeA: true, x, stride: inputs, beta: 0, into: weightGradient + first * inputs,
                    stride: inputs)
            }
        }
        if let inputGradient {
            let rows = 64
            pool.run((images + rows - 1) / rows, lending: g, weight, inputGradient) {
                task, _, g, weight, inputGradient in
                let first = task * rows
                BLAS.multiply(
                    rows: min(rows, images - first), columns: inputs, depth: outputs, g + first * outputs,
                    stride: outputs, weight, stride: inputs, beta: 0, into: inputGradient + first * inputs,
                    stride: inputs)
            }
        }
    }
}
