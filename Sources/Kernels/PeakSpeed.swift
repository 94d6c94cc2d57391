/// The speed that the machine can reach, as a yardstick for kernels.
package enum PeakSpeed {
    /// GFLOPS of fused multiply-adds on values in registers, in the vectors of the instruction set in use, on each of the
    /// pool's threads at once: what the multipliers can do where nothing holds them up. The best of `rounds` of a few milliseconds.
    package static func multipliers(pool: WorkerPool, rounds: Int = 20) -> Double {
        let loops = loops
        let count = 1_000_000
        var best = 0.0
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            pool.run(pool.threads) { _, _ in _ = loops.multiplyAdds(rounds: count) }
            let seconds = start.duration(to: .now) / .seconds(1)
            best = max(best, 20 * Double(count * loops.lanes * pool.threads) / seconds / 1e9)
        }
        return best
    }

    /// GFLOPS of OpenBLAS's product of two size × size matrices, one on each of the pool's threads at once: the
    /// best of `rounds`, as anything else on the machine only takes away. Two operations are one multiply-add.
    package static func product(pool: WorkerPool, size: Int = 2048, rounds: Int = 5) -> Double {
        BLAS.prepare()
        let (a, b) = (FloatBuffer(count: size * size), FloatBuffer(count: size * size))
        for i in 0..<(size * size) {
            a.pointer[i] = Float(i % 13) - 6
            b.pointer[i] = Float(i % 11) - 5
        }
        let results = (0..<pool.threads).map { _ in FloatBuffer(count: size * size) }
        var best = 0.0
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            pool.run(pool.threads) { task, _ in
                BLAS.multiply(
                    rows: size, columns: size, depth: size, a.pointer, stride: size, b.pointer, stride: size, beta: 0,
                    into: results[task].pointer, stride: size)
            }
            let seconds = start.duration(to: .now) / .seconds(1)
            best = max(best, 2 * Double(size * size * size * pool.threads) / seconds / 1e9)
        }
        return best
    }
}
