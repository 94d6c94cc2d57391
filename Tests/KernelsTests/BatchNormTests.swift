import Kernels
import LoopTypes
import Testing

@Suite struct BatchNormTests {
    private let channels = 32

    private func make(_ seed: UInt64, rows: Int, offset: Float = 0) -> (
        x: FloatBuffer, gamma: FloatBuffer, beta: FloatBuffer
    ) {
        var draw = Draw(seed)
        return (
            FloatBuffer(draw(rows * channels).map { $0 + offset }), FloatBuffer(draw(channels)),
            FloatBuffer(draw(channels))
        )
    }

    @Test(arguments: [2, 3, 1000]) func trainingNormalisesWithTheBatchAndMovesTheRunningStatistics(rows: Int) {
        let (x, gamma, beta) = make(1, rows: rows, offset: 3)
        let norm = BatchNorm(state: BatchNormState(channels: channels))
        norm.useBatchStatistics(of: x.pointer, rows: rows, gamma: gamma.pointer, beta: beta.pointer)
        let exact = Reference.batchNorm(
            doubles(x.floats), rows: rows, gamma: doubles(gamma.floats), beta: doubles(beta.floats))
        let ours = (0..<(rows * channels)).map {
            x.pointer[$0] * norm.folded.scale[$0 % channels] + norm.folded.shift[$0 % channels]
        }
        #expect(relativeError(ours, exact) < 1e-4 / Double(rows).squareRoot())
        for c in 0..<channels {
            let column = (0..<rows).map { Double(x.pointer[$0 * channels + c]) }
            let mean = column.reduce(0, +) / Double(rows)
            let variance = column.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(rows - 1)
            #expect(abs(Double(norm.state.runningMean.pointer[c]) - 0.1 * mean) < 1e-6)
            #expect(abs(Double(norm.state.runningVariance.pointer[c]) - (0.9 + 0.1 * variance)) < 1e-6)
        }
        #expect(norm.state.batchesTracked == 1)
    }

    @Test func inInferenceItUsesTheRunningStatisticsAndLeavesThemAlone() {
        let state = BatchNormState(channels: channels)
        for c in 0..<channels {
            state.runningMean.pointer[c] = Float(c)
            state.runningVariance.pointer[c] = 4
        }
        let (_, gamma, beta) = make(2, rows: 1)
        let norm = BatchNorm(state: state)
        norm.useRunningStatistics(gamma: gamma.pointer, beta: beta.pointer)
        for c in 0..<channels {
            let scale = Double(gamma.pointer[c]) / (4 + 1e-5).squareRoot()
            #expect(abs(Double(norm.folded.scale[c]) - scale) < 1e-7)
            #expect(abs(Double(norm.folded.shift[c]) - (Double(beta.pointer[c]) - Double(c) * scale)) < 1e-5)
        }
        #expect(state.batchesTracked == 0)
        #expect(state.runningMean.pointer[3] == 3)
    }

    @Test(arguments: [false, true]) func backwardAgreesWithFiniteDifferences(ownRelu: Bool) {
        let rows = 7
        let (x, gamma, beta) = make(3, rows: rows)
        var draw = Draw(9)
        let upstream = draw(rows * channels)
        let (x0, w0, b0) = (doubles(x.floats), doubles(gamma.floats), doubles(beta.floats))
        func objective(_ x: [Double], _ w: [Double], _ b: [Double]) -> Double {
            zip(Reference.batchNorm(x, rows: rows, gamma: w, beta: b), upstream).reduce(0.0) {
                $0 + (ownRelu ? max(0, $1.0) : $1.0) * Double($1.1)
            }
        }
        func slopes(_ at: [Double], _ f: ([Double]) -> Double) -> [Double] {
            at.indices.map { i in
                var (up, down) = (at, at)
                up[i] += 1e-6
                down[i] -= 1e-6
                return (f(up) - f(down)) / 2e-6
            }
        }
        let pool = WorkerPool(threads: 2)
        let norm = BatchNorm(state: BatchNormState(channels: channels))
        norm.useBatchStatistics(of: x.pointer, rows: rows, gamma: gamma.pointer, beta: beta.pointer)
        let gradient = FloatBuffer(upstream)
        let (dw, db) = (FloatBuffer(count: channels), FloatBuffer(count: channels))
        norm.backwardReduce(
            gradient.pointer, x: x.pointer, mask: ownRelu ? .ownOutput : .none, gamma: gamma.pointer,
            gammaGradient: dw.pointer, betaGradient: db.pointer, pool: pool)
        norm.backwardElementwise(gradient.pointer, x: x.pointer, pool: pool)
        #expect(relativeError(x.floats, slopes(x0) { objective($0, w0, b0) }) < 1e-5)
        #expect(relativeError(dw.floats, slopes(w0) { objective(x0, $0, b0) }) < 1e-5)
        #expect(relativeError(db.floats, slopes(b0) { objective(x0, w0, $0) }) < 1e-5)
    }

    @Test func theBitsDoNotDependOnThreads() {
        let rows = 3000
        let results = [1, 2, 3, 5].map { threads in
            let (x, gamma, beta) = make(4, rows: rows)
            var draw = Draw(5)
            let gradient = FloatBuffer(draw(rows * channels))
            let pool = WorkerPool(threads: threads)
            let norm = BatchNorm(state: BatchNormState(channels: channels))
            norm.useBatchStatistics(of: x.pointer, rows: rows, gamma: gamma.pointer, beta: beta.pointer)
            norm.backwardReduce(
                gradient.pointer, x: x.pointer, mask: .ownOutput, gamma: gamma.pointer, gammaGradient: nil,
                betaGradient: nil, pool: pool)
            norm.backwardElementwise(gradient.pointer, x: x.pointer, pool: pool)
            return (0..<channels).flatMap { [norm.folded.scale[$0], norm.folded.shift[$0]] } + x.floats
        }
        for result in results { #expect(result == results[0]) }
    }
}
