import Foundation
import Kernels
import Model
import Testing

import Training

private struct OptimizerFixture: Decodable {
    let kind: String
    let momentum: Double
    let decay: Double
    let rate: Double
    let size: Int
    let after: [[Double]]
}

@Suite struct OptimizerTests {
    private func parameter(_ count: Int) -> Parameter {
        let parameter = Parameter(name: "fc.bias", shape: [count])
        for i in 0..<count { parameter.values.pointer[i] = Float((i * 37 + 11) % 101) / 101 - 0.5 }
        parameter.gradient = FloatBuffer(count: count)
        return parameter
    }

    private func setGradient(_ parameter: Parameter, step: Int) {
        guard let gradient = parameter.gradient else { return }
        for i in 0..<gradient.count { gradient.pointer[i] = Float((i * 53 + step * 29 + 7) % 97) / 97 - 0.5 }
    }

    @Test func `sgd and adamw follow PyTorch step by step`() throws {
        let fixtures = try JSONDecoder().decode([OptimizerFixture].self, from: fixture("optimizers.json"))
        #expect(fixtures.count == 5)
        for fixture in fixtures {
            let kind = try #require(OptimizerKind(rawValue: fixture.kind))
            let optimizer = Optimizer(kind, weightDecay: fixture.decay, pool: WorkerPool(threads: 2))
            let parameter = parameter(fixture.size)
            for (step, expected) in fixture.after.enumerated() {
                setGradient(parameter, step: step)
                _ = optimizer.step([parameter], learningRate: fixture.rate, momentum: fixture.momentum)
                for i in 0..<fixture.size {
                    #expect(
                        abs(Double(parameter.values.pointer[i]) - expected[i]) < 3e-7, "\(kind) step \(step) at \(i)")
                }
            }
        }
    }

    @Test func `norms are of the gradient, the change and the weights before it`() {
        let optimizer = Optimizer(.sgd, weightDecay: 0, pool: WorkerPool(threads: 1))
        let parameter = parameter(1000)
        setGradient(parameter, step: 0)
        let before = (0..<1000).map { Double(parameter.values.pointer[$0]) }
        let gradient = (0..<1000).map { Double(parameter.gradient?.pointer[$0] ?? 0) }
        let norms = optimizer.step([parameter], learningRate: 0.1, momentum: 0)["fc.bias"]
        func norm(_ v: [Double]) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        #expect(abs((norms?.gradient ?? 0) - norm(gradient)) < 1e-9)
        #expect(abs((norms?.update ?? 0) - 0.1 * norm(gradient)) < 1e-6)
        #expect(abs((norms?.weight ?? 0) - norm(before)) < 1e-9)
    }

    @Test func `a parameter that froze has no momentum left, and starts afresh when it thaws`() {
        let optimizer = Optimizer(.sgd, weightDecay: 0, pool: WorkerPool(threads: 1))
        let parameter = parameter(10)
        setGradient(parameter, step: 0)
        _ = optimizer.step([parameter], learningRate: 0.1, momentum: 0.9)
        #expect(optimizer.states["fc.bias"]?.moments.count == 1)
        optimizer.keepOnly([])
        #expect(optimizer.states.isEmpty)
        let before = parameter.values.pointer[3]
        setGradient(parameter, step: 1)
        _ = optimizer.step([parameter], learningRate: 0.1, momentum: 0.9)
        // Without a trace of the old momentum the first step is the bare gradient.
        let gradient = parameter.gradient?.pointer[3] ?? 0
        #expect(abs(parameter.values.pointer[3] - (before - 0.1 * gradient)) < 1e-7)
    }

    @Test func `the bits do not depend on the number of threads`() {
        func run(_ threads: Int) -> ([Float], Double) {
            let optimizer = Optimizer(.adamw, weightDecay: 0.01, pool: WorkerPool(threads: threads))
            let parameter = parameter(200_003)
            var norm = 0.0
            for step in 0..<3 {
                setGradient(parameter, step: step)
                norm = optimizer.step([parameter], learningRate: 0.01, momentum: 0.9)["fc.bias"]?.gradient ?? 0
            }
            return (Array(UnsafeBufferPointer(start: parameter.values.pointer, count: 200_003)), norm)
        }
        let one = run(1)
        for threads in 2...4 {
            let other = run(threads)
            #expect(one.0 == other.0)
            #expect(one.1 == other.1)
        }
    }
}
