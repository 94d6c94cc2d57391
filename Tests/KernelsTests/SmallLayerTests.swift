import Foundation
import Kernels
import LoopTypes
import Testing

private func slopes(_ at: [Double], _ f: ([Double]) -> Double) -> [Double] {
    at.indices.map { i in
        var (up, down) = (at, at)
        up[i] += 1e-6
        down[i] -= 1e-6
        return (f(up) - f(down)) / 2e-6
    }
}

@Suite struct SmallLayerTests {
    private let pool = WorkerPool(threads: 2)

    // MARK: Pooling

    @Test func poolingBehindNormAndReluGivesTheGradientsOfFiniteDifferences() {
        let (images, height, width, channels) = (2, 5, 6, 16)
        let rows = images * height * width
        var draw = Draw(11)
        let x = FloatBuffer(draw(rows * channels))
        let (weight, bias) = (FloatBuffer(draw(channels)), FloatBuffer(draw(channels)))
        let (outputHeight, outputWidth) = (MaxPooling.outputSize(height), MaxPooling.outputSize(width))
        let upstream = FloatBuffer(draw(images * outputHeight * outputWidth * channels))
        let (x0, w0, b0) = (doubles(x.floats), doubles(weight.floats), doubles(bias.floats))
        func pooled(_ x: [Double], _ w: [Double], _ b: [Double]) -> [Double] {
            let normed = Reference.batchNorm(x, rows: rows, gamma: w, beta: b).map { max(0, $0) }
            return Reference.maxPool(Reference.Map(images, height, width, channels, normed)).values
        }
        func objective(_ x: [Double], _ w: [Double], _ b: [Double]) -> Double {
            zip(pooled(x, w, b), upstream.floats).reduce(0.0) { $0 + $1.0 * Double($1.1) }
        }
        let norm = BatchNorm(state: BatchNormState(channels: channels))
        norm.useBatchStatistics(of: x.pointer, rows: rows, gamma: weight.pointer, beta: bias.pointer)
        let output = FloatBuffer(count: upstream.count)
        var argmax = [UInt8](repeating: 99, count: upstream.count)
        MaxPooling.forward(
            x.pointer, prologue: norm.folded, images: images, height: height, width: width, channels: channels,
            output: output.pointer, argmax: &argmax, pool: pool)
        #expect(relativeError(output.floats, pooled(x0, w0, b0)) < 1e-5)
        let (dw, db) = (FloatBuffer(count: channels), FloatBuffer(count: channels))
        MaxPooling.backward(
            upstream.pointer, output: output.pointer, argmax: argmax, x: x.pointer, batchNorm: norm,
            gamma: weight.pointer, gammaGradient: dw.pointer, betaGradient: db.pointer, writesInput: true,
            images: images, height: height, width: width, pool: pool)
        #expect(relativeError(x.floats, slopes(x0) { objective($0, w0, b0) }) < 1e-5)
        #expect(relativeError(dw.floats, slopes(w0) { objective(x0, $0, b0) }) < 1e-5)
        #expect(relativeError(db.floats, slopes(b0) { objective(x0, w0, $0) }) < 1e-5)
    }

    @Test func maxPoolingTakesTheFirstOfEqualsAndPassesNaNOn() {
        let (height, width, channels) = (4, 4, 16)
        let x = FloatBuffer([Float](repeating: 2, count: height * width * channels))
        x.pointer[(2 * width + 2) * channels + 5] = .nan
        let output = FloatBuffer(count: 4 * channels)
        var argmax = [UInt8](repeating: 99, count: 4 * channels)
        MaxPooling.forward(
            x.pointer, prologue: nil, images: 1, height: height, width: width, channels: channels,
            output: output.pointer, argmax: &argmax, pool: pool)
        // At the corner the window's first row and column lie outside.
        #expect(argmax[0] == 4)
        #expect(argmax[3 * channels] == 0)
        #expect(output.pointer[3 * channels + 5].isNaN)
        #expect(argmax[3 * channels + 5] == 4)
        #expect(output.pointer[5] == 2)
    }

    @Test func averagePoolingSharesItsGradientOut() {
        let x = FloatBuffer((0..<(2 * 3 * 16)).map(Float.init))
        let y = FloatBuffer(count: 2 * 16)
        AveragePooling.forward(x.pointer, images: 2, pixels: 3, channels: 16, output: y.pointer, pool: pool)
        #expect(y.pointer[1] == 17)
        #expect(y.pointer[16] == 64)
        let dx = FloatBuffer(count: 2 * 3 * 16)
        AveragePooling.backward(y.pointer, images: 2, pixels: 3, channels: 16, result: dx.pointer, pool: pool)
        #expect(dx.pointer[17] == Float(17) / 3)
    }

    // MARK: Residual sum

    @Test func theResidualSumAppliesBothNormsAndItsMaskKeepsNaN() {
        let (rows, channels) = (3, 16)
        var draw = Draw(12)
        let (x, shortcut) = (FloatBuffer(draw(rows * channels)), FloatBuffer(draw(rows * channels)))
        let norms = (0..<4).map { _ in FloatBuffer(draw(channels)) }
        let output = FloatBuffer(count: rows * channels)
        ResidualSum.forward(
            x.pointer, FoldedBatchNorm(scale: UnsafePointer(norms[0].pointer), shift: UnsafePointer(norms[1].pointer)),
            shortcut: shortcut.pointer,
            FoldedBatchNorm(scale: UnsafePointer(norms[2].pointer), shift: UnsafePointer(norms[3].pointer)),
            output: output.pointer, rows: rows, channels: channels, pool: pool)
        let exact = (0..<(rows * channels)).map { i -> Double in
            let c = i % channels
            let sum =
                Double(x.pointer[i] * norms[0].pointer[c] + norms[1].pointer[c])
                + Double(shortcut.pointer[i] * norms[2].pointer[c] + norms[3].pointer[c])
            return max(0, sum)
        }
        #expect(relativeError(output.floats, exact) < 1e-6)
        output.pointer[0] = .nan
        output.pointer[1] = 0
        output.pointer[2] = 1
        let gradient = FloatBuffer([Float](repeating: 3, count: rows * channels))
        ResidualSum.mask(gradient.pointer, output: output.pointer, rows: rows, channels: channels, pool: pool)
        #expect(gradient.pointer[0] == 3)
        #expect(gradient.pointer[1] == 0)
        #expect(gradient.pointer[2] == 3)
    }

    // MARK: Linear and loss

    @Test func linearAgreesWithFiniteDifferences() {
        let (images, inputs, outputs) = (3, 32, 5)
        var draw = Draw(13)
        let (x, w, b) = (draw(images * inputs), draw(outputs * inputs), draw(outputs))
        let upstream = draw(images * outputs)
        func forward(_ x: [Double], _ w: [Double], _ b: [Double]) -> [Double] {
            (0..<(images * outputs)).map { i in
                (0..<inputs).reduce(b[i % outputs]) {
                    $0 + x[i / outputs * inputs + $1] * w[i % outputs * inputs + $1]
                }
            }
        }
        func objective(_ x: [Double], _ w: [Double], _ b: [Double]) -> Double {
            zip(forward(x, w, b), upstream).reduce(0.0) { $0 + $1.0 * Double($1.1) }
        }
        let (x0, w0, b0) = (doubles(x), doubles(w), doubles(b))
        var y = [Float](repeating: 0, count: images * outputs)
        Linear.forward(
            x, weight: w, bias: b, images: images, inputs: inputs, outputs: outputs, output: &y, pool: pool)
        #expect(relativeError(y, forward(x0, w0, b0)) < 1e-6)
        let (dw, db, dx) = (FloatBuffer(count: w.count), FloatBuffer(count: b.count), FloatBuffer(count: x.count))
        Linear.backward(
            upstream, x: x, weight: w, images: images, inputs: inputs, outputs: outputs, weightGradient: dw.pointer,
            biasGradient: db.pointer, inputGradient: dx.pointer, pool: pool)
        #expect(relativeError(dx.floats, slopes(x0) { objective($0, w0, b0) }) < 1e-6)
        #expect(relativeError(dw.floats, slopes(w0) { objective(x0, $0, b0) }) < 1e-6)
        #expect(relativeError(db.floats, slopes(b0) { objective(x0, w0, $0) }) < 1e-6)
    }

    @Test func crossEntropyIsStableAndItsGradientIsThatOfFiniteDifferences() {
        var draw = Draw(14)
        let logits = draw(12).map { $0 * 5 }
        let labels = [2, 0, 1]
        var gradient = [Float](repeating: 0, count: 12)
        let outcome = Loss.crossEntropy(logits: logits, labels: labels, classes: 4, gradient: &gradient)
        func loss(_ z: [Double]) -> Double {
            labels.enumerated().reduce(0.0) { sum, item in
                let row = z[(item.offset * 4)..<(item.offset * 4 + 4)]
                return sum + log(row.map { exp($0) }.reduce(0, +)) - row[item.offset * 4 + item.element]
            } / 3
        }
        #expect(abs(outcome.loss - loss(doubles(logits))) < 1e-12)
        #expect(relativeError(gradient, slopes(doubles(logits), loss)) < 1e-6)
        let extreme = Loss.crossEntropy(logits: [1e4, -1e4, 0, 0], labels: [1], classes: 4)
        #expect(extreme.loss == 2e4)
        #expect(Loss.crossEntropy(logits: [1, 3, 3, 0], labels: [1], classes: 4).correct == 1)
        #expect(Loss.crossEntropy(logits: [.nan, 1], labels: [0], classes: 2).loss.isNaN)
    }

    // MARK: Workers

    @Test func everyTaskIsDoneOnceByAWorkerThatExists() {
        for threads in [1, 2, 7] {
            let pool = WorkerPool(threads: threads)
            for count in [0, 1, 3, 100] {
                let done = FloatBuffer(count: max(1, count))
                for _ in 0..<20 {
                    pool.run(count) { task, worker in
                        if worker < 0 || worker >= threads { done.pointer[task] = .nan }
                        done.pointer[task] += 1
                    }
                }
                #expect(done.floats.prefix(count).allSatisfy { $0 == 20 })
            }
        }
    }
}
