/// What sums over the ranks take.
package struct RankSpeed: Sendable, Equatable {
    /// Seconds for one number.
    package let latency: Double
    /// Bytes per second of large sums.
    package let bandwidth: Double
}

extension RankGroup {
    /// Measures sums: the medians of rank 0, on every rank. To be called by all, while nothing else is computed.
    package func measure() -> RankSpeed {
        func median(_ rounds: Int, _ body: () -> Void) -> Double {
            let times = (0..<rounds).map { _ in
                let began = ContinuousClock.now
                body()
                return began.duration(to: .now) / .seconds(1)
            }
            return times.sorted()[rounds / 2]
        }
        var one = [0.0]
        sum(&one)
        // Many at once: a rank that is late finds the others' numbers there already, and the next time the others wait for it.
        let rounds = 20
        let latency = median(5) { for _ in 0..<rounds { sum(&one) } } / Double(rounds)
        let bytes = 4 << 20
        let values = UnsafeMutablePointer<Float>.allocate(capacity: bytes / 4)
        values.initialize(repeating: 0, count: bytes / 4)
        // After a failure MPI touches nothing that was lent to it.
        defer { values.deallocate() }
        func sumLarge() {
            beginSum(values, count: bytes / 4)
            finishSums()
        }
        sumLarge()
        let large = median(5, sumLarge)
        var result = (latency, Double(bytes) / max(large, 1e-9))
        withUnsafeMutableBytes(of: &result) { broadcast($0) }
        return RankSpeed(latency: result.0, bandwidth: result.1)
    }
}
