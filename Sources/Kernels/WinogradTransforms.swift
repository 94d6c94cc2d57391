/// Where a map's 4×4 tiles lie: rows of tiles are counted through all images, and a row's tiles lie side by side.
struct WinogradGrid: Sendable {
    let images: Int
    let height: Int
    let width: Int

    var tileRowsPerImage: Int { (height + 3) / 4 }
    var tileRows: Int { images * tileRowsPerImage }
    var tileColumns: Int { (width + 3) / 4 }
    var tiles: Int { tileRows * tileColumns }

    /// The tile rows of one of `count` blocks of about the same size.
    func rows(block: Int, of count: Int) -> Range<Int> { (tileRows * block / count)..<(tileRows * (block + 1) / count) }

    func image(ofRow row: Int) -> Int { row / tileRowsPerImage }
    /// The first row of pixels of a tile row.
    func top(ofRow row: Int) -> Int { row % tileRowsPerImage * 4 }
}

/// Where the 36 transformed values of [tile][channel] go: value p of a tile and channel is at
/// p · pitch + tile · tilePitch + channel.
struct WinogradPlanes: Sendable {
    let tilePitch: Int
    let pitch: Int
    var count: Int { Winograd.products * pitch }

    /// An odd number of cache lines apart, so that a tile's 36 values do not all fall into one set of the cache.
    init(tiles: Int, tilePitch: Int) {
        self.tilePitch = tilePitch
        let lines = (tiles * tilePitch + 15) / 16
        pitch = 16 * (lines | 1)
    }
}

extension WinogradGrid {
    /// Channels that go through both halves of a transform together: enough neighbouring floats for the prefetcher, few
    /// enough that the lines stay in the second-level cache.
    private static let sliceChannels = 64

    /// Room for the vertical half of a tile row: six rows of a slice of channels.
    var linesCount: Int { 6 * linePitch(Self.sliceChannels) }

    private func linePitch(_ channels: Int) -> Int { (tileColumns * 4 + 2) * channels + 16 }

    /// Bᵀ x B for the tiles of one row of x [images, height, width, channels], zero around the map, to `target` at tile
    /// `first` and on. With `prologue`, x is relu(prologue(x)). Channels are a multiple of 16.
    func transformInput(
        _ x: UnsafePointer<Float>, channels: Int, prologue: FoldedBatchNorm?, row: Int, first: Int,
        to target: UnsafeMutablePointer<Float>, _ planes: WinogradPlanes, lines: UnsafeMutablePointer<Float>
    ) {
        let top = top(ofRow: row) - 1
        let rows = max(0, -top)..<min(6, height - top)
        let image = x + (image(ofRow: row) * height + top) * width * channels
        for base in stride(from: 0, to: channels, by: Self.sliceChannels) {
            let slice = min(Self.sliceChannels, channels - base)
            let linePitch = linePitch(slice)
            for column in 0..<(tileColumns * 4 + 2) {
                let line = lines + (column &* slice)
                guard column > 0, column <= width else {
                    for i in 0..<6 { (line + i &* linePitch).update(repeating: 0, count: slice) }
                    continue
                }
                eachVector(slice) { c in
                    let offset = (column &- 1) &* channels &+ base &+ c
                    @inline(__always) func pixel(_ i: Int) -> Vector8 {
                        guard i >= rows.lowerBound, i < rows.upperBound else { return .zero }
                        let value = image.vector8(i &* width &* channels &+ offset)
                        guard let prologue else { return value }
                        return relu(prologue(value, base &+ c))
                    }
                    line.store(
                        Winograd.input((pixel(0), pixel(1), pixel(2), pixel(3), pixel(4), pixel(5))), c, linePitch)
                }
            }
            for tile in 0..<tileColumns {
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

    /// A dy Aᵀ for the tiles of one row and all `channels` of dy [images, height, width, channels], zero beyond the
    /// map. A panel of `Microkernel.width` channels is [tile][width], panels lie `panelPitch` apart.
    func transformGradient(
        _ dy: UnsafePointer<Float>, channels: Int, row: Int, first: Int, to target: UnsafeMutablePointer<Float>,
        _ planes: WinogradPlanes, panelPitch: Int, lines: UnsafeMutablePointer<Float>
    ) {
        let top = top(ofRow: row)
        let rows = min(4, height - top)
        let image = dy + (image(ofRow: row) * height + top) * width * channels
        let panelWidth = Microkernel.width
        for base in stride(from: 0, to: channels, by: Self.sliceChannels) {
            let slice = min(Self.sliceChannels, channels - base)
            let linePitch = linePitch(slice)
            for column in 0..<(tileColumns * 4) {
                let line = lines + (column &* slice)
                eachVector(slice) { c in
                    @inline(__always) func pixel(_ i: Int) -> Vector8 {
                        guard i < rows, column < width else { return .zero }
                        return image.vector8((i &* width &+ column) &* channels &+ base &+ c)
                    }
                    line.store(Winograd.gradient((pixel(0), pixel(1), pixel(2), pixel(3))), c, linePitch)
                }
            }
            for tile in 0..<tileColumns {
                for i in 0..<6 {
                    let line = UnsafePointer(lines + (i &* linePitch &+ tile &* 4 &* slice))
                    eachVector(slice) { c in
                        let channel = base &+ c
                        let values =
                            target
                            + (channel / panelWidth &* panelPitch &+ (first &+ tile) &* panelWidth &+ channel
                                % panelWidth)
                        values.store(
                            Winograd.gradient(
                                (
                                    line.vector8(c), line.vector8(c &+ slice), line.vector8(c &+ 2 &* slice),
                                    line.vector8(c &+ 3 &* slice)
                                )), 6 &* i &* planes.pitch, planes.pitch)
                    }
                }
            }
        }
    }

    /// y = epilogue(Aᵀ m A) for the tiles of one row: `products` holds `columns` columns of them from tile `first` on,
    /// which are the channels from `column` on of y [images, height, width, channels].
    func transformOutput(
        _ products: UnsafePointer<Float>, _ planes: WinogradPlanes, columns: Int, row: Int, first: Int, column: Int,
        channels: Int, epilogue: Epilogue, to y: UnsafeMutablePointer<Float>, lines: UnsafeMutablePointer<Float>
    ) {
        let top = top(ofRow: row)
        let rows = min(4, height - top)
        let origin = (image(ofRow: row) * height + top) * width * channels + column
        let pitch = planes.pitch
        for tile in 0..<tileColumns {
            let left = 4 &* tile
            let valid = min(4, width &- left)
            eachVector(columns) { c in
                let values = products + ((first &+ tile) &* planes.tilePitch &+ c)
                for j in 0..<6 {
                    let down = Winograd.output(values.six(j &* pitch, 6 &* pitch))
                    lines.store(down.0, 8 &* j)
                    lines.store(down.1, 8 &* j &+ 48)
                    lines.store(down.2, 8 &* j &+ 96)
                    lines.store(down.3, 8 &* j &+ 144)
                }
                for i in 0..<rows {
                    let across = Winograd.output(UnsafePointer(lines + (48 &* i)).six(0, 8))
                    let pixel = origin &+ (i &* width &+ left) &* channels &+ c
                    @inline(__always) func finish(_ sum: Vector8, _ offset: Int) {
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
}
