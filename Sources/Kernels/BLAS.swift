import COpenBLAS

/// OpenBLAS, used for its single-threaded matrix product only: the threads are `WorkerPool`'s.
package enum BLAS {
    /// What OpenBLAS says of itself, `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64`.
    package static var version: String { String(cString: openblas_get_config()) }

    /// The kernels it chose for this processor ("Haswell", "Zen", "Cooperlake").
    package static var coreName: String { String(cString: openblas_get_corename()) }

    /// One thread inside OpenBLAS, the caller's; idempotent. Call before any product.
    package static func prepare() { prepared }

    private static let prepared: Void = {
        openblas_set_num_threads(1)
        frostline_end_blas_threads()
    }()

    /// Multiply-adds up to which the kernels for processors with AVX-512 take a product without packing its operands
    /// (OpenBLAS 0.3.17 and later, kernel/x86_64/sgemm_small_kernel_permit_skylakex.c).
    static let smallProduct = 1_000_000

    /// Whether the kernel in use has that way. (Their rows are alike, too: cut anywhere, a picture's numbers stay.)
    static let hasSmallProducts = ["SkylakeX", "Cooperlake", "SapphireRapids"].contains(coreName)

    /// C[rows, columns] = A[rows, depth] · B[depth, columns] + beta · C, all row by row; `transposeA` and
    /// `transposeB` say that the matrix is stored the other way round. The strides are the distances between stored
    /// rows.
    @inline(__always)
    static func multiply(
        rows: Int, columns: Int, depth: Int,
        _ a: UnsafePointer<Float>, stride strideA: Int, transposeA: Bool = false,
        _ b: UnsafePointer<Float>, stride strideB: Int, transposeB: Bool = false,
        beta: Float, into c: UnsafeMutablePointer<Float>, stride strideC: Int
    ) {
        cblas_sgemm(
            CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
            blasint(rows), blasint(columns), blasint(depth), 1, a, blasint(strideA), b, blasint(strideB), beta, c,
            blasint(strideC))
    }
}
