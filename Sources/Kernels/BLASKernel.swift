/// A set of OpenBLAS's kernels that OPENBLAS_CORETYPE can ask for (driver/others/dynamic.c, `corename`; those of 32 bits are
/// left out, which it replaces).
package struct BLASKernel: Sendable, Equatable {
    package let name: String
    let needs: ProcessorFeatures

    private init(_ name: String, _ needs: ProcessorFeatures = []) { (self.name, self.needs) = (name, needs) }

    package static let all = [
        Self("Prescott"), Self("Atom"), Self("Core2"), Self("Penryn"), Self("Dunnington"), Self("Nehalem"),
        Self("Opteron"), Self("Opteron_SSE3"), Self("Barcelona"), Self("Nano"), Self("Bobcat"),
        Self("Sandybridge", .avx), Self("Bulldozer", [.avx, .fma4]), Self("Piledriver", [.avx, .fma4]),
        Self("Steamroller", [.avx, .fma4]), Self("Excavator", [.avx, .fma4, .avx2]), Self("Haswell", [.avx, .avx2]),
        Self("Zen", [.avx, .avx2]), Self("SkylakeX", [.avx, .avx2, .avx512]),
        Self("Cooperlake", [.avx, .avx2, .avx512, .bfloat16]),
        Self("SapphireRapids", [.avx, .avx2, .avx512, .bfloat16, .amx]),
    ]

    /// nil for what OpenBLAS calls otherwise (other processors, later versions). Builds for one processor say "HASWELL".
    package init?(name: String) {
        guard let found = Self.all.first(where: { $0.name.lowercased() == name.lowercased() }) else { return nil }
        self = found
    }

    /// Grows with the vectors that its products use; kernels with the same are about as fast as each other.
    var generation: Int {
        needs.contains(.avx512) ? 3 : needs.contains(.avx2) ? 2 : needs.contains(.avx) ? 1 : 0
    }

    /// The instructions that it needs and `features` lack, in words.
    func missing(in features: ProcessorFeatures) -> String {
        let words: [(ProcessorFeatures, String)] = [
            (.avx, "AVX"), (.fma4, "FMA4"), (.avx2, "AVX2"), (.avx512, "AVX-512"), (.bfloat16, "AVX-512 BF16"),
            (.amx, "AMX"),
        ]
        return words.filter { needs.contains($0.0) && !features.contains($0.0) }.map(\.1).joined(separator: ", ")
    }

    /// What to ask for on a processor, the best first. SapphireRapids multiplies float32 with Cooperlake's kernels
    /// (KERNEL.SAPPHIRERAPIDS includes them), and no version up to 0.3.28 takes its name. 0.3.21 and older do not take
    /// Cooperlake's either, but then choose by the processor's instructions instead of by its number.
    static func candidates(for features: ProcessorFeatures) -> [BLASKernel] {
        ["Cooperlake", "SkylakeX", "Haswell", "Zen", "Sandybridge", "Nehalem"].compactMap(Self.init(name:))
            .filter { $0.needs.isSubset(of: features) }
    }
}
