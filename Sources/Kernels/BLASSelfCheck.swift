/// Some builds of OpenBLAS multiply wrongly on some processors (its pull request 2061, for AVX-512), so every way through
/// sgemm that the network takes is tried before it is trusted.
extension BLAS {
    /// Whether sgemm is right; takes two milliseconds at the first call.
    package static func selfCheck() -> Bool { isSound }

    /// What to say where it is not.
    package static var problem: String? {
        isSound
            ? nil
            : "\(version) computes wrong products on this processor with its kernel \(coreName); give --blas-kernel "
                + "another one (Haswell, Nehalem), or OPENBLAS_CORETYPE in the environment, or install another build of it."
    }

    private static let isSound: Bool = {
        prepare()
        if Variables.wrongKernels.contains(coreName) { return false }
        return products.allSatisfy { $0.isRight() }
    }()

    /// The first four are small: kernels for AVX-512 have another way for each transposition then. The others go over the
    /// edges of the blocks of rows and of depth that sgemm packs.
    private static let products = [
        Product(rows: 37, columns: 29, depth: 53), Product(rows: 37, columns: 29, depth: 53, transposeA: true),
        Product(rows: 37, columns: 29, depth: 53, transposeB: true),
        Product(rows: 31, columns: 29, depth: 53, transposeA: true, transposeB: true),
        Product(rows: 98, columns: 64, depth: 64, adds: true), Product(rows: 131, columns: 97, depth: 470),
        Product(rows: 131, columns: 97, depth: 470, transposeA: true, adds: true),
        Product(rows: 131, columns: 97, depth: 470, transposeB: true), Product(rows: 790, columns: 50, depth: 30),
    ]

    /// One call of sgemm. It is compared through products with a vector, C·x with A·(B·x), which takes a hundredth of the time
    /// of a plain product and misses no wrong element unless it makes up for another one (Freivalds 1977).
    private struct Product {
        var rows: Int
        var columns: Int
        var depth: Int
        var transposeA = false
        var transposeB = false
        var adds = false

        func isRight() -> Bool {
            var state: UInt32 = 1
            /// Between 0.5 and 1 in size, so that nothing that is left out is small.
            func draw(_ count: Int) -> [Float] {
                (0..<count).map { _ in
                    state = state &* 1_664_525 &+ 1_013_904_223
                    let size = Float(state >> 9) / 16_777_216 + 0.5
                    return state & 0x100 == 0 ? size : -size
                }
            }
            // Rows lie further apart than they are long, and what is between them must stay as it is.
            let (strideA, strideB) = ((transposeA ? rows : depth) + 3, (transposeB ? depth : columns) + 5)
            let strideC = columns + 2
            let a = draw((transposeA ? depth : rows) * strideA)
            let b = draw((transposeB ? columns : depth) * strideB)
            let before = draw(rows * strideC)
            let x = draw(columns)
            var c = before
            multiply(
                rows: rows, columns: columns, depth: depth, a, stride: strideA, transposeA: transposeA, b,
                stride: strideB, transposeB: transposeB, beta: adds ? 1 : 0, into: &c, stride: strideC)
            let (stepColumn, stepDepth) = transposeB ? (strideB, 1) : (1, strideB)
            let bx = (0..<depth).map { k in
                var sum = 0.0
                for j in 0..<columns { sum += Double(b[k * stepDepth + j * stepColumn]) * Double(x[j]) }
                return sum
            }
            let (stepRow, stepInner) = transposeA ? (1, strideA) : (strideA, 1)
            return (0..<rows).allSatisfy { i in
                var difference = 0.0
                for k in 0..<depth { difference += Double(a[i * stepRow + k * stepInner]) * bx[k] }
                for j in 0..<columns {
                    let old = adds ? Double(before[i * strideC + j]) : 0
                    difference -= (Double(c[i * strideC + j]) - old) * Double(x[j])
                }
                let gap = (i * strideC + columns)..<((i + 1) * strideC)
                // Written so that NaN fails too. Rounding comes to 1e-4, one multiply-add left out to 0.1 and more.
                return abs(difference) < 1e-2 && c[gap].elementsEqual(before[gap])
            }
        }
    }
}
