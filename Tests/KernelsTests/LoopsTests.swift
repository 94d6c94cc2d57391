import LoopTypes
import LoopsAVX2
import LoopsAVX512
import LoopsBaseline
import Testing

@testable import Kernels

/// The loops of every instruction set that this processor has, on the same numbers.
@Suite struct LoopsTests {
    private static let all: [(set: InstructionSet, loops: any Loops)] =
        [
            (.baseline, LoopsBaseline.VectorLoops()), (.avx2, LoopsAVX2.VectorLoops()),
            (.avx512, LoopsAVX512.VectorLoops()),
        ].filter { $0.set <= InstructionSet.ofProcessor }

    /// Runs `body` with each, and holds the results against the first of those with fused multiply-adds, bit for bit, and
    /// against the baseline within rounding.
    private func compare(_ count: Int, _ body: (any Loops, UnsafeMutablePointer<Float>) -> Void) {
        let results = Self.all.map { _, loops in
            let result = FloatBuffer(count: count)
            body(loops, result.pointer)
            return result.floats
        }
        for (index, result) in results.enumerated().dropFirst(2) {
            #expect(result == results[1], "\(Self.all[index].set)")
        }
        if results.count > 1 { #expect(relativeError(results[1], doubles(results[0])) < 3e-6) }
        #expect(results[0].contains { $0 != 0 })
    }

    @Test func theTransformsAreTheSame() {
        let grid = WinogradGrid(images: 1, height: 7, width: 9)
        let channels = 80
        var draw = Draw(31)
        let x = draw(7 * 9 * channels)
        let (scale, shift) = (FloatBuffer(draw(channels)), FloatBuffer(draw(channels)))
        let folded = FoldedBatchNorm(scale: scale.pointer, shift: shift.pointer)
        let planes = WinogradPlanes(tiles: grid.tiles, tilePitch: channels)
        let lines = FloatBuffer(count: grid.linesCount)
        for prologue in [nil, folded] {
            compare(planes.count) { loops, result in
                for row in 0..<grid.tileRows {
                    loops.winogradInput(
                        x, grid, channels: channels, prologue: prologue, row: row, to: result,
                        first: row * grid.tileColumns, planes, lines: lines.pointer)
                }
            }
        }
        compare(planes.count) { loops, result in
            loops.winogradGradient(
                x, grid, channels: channels, row: 1, to: result, first: 2, planes, lines: lines.pointer)
        }
        let products = draw(max(planes.count, 36 * 32 * 16))
        compare(x.count) { loops, result in
            loops.winogradOutput(
                products, planes, first: 0, grid, row: 1, part: 16..<80, channels: channels,
                epilogue: Epilogue(folded: folded, relu: true), to: result, lines: lines.pointer)
        }
        let w = draw(9 * 32 * 48)
        for turned in [false, true] {
            compare(36 * 16 * 32) { loops, result in
                loops.winogradWeights(
                    w, inputs: 32, outputs: 48, rows: 16..<32, columns: 0..<32, turned: turned, to: result, pitch: 512)
            }
        }
        compare(9 * 32 * 48) { loops, result in
            loops.winogradWeightGradient(
                products, pitch: 32 * 16, rowPitch: 16, inputs: 32, outputs: 48, rows: 0..<32, columns: 16..<32,
                adds: false, to: result)
        }
    }

    @Test func gatheringAndFinishingAreTheSame() {
        var draw = Draw(32)
        let x = draw(9 * 8 * 32)
        let (scale, shift) = (FloatBuffer(draw(32)), FloatBuffer(draw(32)))
        let folded = FoldedBatchNorm(scale: scale.pointer, shift: shift.pointer)
        for prologue in [nil, folded] {
            let window = GatherWindow(
                height: 9, width: 8, channels: 32, stride: 2, top: -1, left: -1, rows: 3, columns: 3)
            compare(5 * 4 * window.count) { loops, result in
                loops.gather(window, image: x, prologue: prologue, rows: 0..<5, pixels: 4, to: result)
            }
        }
        // conv1's three channels, whose runs are no whole vectors.
        let stem = GatherWindow(height: 24, width: 32, channels: 3, stride: 2, top: -3, left: -3, rows: 7, columns: 7)
        compare(12 * 16 * stem.count) { loops, result in
            loops.gather(stem, image: x, prologue: nil, rows: 0..<12, pixels: 16, to: result)
        }
        compare(20 * 32) { loops, result in
            loops.finish(
                x, sumPitch: 32, count: 10, channels: 0..<32, epilogue: Epilogue(folded: folded, relu: true),
                to: result, offset: 0, pitch: 64)
        }
    }

    @Test(arguments: [1, 6, 20]) func productsAreTheSameAndEveryRowHasItsOwnSums(_ rows: Int) {
        var draw = Draw(35)
        let (columns, depth) = (80, 21)
        let (row, b) = (draw(depth), draw(depth * columns))
        let a = (0..<rows).flatMap { _ in row }
        compare(rows * columns) { loops, result in
            for adds in [false, true] {
                loops.multiply(
                    a, stride: depth, b, stride: columns, rows: rows, columns: columns, depth: depth, adds: adds,
                    into: result, stride: columns)
            }
            for other in 1..<max(1, rows) {
                #expect((0..<columns).allSatisfy { result[other * columns + $0] == result[$0] })
            }
            let exact = (0..<columns).map { c in
                2 * (0..<depth).reduce(0.0) { $0 + Double(row[$1]) * Double(b[$1 * columns + c]) }
            }
            #expect(relativeError((0..<columns).map { result[$0] }, exact) < 1e-6)
        }
    }

    @Test func normsPoolingAndUpdatesAreTheSame() {
        let (rows, channels) = (30, 32)
        var draw = Draw(33)
        let (x, g) = (draw(rows * channels), draw(rows * channels))
        let (scale, shift) = (FloatBuffer(draw(channels)), FloatBuffer(draw(channels)))
        let folded = FoldedBatchNorm(scale: scale.pointer, shift: shift.pointer)
        let mean = doubles(draw(channels))
        let map = PooledMap(height: 5, width: 6, channels: channels)
        let pooledCount = map.outputHeight * map.outputWidth * channels
        func rounded(_ result: UnsafeMutablePointer<Float>, _ body: (UnsafeMutablePointer<Double>) -> Void) {
            var sums = [Double](repeating: 0, count: 2 * channels)
            body(&sums)
            for (i, sum) in sums.enumerated() { result[i] = Float(sum) }
        }
        compare(2 * channels) { loops, result in
            rounded(result) {
                loops.moments(x, rows: rows, pitch: channels, channels: channels, to: $0, sumsPitch: channels)
            }
        }
        compare(2 * channels + g.count) { loops, result in
            let gradient = result + 2 * channels
            gradient.update(from: g, count: g.count)
            rounded(result) {
                loops.gradientSums(
                    gradient, x: x, mean: mean, mask: .ownOutput, folded: folded, rows: 0..<rows, channels: channels,
                    to: $0)
            }
        }
        compare(x.count) { loops, result in
            result.update(from: x, count: x.count)
            loops.normalisedGradient(
                g, x: result, scale: scale.pointer, terms: g, rows: 0..<rows, channels: channels)
        }
        compare(2 * pooledCount + x.count) { loops, result in
            var argmax = [UInt8](repeating: 0, count: pooledCount)
            argmax.withUnsafeMutableBytes { argmax in
                guard let taps = argmax.baseAddress else { return }
                for row in 0..<map.outputHeight {
                    let line = row * map.outputWidth * channels
                    loops.maxPool(x, map, row: row, prologue: folded, output: result + line, argmax: taps + line)
                }
                for row in 0..<map.outputHeight {
                    let line = row * map.outputWidth * channels
                    loops.maxPoolScatter(
                        g, output: result + line, argmax: taps + line, scale: scale.pointer, map, row: row,
                        into: result + 2 * pooledCount)
                }
                rounded(result + pooledCount) {
                    loops.maxPoolSums(
                        g, output: result, argmax: taps, image: x, mean: mean, map, row: 0, to: $0)
                }
            }
        }
        compare(3 * channels) { loops, result in
            loops.averagePool(x, pixels: rows, channels: channels, output: result)
            loops.averagePoolGradient(g, pixels: 2, channels: channels, result: result + channels)
        }
        compare(2 * x.count) { loops, result in
            loops.residualSum(
                x, folded, shortcut: g, nil, output: result, rows: 0..<rows, channels: channels)
            loops.scale(g, by: scale.pointer, into: result + x.count, rows: 0..<rows, channels: channels)
            loops.mask(result + x.count, output: result, count: x.count)
        }
        // 37 floats: a rest behind the whole vectors.
        compare(3 * 37 + 4) { loops, result in
            for (part, values) in [x, g, x].enumerated() { (result + 37 * part).update(from: values, count: 37) }
            for i in 0..<37 { result[74 + i] = abs(result[74 + i]) }
            let sgd = loops.sgd(
                result, gradient: g, momenta: result + 37, isFirst: false, count: 37, rate: 0.1, momentum: 0.9,
                decay: 0.01)
            let adam = loops.adamw(
                result, gradient: g, first: result + 37, second: result + 74, count: 37,
                terms: AdamTerms(
                    keep: 0.99, stepSize: 0.1, root: 0.5, betas: (0.9, 0.99), complements: (0.1, 0.01), epsilon: 1e-8))
            result[111] = Float(sgd[1])
            result[112] = Float(adam[1])
            result[113] = Float(loops.squareSum(x, count: 37))
            loops.addParts(x, pitch: 3, groups: 4, into: result + 114, count: 1)
        }
    }

    @Test func theSpeedIsThatOfTheirWidth() {
        for (set, loops) in Self.all {
            #expect(loops.lanes == (set == .avx512 ? 16 : 8))
            #expect(loops.multiplyAdds(rounds: 3).operations == Double(60 * loops.lanes))
        }
    }
}

/// Rows of the products that pictures share, in the shapes of ResNet18 at 224 pixels: from a multiple of the alignment on, and
/// among the four of fc, a row has the same bits wherever it lies, with the kernel that OpenBLAS uses here.
@Suite struct ProductTests {
    @Test(arguments: [
        (rows: 408, columns: 128, depth: 576), (408, 256, 1152), (480, 256, 2304), (408, 128, 64),
        (408, 256, 128), (480, 256, 256), (4, 1000, 512), (4, 2, 512), (4, 37, 512),
    ])
    func `a row's bits do not depend on its picture's place`(rows: Int, columns: Int, depth: Int) {
        var draw = Draw(34)
        let period = rows == 4 ? 1 : RowUniformity.alignment
        let first = draw(period * depth)
        let b = draw(depth * columns)
        for transposed in [false, true] {
            let a = (0..<rows).flatMap { row in
                first[(row % period * depth)..<((row % period + 1) * depth)]
            }
            var c = [Float](repeating: 0.25, count: rows * columns)
            BLAS.prepare()
            BLAS.multiply(
                rows: rows, columns: columns, depth: depth, a, stride: depth, b,
                stride: transposed ? depth : columns, transposeB: transposed, beta: 1, into: &c, stride: columns)
            for row in period..<rows {
                let line = c[(row * columns)..<((row + 1) * columns)]
                let same = c[(row % period * columns)..<((row % period + 1) * columns)]
                guard !line.elementsEqual(same) else { continue }
                Issue.record("row \(row) of \(rows)×\(columns)×\(depth), transposed \(transposed), differs")
                break
            }
        }
    }
}
