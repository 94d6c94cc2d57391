import Glibc

/// xoshiro256** (Blackman and Vigna 2018), its state filled by SplitMix64, as its authors advise.
///
/// The same seed gives the same numbers on every machine. A `stream` (epoch, image, …) selects a sequence of its own
/// for the same seed, so that what one image draws does not depend on what was drawn before it.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    @usableFromInline var s0: UInt64
    @usableFromInline var s1: UInt64
    @usableFromInline var s2: UInt64
    @usableFromInline var s3: UInt64

    package init(seed: UInt64) {
        var mixer = SplitMix64(state: seed)
        s0 = mixer.next()
        s1 = mixer.next()
        s2 = mixer.next()
        s3 = mixer.next()
    }

    /// The sequence for `seed` and, in order, each number of `stream`.
    package init(seed: UInt64, stream: UInt64...) {
        var state = seed
        for number in stream {
            var mixer = SplitMix64(state: state)
            var other = SplitMix64(state: number &+ 0x632B_E59B_D9B4_E019)
            state = mixer.next() ^ (other.next() &* 0x9E6C_63D0_876A_3F6B)
        }
        self.init(seed: state)
    }

    @inlinable
    package mutating func next() -> UInt64 {
        let product = s1 &* 5
        let result = ((product << 7) | (product >> 57)) &* 9
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = (s3 << 45) | (s3 >> 19)
        return result
    }

    /// Uniform in [0, 1): 53 random bits.
    @inlinable
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform in [low, high).
    @inlinable
    package mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

    /// Uniform in 0..<bound, every number equally likely; 0 where bound is not positive.
    package mutating func below(_ bound: Int) -> Int { bound > 1 ? Int.random(in: 0..<bound, using: &self) : 0 }

    /// Standard normal, by Box and Muller; each call draws two numbers and keeps nothing.
    package mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return radius * cos(2 * .pi * uniform())
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): turns any seed, 0 too, into well-mixed numbers.
package struct SplitMix64 {
    @usableFromInline var state: UInt64

    package init(state: UInt64) { self.state = state }

    @inlinable
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
