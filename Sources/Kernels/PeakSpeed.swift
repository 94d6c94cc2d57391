/// The speed that the machine can reach, as a yardstick for kernels.
package enum PeakSpeed {
    /// GFLOPS of OpenBLAS's own product of two size × size matrices, one on each of the pool's threads at once: the
    /// best of `rounds`, as anything else on the machine only takes away. Two operations are one multiply-add.
    package static func measure(pool: WorkerPool, size: Int = 2048, rounds: Int = 5) -> Double {
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
