/// Whether a row of a product has the same bits wherever in the product it lies.
///
/// It has with OpenBLAS's kernels for AVX-512 and for processors before AVX2. Those of Haswell and Zen take twelve rows
/// together and add up the first six in another order than the last six. Where pictures share a product, a picture's numbers
/// would then depend on its place in the batch: pictures begin at multiples of twelve rows, or own loops multiply.
enum RowUniformity {
    /// What the kernel in use does, found by trying.
    static let isGiven: Bool = {
        BLAS.prepare()
        let (rows, columns, depth) = (28, 64, 128)
        let row = (0..<depth).map { Float(($0 * 37 + 11) % 101) / 101 - 0.5 }
        let b = (0..<(depth * columns)).map { Float(($0 * 53 + 7) % 211) / 211 - 0.5 }
        let a = (0..<rows).flatMap { _ in row }
        var c = [Float](repeating: 0, count: rows * columns)
        BLAS.multiply(
            rows: rows, columns: columns, depth: depth, a, stride: depth, b, stride: columns, beta: 0, into: &c,
            stride: columns)
        return (1..<rows).allSatisfy { c[($0 * columns)..<(($0 + 1) * columns)].elementsEqual(c[0..<columns]) }
    }()

    /// What a picture's first row must be a multiple of.
    static var alignment: Int { isGiven ? 1 : 12 }
}
