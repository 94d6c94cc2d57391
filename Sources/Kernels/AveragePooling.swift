/// The mean over the whole map: [images, height, width, channels] to [images, channels]. Channels are a multiple of 16.
package enum AveragePooling {
    /// y[n, c] = Σ_{h, w} x[n, h, w, c] / pixels,   pixels = height · width.
    package static func forward(
        _ x: UnsafePointer<Float>, images: Int, pixels: Int, channels: Int, output: UnsafeMutablePointer<Float>,
        pool: WorkerPool
    ) {
        requireWholeVectors(channels)
        pool.run(images, lending: x, output) { image, _, x, output in
            loops.averagePool(
                x + image * pixels * channels, pixels: pixels, channels: channels, output: output + image * channels)
        }
    }

    /// dx[n, h, w, c] = dy[n, c] / pixels.
    package static func backward(
        _ dy: UnsafePointer<Float>, images: Int, pixels: Int, channels: Int, result dx: UnsafeMutablePointer<Float>,
        pool: WorkerPool
    ) {
        requireWholeVectors(channels)
        pool.run(images, lending: dy, dx) { image, _, dy, dx in
            loops.averagePoolGradient(
                dy + image * channels, pixels: pixels, channels: channels, result: dx + image * pixels * channels)
        }
    }
}
