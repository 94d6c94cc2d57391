import COpenBLAS

/// What OpenBLAS's kernels need of a processor and its system, beside what the program itself needs.
struct ProcessorFeatures: OptionSet, Sendable {
    let rawValue: Int

    static let avx = Self(rawValue: 1 << 0)
    /// AMD's multiply-adds of four operands, from Bulldozer to Excavator.
    static let fma4 = Self(rawValue: 1 << 1)
    /// With FMA.
    static let avx2 = Self(rawValue: 1 << 2)
    /// As in x86-64-v4.
    static let avx512 = Self(rawValue: 1 << 3)
    static let bfloat16 = Self(rawValue: 1 << 4)
    /// Tiles, and numbers of 16 bits.
    static let amx = Self(rawValue: 1 << 5)

    static let ofProcessor: Self = {
        let isAVX2 = frostline_instruction_set() >= 1
        let isAVX512 = frostline_instruction_set() >= 2
        let bits = Self(rawValue: Int(frostline_blas_features()))
        return bits.union(isAVX2 ? .avx2 : []).union(isAVX512 ? .avx512 : [])
    }()

    /// What is left for a program that is held to an instruction set.
    func held(to limit: InstructionSet) -> Self {
        switch limit {
        case .avx512: self
        case .avx2: intersection([.avx, .fma4, .avx2])
        case .baseline: []
        }
    }
}

extension InstructionSet {
    /// As options and records have it.
    package var name: String { "\(self)" }

    /// As people write it.
    package var title: String {
        switch self {
        case .baseline: "SSE4.2"
        case .avx2: "AVX2"
        case .avx512: "AVX-512"
        }
    }

    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
