import COpenBLAS
import Synchronization

/// The instruction sets that the own loops are compiled for.
package enum InstructionSet: Int, Comparable, CaseIterable, Sendable {
    /// x86-64-v2 (SSE4.2), or whatever another processor has.
    case baseline
    /// x86-64-v3: 256 bits, fused multiply-add.
    case avx2
    /// x86-64-v4: 512 bits.
    case avx512

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The best that this processor has.
    package static var ofProcessor: Self {
        switch frostline_instruction_set() {
        case 2: .avx512
        case 1: .avx2
        default: .baseline
        }
    }

    private static let capped = Mutex(Self.avx512)

    /// Holds `inUse` to at most `limit`. Call before any kernel runs: the loops are chosen once.
    package static func cap(at limit: Self) { capped.withLock { $0 = min($0, limit) } }

    package static var inUse: Self { min(ofProcessor, capped.withLock { $0 }) }
}
