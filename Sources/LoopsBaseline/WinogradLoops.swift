import LoopTypes

/// The transforms of F(4×4, 3×3) over whole rows of tiles. Each has a vertical and a horizontal half; between them a slice
/// of channels lies in `lines` or on the stack, so that every float of a map is read and written once.
extension VectorLoops {
    package func winogradInput(
        _ x: UnsafePointer<Float>, _ grid: WinogradGrid, channels: Int, prologue: FoldedBatchNorm?, row: Int,
        to target: UnsafeMutablePointer<Float>, first: Int, _ planes: WinogradPlanes,
        lines: UnsafeMutablePointer<Float>
    ) {
        let width = grid.width
        let top = grid.top(ofRow: row) - 1
        let rows = max(0, -top)..<min(6, grid.height - top)
        let image = x + (grid.image(ofRow: row) * grid.height + top) * width * channels
        for base in stride(from: 0, to: channels, by: WinogradGrid.sliceChannels) {
            let slice = min(WinogradGrid.sliceChannels, channels - base)
            let linePitch = grid.linePitch(slice)
            for column in 0..<(grid.tileColumns * 4 + 2) {
                let line = lines + (column &* slice)
                guard column > 0, column <= width else {
                    for i in 0..<6 { (line + i &* linePitch).update(repeating: 0, count: slice) }
                    continue
                }
                eachVector(slice) { c in
                    let offset = (column &- 1) &* channels &+ base &+ c
                    @inline(__always) func pixel(_ i: Int) -> Vector {
                        guard i >= rows.lowerBound, i < rows.upperBound else { return .zero }
                        let value = image.vector(i &* width &* channels &+ offset)
                        guard let prologue else { return value }
                        return relu(prologue(value, base &+ c))
                    }
                    line.store(
                        Winograd.input((pixel(0), pixel(1), pixel(2), pixel(3), pixel(4), pixel(5))), c, linePitch)
                }
            }
            for tile in 0..<grid.tileColumns {
                let values = target + ((first &+ tile) &* planes.tilePitch &+ base)
                for i in 0..<6 {
                    let line = UnsafePointer(lines + (i &* linePitch &+ tile &* 4 &* slice))
                    eachVector(slice) { c in
                        values.store(Winograd.input(line.six(c, slice)), 6 &* i &* planes.pitch &+ c, planes.pitch)
                    }
                }
            }
        }
    }

    package func winogradGradient(
        _ dy: UnsafePointer<Float>, _ grid: WinogradGrid, channels: Int, row: Int,
        to target: UnsafeMutablePointer<Float>, first: Int, _ planes: WinogradPlanes,
        lines: UnsafeMutablePointer<Float>
    ) {
        let width = grid.width
        let top = grid.top(ofRow: row)
        let rows = min(4, grid.height - top)
        let image = dy + (grid.image(ofRow: row) * grid.height + top) * width * channels
        for base in stride(from: 0, to: channels, by: WinogradGrid.sliceChannels) {
            let slice = min(WinogradGrid.sliceChannels, channels - base)
            let linePitch = grid.linePitch(slice)
            for column in 0..<(grid.tileColumns * 4) {
                let line = lines + (column &* slice)
                eachVector(slice) { c in
                    @inline(__always) func pixel(_ i: Int) -> Vector {
                        guard i < rows, column < width else { return .zero }
                        return image.vector((i &* width &+ column) &* channels &+ base &+ c)
                    }
                    line.store(Winograd.gradient((pixel(0), pixel(1), pixel(2), pixel(3))), c, linePitch)
                }
            }
            for tile in 0..<grid.tileColumns {
                let values = target + ((first &+ tile) &* planes.tilePitch &+ base)
                for i in 0..<6 {
                    let line = UnsafePointer(lines + (i &* linePitch &+ tile &* 4 &* slice))
                    eachVector(slice) { c in
                        values.store(
                            Winograd.gradient(
                                (
                                    line.vector(c), line.vector(c &+ slice), line.vector(c &+ 2 &* slice),
                                    line.vector(c &+ 3 &* slice)
                                )), 6 &* i &* planes.pitch &+ c, planes.pitch)
                    }
                }
            }
        }
    }

    package func winogradOutput(
        _ products: UnsafePointer<Float>, _ planes: WinogradPlanes, first: Int, _ grid: WinogradGrid, row: Int,
        part: Range<Int>, channels: Int, epilogue: Epilogue, to y: UnsafeMutablePointer<Float>,
        lines: UnsafeMutablePointer<Float>
    ) {
        let width = grid.width
        let top = grid.top(ofRow: row)
        let rows = min(4, grid.height - top)
        let column = part.lowerBound
        let origin = (grid.image(ofRow: row) * grid.height + top) * width * channels + column
        let (pitch, lanes) = (planes.pitch, Vector.scalarCount)
        for tile in 0..<grid.tileColumns {
            let left = 4 &* tile
            let valid = min(4, width &- left)
            eachVector(part.count) { c in
                let values = products + ((first &+ tile) &* planes.tilePitch &+ c)
                for j in 0..<6 {
                    let down = Winograd.output(values.six(j &* pitch, 6 &* pitch))
                    let line = lines + (lanes &* j)
                    line.store(down.0, 0)
                    line.store(down.1, 6 &* lanes)
                    line.store(down.2, 12 &* lanes)
                    line.store(down.3, 18 &* lanes)
                }
                for i in 0..<rows {
                    let across = Winograd.output(UnsafePointer(lines + (6 &* lanes &* i)).six(0, lanes))
                    let pixel = origin &+ (i &* width &+ left) &* channels &+ c
                    @inline(__always) func finish(_ sum: Vector, _ offset: Int) {
                        y.store(epilogue(sum, column &+ c, offset), offset)
                    }
                    finish(across.0, pixel)
                    if valid > 1 { finish(across.1, pixel &+ channels) }
                    if valid > 2 { finish(across.2, pixel &+ 2 &* channels) }
                    if valid > 3 { finish(across.3, pixel &+ 3 &* channels) }
                }
            }
        }
    }

    package func winogradWeights(
        _ w: UnsafePointer<Float>, inputs: Int, outputs: Int, rows: Range<Int>, columns: Range<Int>, turned: Bool,
        to target: UnsafeMutablePointer<Float>, pitch: Int
    ) {
        let tapPitch = inputs * outputs
        guard turned else {
            for row in rows {
                transformTaps(
                    w + (row &* outputs &+ columns.lowerBound), tapPitch: tapPitch, count: columns.count,
                    to: target + (row &- rows.lowerBound) &* columns.count, pitch: pitch)
            }
            return
        }
        // Sixteen outputs at a time, as [tap from the last on][output][input].
        let (tall, wide) = (16, 64)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 9 * tall * wide) { memory in
            guard let block = memory.baseAddress else { return }
            for row in stride(from: rows.lowerBound, to: rows.upperBound, by: tall) {
                for column in stride(from: columns.lowerBound, to: columns.upperBound, by: wide) {
                    let width = min(wide, columns.upperBound - column)
                    for tap in 0..<9 {
                        let source = w + ((8 - tap) * tapPitch + column * outputs + row)
                        let turned = block + tap * tall * wide
                        for c in 0..<width {
                            for k in 0..<tall { turned[k &* wide &+ c] = source[c &* outputs &+ k] }
                        }
                    }
                    for k in 0..<tall {
                        transformTaps(
                            UnsafePointer(block + k * wide), tapPitch: tall * wide, count: width,
                            to: target + ((row - rows.lowerBound + k) * columns.count + column - columns.lowerBound),
                            pitch: pitch)
                    }
                }
            }
        }
    }

    /// G w Gᵀ for a row of `count` pairs of channels, nine taps of each.
    @inline(__always)
    private func transformTaps(
        _ taps: UnsafePointer<Float>, tapPitch: Int, count: Int, to target: UnsafeMutablePointer<Float>, pitch: Int
    ) {
        eachVector(count) { c in
            @inline(__always) func down(_ s: Int) -> Winograd.Six {
                Winograd.weights(
                    (
                        taps.vector(s &* tapPitch &+ c), taps.vector((3 &+ s) &* tapPitch &+ c),
                        taps.vector((6 &+ s) &* tapPitch &+ c)
                    ))
            }
            let (a, b, d) = (down(0), down(1), down(2))
            target.store(Winograd.weights((a.0, b.0, d.0)), c, pitch)
            target.store(Winograd.weights((a.1, b.1, d.1)), 6 &* pitch &+ c, pitch)
            target.store(Winograd.weights((a.2, b.2, d.2)), 12 &* pitch &+ c, pitch)
            target.store(Winograd.weights((a.3, b.3, d.3)), 18 &* pitch &+ c, pitch)
            target.store(Winograd.weights((a.4, b.4, d.4)), 24 &* pitch &+ c, pitch)
            target.store(Winograd.weights((a.5, b.5, d.5)), 30 &* pitch &+ c, pitch)
        }
    }

    package func winogradWeightGradient(
        _ sums: UnsafePointer<Float>, pitch: Int, rowPitch: Int, inputs: Int, outputs: Int, rows: Range<Int>,
        columns: Range<Int>, adds: Bool, to dw: UnsafeMutablePointer<Float>
    ) {
        let tapPitch = inputs * outputs
        for row in rows {
            let line = sums + (row &- rows.lowerBound) &* rowPitch
            let target = dw + (row &* outputs &+ columns.lowerBound)
            eachVector(columns.count) { c in
                @inline(__always) func down(_ j: Int) -> Winograd.Three {
                    Winograd.weightGradient(line.six(j &* pitch &+ c, 6 &* pitch))
                }
                let (a, b, d) = (down(0), down(1), down(2))
                let (e, f, g) = (down(3), down(4), down(5))
                @inline(__always) func put(_ r: Int, _ six: Winograd.Six) {
                    let across = Winograd.weightGradient(six)
                    @inline(__always) func add(_ value: Vector, _ s: Int) {
                        let offset = (3 &* r &+ s) &* tapPitch &+ c
                        target.store(adds ? value + target.vector(offset) : value, offset)
                    }
                    add(across.0, 0)
                    add(across.1, 1)
                    add(across.2, 2)
                }
                put(0, (a.0, b.0, d.0, e.0, f.0, g.0))
                put(1, (a.1, b.1, d.1, e.1, f.1, g.1))
                put(2, (a.2, b.2, d.2, e.2, f.2, g.2))
            }
        }
    }
}
