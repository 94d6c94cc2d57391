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

    /// Whether sgemm agrees with a plain loop: some builds are wrong on some processors. Takes microseconds.
    package static func selfCheck() -> Bool {
        prepare()
        let (rows, columns, depth) = (37, 29, 53)
        var state: UInt32 = 1
        func draw(_ count: Int) -> [Float] {
            (0..<count).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return Float(Int32(bitPattern: state) >> 8) / 8_388_608
            }
        }
        let a = draw(rows * depth)
        let b = draw(depth * columns)
        var c = [Float](repeating: 0, count: rows * columns)
        multiply(
            rows: rows, columns: columns, depth: depth, a, stride: depth, b, stride: columns, beta: 0, into: &c,
            stride: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                var sum = 0.0
                for k in 0..<depth { sum += Double(a[row * depth + k]) * Double(b[k * columns + column]) }
                // Written so that NaN fails too.
                if !(abs(sum - Double(c[row * columns + column])) < 1e-4) { return false }
            }
        }
        return true
    }
}
