/// The mean over the whole map.
package enum AveragePooling {
    /// y[n, c] = Σ_{h, w} x[n, h, w, c] / (height · width);  `pixels` is height · width.
    package static func forward(
        _ x: UnsafePointer<Float>, images: Int, pixels: Int, channels: Int, output: UnsafeMutablePointer<Float>,
        pool: WorkerPool
    ) {
        pool.run(images) { image, _ in
            var c = 0
            while c < channels {
                var sum = SIMD8<Double>.zero
                for pixel in 0..<pixels { sum += SIMD8<Double>(x.vector8((image &* pixels &+ pixel) &* channels &+ c)) }
                output.store(Vector8(sum / Double(pixels)), image &* channels &+ c)
                c &+= 8
            }
        }
    }

    /// dx[n, h, w, c] = g[n, c] / (height · width).
    package static func backward(
        _ g: UnsafePointer<Float>, images: Int, pixels: Int, channels: Int, result: UnsafeMutablePointer<Float>,
        pool: WorkerPool
    ) {
        pool.run(images) { image, _ in
            for pixel in 0..<pixels {
                var c = 0
                while c < channels {
                    result.store(
                        g.vector8(image &* channels &+ c) / Float(pixels), (image &* pixels &+ pixel) &* channels &+ c)
                    c &+= 8
                }
            }
        }
    }
}
