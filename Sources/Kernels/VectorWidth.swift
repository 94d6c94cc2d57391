import LoopTypes
import LoopsAVX2
import LoopsAVX512
import LoopsBaseline

/// The loops for the instruction set in use, chosen at the first kernel that runs.
let loops: any Loops =
    switch InstructionSet.inUse {
    case .avx512: LoopsAVX512.VectorLoops()
    case .avx2: LoopsAVX2.VectorLoops()
    case .baseline: LoopsBaseline.VectorLoops()
    }

/// Kernels go through channels in whole vectors, without a rest.
func requireWholeVectors(_ channels: Int) {
    precondition(channels % 16 == 0, "This kernel takes a multiple of 16 channels, not \(channels).")
}
