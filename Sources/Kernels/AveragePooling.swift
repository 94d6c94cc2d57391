/// The mean over the whole map: [images, height, width, channels] to [images, channels]. Channels are a multiple of 8.
package enum AveragePooling {
    /// y[n, c] = Σ_{h, w} x[n, h, w, c] / pixels,   pixels = height · width.
    package static func forward(
        _ x: UnsafePointer<Float>, images: Int, pixels: Int, channels: Int, output: UnsafeMutablePointer<Float>,
        pool: WorkerPool
    ) {
        requireWholeVectors(channels)
        pool.run(images, lending: x, output) { image, _, x, output in
            eachVector(channels) { c in
                var sum = SIMD8<Double>.zero
                for pixel in 0..<pixels { sum += SIMD8<Double>(x.vector8((image &* pixels &+ pixel) &* channels &+ c)) }
                output.store(Vector8(sum / Double(pixels)), image &* channels &+ c)
            }
        }
    }

    /// dx[n, h, w, c] = dy[n, c] / pixels.
    package static func backward(
        _ dy: UnsafePointer<Float>, images: Int, pixels: Int, channels: Int, result dx: UnsafeMutablePointer<Float>,
        pool: WorkerPool
    ) {
        requireWholeVectors(channels)
        pool.run(images, lending: dy, dx) { image, _, dy, dx in
            for pixel in 0..<pixels {
                eachVector(channels) { c in
                    dx.store(
                        dy.vector8(image &* channels &+ c) / Float(pixels), (image &* pixels &+ pixel) &* channels &+ c)
                }
            }
        }
    }
}
