import Testing

import Support

@Suite struct SeededGeneratorTests {
    @Test func theSequenceIsXoshiroSeededBySplitMix() {
        // SplitMix64 from 0, as published; xoshiro256** from the state 1, 2, 3, 4 begins with 11520, 0, 1509978240.
        var mixer = SplitMix64(state: 0)
        #expect(mixer.next() == 0xE220_A839_7B1D_CDAF)
        #expect(mixer.next() == 0x6E78_9E6A_A1B9_65F4)
    }

    @Test func streamsDiffer() {
        var firsts: Set<UInt64> = []
        for seed in 0..<20 {
            for epoch in 0..<20 {
                for index in 0..<20 {
                    var generator = SeededGenerator(seed: UInt64(seed), stream: UInt64(epoch), UInt64(index))
                    firsts.insert(generator.next())
                }
            }
        }
        #expect(firsts.count == 8000)
    }

    @Test func uniformAndNormalHaveTheirMoments() {
        var generator = SeededGenerator(seed: 9)
        let uniform = (0..<100_000).map { _ in generator.uniform() }
        #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        #expect(abs(uniform.reduce(0, +) / 100_000 - 0.5) < 0.005)
        let normal = (0..<100_000).map { _ in generator.normal() }
        #expect(abs(normal.reduce(0, +) / 100_000) < 0.015)
        #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / 100_000 - 1) < 0.02)
    }
}
