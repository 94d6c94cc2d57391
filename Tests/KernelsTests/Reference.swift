@testable import Kernels

/// The layers as their equations say, in Double and without any trick.
enum Reference {
    struct Map {
        var images: Int
        var height: Int
        var width: Int
        var channels: Int
        var values: [Double]

        init(_ images: Int, _ height: Int, _ width: Int, _ channels: Int, _ values: [Double]? = nil) {
            (self.images, self.height, self.width, self.channels) = (images, height, width, channels)
            self.values = values ?? [Double](repeating: 0, count: images * height * width * channels)
        }

        func index(_ n: Int, _ y: Int, _ x: Int, _ c: Int) -> Int { ((n * height + y) * width + x) * channels + c }
    }

    /// Calls `body(input index, weight index, output index)` for each product in a convolution.
    static func eachProduct(
        _ shape: ConvolutionShape, input: Map, output: Map, _ body: (_ x: Int, _ w: Int, _ y: Int) -> Void
    ) {
        for n in 0..<input.images {
            for i in 0..<output.height {
                for j in 0..<output.width {
                    for r in 0..<shape.kernel {
                        for s in 0..<shape.kernel {
                            let (y, x) = (i * shape.stride + r - shape.padding, j * shape.stride + s - shape.padding)
                            guard y >= 0, y < input.height, x >= 0, x < input.width else { continue }
                            for c in 0..<shape.inputs {
                                for o in 0..<shape.outputs {
                                    body(
                                        input.index(n, y, x, c),
                                        ((r * shape.kernel + s) * shape.inputs + c) * shape.outputs + o,
                                        output.index(n, i, j, o))
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// BatchNorm in training mode over [rows, channels].
    static func batchNorm(_ x: [Double], rows: Int, gamma: [Double], beta: [Double]) -> [Double] {
        let channels = gamma.count
        var y = x
        for c in 0..<channels {
            let column = (0..<rows).map { x[$0 * channels + c] }
            let mean = column.reduce(0, +) / Double(rows)
            let variance = column.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(rows)
            for row in 0..<rows {
                y[row * channels + c] = (column[row] - mean) / (variance + 1e-5).squareRoot() * gamma[c] + beta[c]
            }
        }
        return y
    }

    /// 3×3 max pooling, stride 2, padding 1.
    static func maxPool(_ x: Map) -> Map {
        var y = Map(x.images, (x.height - 1) / 2 + 1, (x.width - 1) / 2 + 1, x.channels)
        for n in 0..<y.images {
            for i in 0..<y.height {
                for j in 0..<y.width {
                    for c in 0..<y.channels {
                        var best = -Double.infinity
                        for row in max(0, 2 * i - 1)...min(x.height - 1, 2 * i + 1) {
                            for column in max(0, 2 * j - 1)...min(x.width - 1, 2 * j + 1) {
                                best = max(best, x.values[x.index(n, row, column, c)])
                            }
                        }
                        y.values[y.index(n, i, j, c)] = best
                    }
                }
            }
        }
        return y
    }
}

/// Reproducible numbers in [−1, 1).
struct Draw {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func callAsFunction(_ count: Int) -> [Float] {
        (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(1 << 31)
        }
    }
}

func doubles(_ values: [Float]) -> [Double] { values.map(Double.init) }

/// Largest difference over the root mean square of the exact values.
func relativeError(_ ours: [Float], _ exact: [Double]) -> Double {
    guard ours.count == exact.count else { return .infinity }
    let size = (exact.map { $0 * $0 }.reduce(0, +) / Double(max(1, exact.count))).squareRoot()
    var worst = 0.0
    for (a, b) in zip(ours, exact) {
        let difference = abs(Double(a) - b)
        if !(difference <= worst) { worst = difference }
    }
    return worst / max(size, 1e-30)
}

extension BatchNorm {
    /// The statistics of the batch x [rows, channels], in two chunks, as if a convolution had just computed it.
    func useBatchStatistics(
        of x: UnsafePointer<Float>, rows: Int, gamma: UnsafePointer<Float>, beta: UnsafePointer<Float>
    ) {
        let half = rows / 2
        let sums = chunkSums(2)
        for (chunk, part) in [0..<half, half..<rows].enumerated() {
            loops.moments(
                x + part.lowerBound * channels, rows: part.count, pitch: channels, channels: channels,
                to: sums + chunk * 2 * channels, sumsPitch: channels)
        }
        useBatchStatistics(rows: rows, gamma: gamma, beta: beta)
    }
}
