/// 3×3 max pooling with stride 2 and padding 1 behind a BatchNorm and ReLU, in one pass, so that neither's output is
/// kept.
package enum MaxPooling {
    package static func outputSize(_ size: Int) -> Int { (size - 1) / 2 + 1 }

    /// y[n, i, j, c] = max over the window of  z[n, 2i + r − 1, 2j + s − 1, c],   z = max(x · scale + shift, 0) or x
    /// itself.
    ///
    /// `x` is [images, height, width, channels]; `argmax`, where wanted for backward, receives 3r + s of the first of
    /// the largest. NaN counts as largest, as in PyTorch.
    package static func forward(
        _ x: UnsafePointer<Float>, prologue: FoldedBatchNorm?, images: Int, height: Int, width: Int, channels: Int,
        output: UnsafeMutablePointer<Float>, argmax: UnsafeMutablePointer<UInt8>?, pool: WorkerPool
    ) {
        let (outputHeight, outputWidth) = (outputSize(height), outputSize(width))
        pool.run(images * outputHeight) { task, _ in
            let (image, i) = (task / outputHeight, task % outputHeight)
            let source = x + image * height * width * channels
            let rowStart = (image * outputHeight + i) * outputWidth * channels
            let rowRange = max(0, 2 * i - 1)...min(height - 1, 2 * i + 1)
            for j in 0..<outputWidth {
                let columnRange = max(0, 2 * j - 1)...min(width - 1, 2 * j + 1)
                let first = 3 * (rowRange.lowerBound - 2 * i + 1) + columnRange.lowerBound - 2 * j + 1
                var c = 0
                while c < channels {
                    var best = Vector8(repeating: -.infinity)
                    var place = SIMD8<Int32>(repeating: Int32(first))
                    for row in rowRange {
                        for column in columnRange {
                            var value = source.vector8((row &* width &+ column) &* channels &+ c)
                            if let prologue {
                                value = fused(value, prologue.scale.vector8(c), prologue.shift.vector8(c))
                            }
                            let wins = (value .> best) .| (value .!= value)
                            best.replace(with: value, where: wins)
                            place.replace(
                                with: SIMD8<Int32>(repeating: Int32(3 * (row - 2 * i + 1) + column - 2 * j + 1)),
                                where: wins)
                        }
                    }
                    let target = rowStart + j * channels + c
                    output.store(prologue == nil ? best : relu(best), target)
                    if let argmax {
                        UnsafeMutableRawPointer(argmax + target).storeBytes(
                            of: SIMD8<UInt8>(truncatingIfNeeded: place), as: SIMD8<UInt8>.self)
                    }
                    c &+= 8
                }
            }
        }
    }

    /// Back through pooling, ReLU and a BatchNorm in training mode: dx over x. The pooled output's gradient `g`
    /// reaches x at `argmax`, unless ReLU's output was 0 there.
    package static func backward(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafePointer<UInt8>,
        x: UnsafeMutablePointer<Float>, batchNorm: BatchNorm, weight: UnsafePointer<Float>,
        weightGradient: UnsafeMutablePointer<Float>?, biasGradient: UnsafeMutablePointer<Float>?, writesInput: Bool,
        images: Int, height: Int, width: Int, pool: WorkerPool
    ) {
        let channels = batchNorm.channels
        let (outputHeight, outputWidth) = (outputSize(height), outputSize(width))
        let mean = batchNorm.batchMean
        mean.withUnsafeBufferPointer { means in
            guard let mean = means.baseAddress else { return }
            batchNorm.addInOrder(chunks: images * outputHeight) { partials in
                pool.run(images * outputHeight) { task, _ in
                    let (image, i) = (task / outputHeight, task % outputHeight)
                    let source = x + image * height * width * channels
                    let sums = partials + task * 2 * channels
                    sums.update(repeating: 0, count: 2 * channels)
                    for j in 0..<outputWidth {
                        let window = Window(i, j, height: height, width: width)
                        let pixel = (task * outputWidth + j) * channels
                        for c in stride(from: 0, to: channels, by: 8) {
                            let place = argmax.places8(pixel &+ c)
                            // x where the largest was.
                            var value = Vector8.zero
                            for row in window.rows {
                                for column in window.columns {
                                    value.replace(
                                        with: source.vector8((row &* width &+ column) &* channels &+ c),
                                        where: place .== window.place(row, column))
                                }
                            }
                            var gradient = g.vector8(pixel &+ c)
                            gradient.replace(with: 0, where: output.vector8(pixel &+ c) .<= 0)
                            let (sum, product) = (sums + c, sums + (channels &+ c))
                            let wide = SIMD8<Double>(gradient)
                            let centred = SIMD8<Double>(value) - mean.doubles8(c)
                            sum.store8(sum.doubles8() + wide)
                            product.store8(fused(wide, centred, product.doubles8()))
                        }
                    }
                }
            }
        }
        batchNorm.finishReduce(weight: weight, weightGradient: weightGradient, biasGradient: biasGradient)
        guard writesInput else { return }
        batchNorm.backwardElementwise(nil, x: x, rows: images * height * width, pool: pool)
        scatter(
            g, output: output, argmax: argmax, factor: batchNorm.gradientFactor, into: x, images: images,
            height: height,
            width: width, channels: channels, pool: pool)
    }

    /// dx[place] += g · factor, where ReLU's output was not 0.
    package static func scatter(
        _ g: UnsafePointer<Float>, output: UnsafePointer<Float>, argmax: UnsafePointer<UInt8>,
        factor: UnsafePointer<Float>, into x: UnsafeMutablePointer<Float>, images: Int, height: Int, width: Int,
        channels: Int, pool: WorkerPool
    ) {
        let (outputHeight, outputWidth) = (outputSize(height), outputSize(width))
        // Windows overlap within an image, so an image is one task.
        pool.run(images) { image, _ in
            let target = x + image * height * width * channels
            for i in 0..<outputHeight {
                for j in 0..<outputWidth {
                    let window = Window(i, j, height: height, width: width)
                    let pixel = ((image * outputHeight + i) * outputWidth + j) * channels
                    for c in stride(from: 0, to: channels, by: 8) {
                        let place = argmax.places8(pixel &+ c)
                        var gradient = g.vector8(pixel &+ c) * factor.vector8(c)
                        gradient.replace(with: 0, where: output.vector8(pixel &+ c) .<= 0)
                        for row in window.rows {
                            for column in window.columns {
                                let at = (row &* width &+ column) &* channels &+ c
                                let reaches = place .== window.place(row, column)
                                target.store(
                                    target.vector8(at) + gradient.replacing(with: 0, where: .!reaches), at)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The part of the map that an output pixel looks at.
    private struct Window {
        let rows: ClosedRange<Int>
        let columns: ClosedRange<Int>
        private let top: Int
        private let left: Int

        @inline(__always) init(_ i: Int, _ j: Int, height: Int, width: Int) {
            (top, left) = (2 * i - 1, 2 * j - 1)
            rows = max(0, top)...min(height - 1, top + 2)
            columns = max(0, left)...min(width - 1, left + 2)
        }

        /// 3r + s, as forward notes it.
        @inline(__always) func place(_ row: Int, _ column: Int) -> SIMD8<Int32> {
            SIMD8(repeating: Int32(truncatingIfNeeded: 3 &* (row &- top) &+ column &- left))
        }
    }
}

extension UnsafePointer<UInt8> {
    @inline(__always) fileprivate func places8(_ offset: Int) -> SIMD8<Int32> {
        SIMD8<Int32>(truncatingIfNeeded: UnsafeRawPointer(self + offset).loadUnaligned(as: SIMD8<UInt8>.self))
    }
}

extension UnsafeMutablePointer<Double> {
    @inline(__always) fileprivate func doubles8() -> SIMD8<Double> {
        UnsafeRawPointer(self).loadUnaligned(as: SIMD8<Double>.self)
    }

    @inline(__always) fileprivate func store8(_ values: SIMD8<Double>) {
        UnsafeMutableRawPointer(self).storeBytes(of: values, as: SIMD8<Double>.self)
    }
}

extension UnsafePointer<Double> {
    @inline(__always) fileprivate func doubles8(_ offset: Int) -> SIMD8<Double> {
        UnsafeRawPointer(self + offset).loadUnaligned(as: SIMD8<Double>.self)
    }
}
