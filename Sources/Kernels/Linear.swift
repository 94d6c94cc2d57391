/// y = x · Wᵀ + b, with W [outputs, inputs] as PyTorch keeps it. Inputs are a multiple of 32.
package enum Linear {
    /// y[n, o] = Σ_i x[n, i] · w[o, i] + b[o].
    package static func forward(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, images: Int, inputs: Int,
        outputs: Int, output: UnsafeMutablePointer<Float>, pool: WorkerPool
    ) {
        requireWholeRows(inputs)
        pool.run(images, lending: x, weight, bias, output) { image, _, x, weight, bias, output in
            let row = x + image * inputs
            for o in 0..<outputs {
                let column = weight + o * inputs
                var s0 = Vector8.zero, s1 = s0, s2 = s0, s3 = s0
                var i = 0
                while i < inputs {
                    s0 = fused(row.vector8(i), column.vector8(i), s0)
                    s1 = fused(row.vector8(i &+ 8), column.vector8(i &+ 8), s1)
                    s2 = fused(row.vector8(i &+ 16), column.vector8(i &+ 16), s2)
                    s3 = fused(row.vector8(i &+ 24), column.vector8(i &+ 24), s3)
                    i &+= 32
                }
                output[image * outputs + o] = ((s0 + s1) + (s2 + s3)).sum() + bias[o]
            }
        }
    }

    /// dw[o, i] = Σ_n g[n, o] · x[n, i];   db[o] = Σ_n g[n, o];   dx[n, i] = Σ_o g[n, o] · w[o, i];  each where wanted.
    package static func backward(
        _ g: UnsafePointer<Float>, x: UnsafePointer<Float>, weight: UnsafePointer<Float>, images: Int, inputs: Int,
        outputs: Int, weightGradient: UnsafeMutablePointer<Float>?, biasGradient: UnsafeMutablePointer<Float>?,
        inputGradient: UnsafeMutablePointer<Float>?, pool: WorkerPool
    ) {
        requireWholeRows(inputs)
        if let biasGradient {
            for o in 0..<outputs {
                var sum = 0.0
                for n in 0..<images { sum += Double(g[n * outputs + o]) }
                biasGradient[o] = Float(sum)
            }
        }
        if let weightGradient {
            pool.run(outputs, lending: g, x, weightGradient) { o, _, g, x, weightGradient in
                eachVector(inputs) { i in
                    var sum = Vector8.zero
                    for n in 0..<images {
                        sum = fused(x.vector8(n &* inputs &+ i), Vector8(repeating: g[n &* outputs &+ o]), sum)
                    }
                    weightGradient.store(sum, o &* inputs &+ i)
                }
            }
        }
        if let inputGradient {
            pool.run(images, lending: g, weight, inputGradient) { n, _, g, weight, inputGradient in
                eachVector(inputs) { i in
                    var sum = Vector8.zero
                    for o in 0..<outputs {
                        sum = fused(weight.vector8(o &* inputs &+ i), Vector8(repeating: g[n &* outputs &+ o]), sum)
                    }
                    inputGradient.store(sum, n &* inputs &+ i)
                }
            }
        }
    }

    private static func requireWholeRows(_ inputs: Int) {
        precondition(inputs % 32 == 0, "Linear takes a multiple of 32 inputs, not \(inputs).")
    }
}
