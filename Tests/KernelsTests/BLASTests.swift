import Kernels
import Testing

@Suite struct BLASTests {
    @Test func openBLASPassesItsSelfCheck() {
        #expect(BLAS.selfCheck())
        #expect(BLAS.problem == nil)
    }

    @Test func theChoiceNamesTheKernel() {
        #expect(BLAS.choice.kernel == BLAS.coreName)
        #expect(!BLAS.choice.reason.isEmpty)
    }

    @Test func theMultipliersAndSgemmAreTimed() {
        let pool = WorkerPool(threads: 2)
        #expect(PeakSpeed.multipliers(pool: pool, rounds: 1) > 0)
        #expect(PeakSpeed.product(pool: pool, size: 64, rounds: 1) > 0)
    }

    @Test func openBLASNamesItselfAndItsKernels() {
        #expect(BLAS.version.contains("OpenBLAS"))
        #expect(!BLAS.coreName.isEmpty)
    }
}
