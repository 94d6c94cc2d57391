import Kernels
import Testing

@Suite struct BLASTests {
    @Test func openBLASAgreesWithAPlainLoop() { #expect(BLAS.selfCheck()) }

    @Test func openBLASNamesItselfAndItsKernels() {
        #expect(BLAS.version.contains("OpenBLAS"))
        #expect(!BLAS.coreName.isEmpty)
    }
}
