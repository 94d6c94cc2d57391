/// A rectangle of an NHWC map, possibly reaching over its edges, that is copied to where it is dense and padded with
/// zeros.
struct PaddedTile {
    let height: Int
    let width: Int
    let channels: Int
    /// The rectangle in the map's coordinates.
    let top: Int
    let left: Int
    let tileHeight: Int
    let tileWidth: Int

    var count: Int { tileHeight * tileWidth * channels }

    /// Copies from one image, [height, width, channels], applying prologue and ReLU to what lies inside.
    func copy(_ image: UnsafePointer<Float>, prologue: FoldedBatchNorm?, to target: UnsafeMutablePointer<Float>) {
        let firstColumn = max(0, left)
        let lastColumn = max(firstColumn, min(width, left + tileWidth))
        let before = (firstColumn - left) * channels
        let inside = (lastColumn - firstColumn) * channels
        let rowCount = tileWidth * channels
        for row in 0..<tileHeight {
            let line = target + row * rowCount
            let y = top + row
            guard y >= 0, y < height, inside > 0 else {
                line.update(repeating: 0, count: rowCount)
                continue
            }
            line.update(repeating: 0, count: before)
            let source = image + (y * width + firstColumn) * channels
            if let prologue {
                for column in 0..<(lastColumn - firstColumn) {
                    let pixel = column &* channels
                    eachVector(channels) { c in
                        (line + before).store(relu(prologue(source.vector8(pixel &+ c), c)), pixel &+ c)
                    }
                }
            } else {
                (line + before).update(from: source, count: inside)
            }
            (line + before + inside).update(repeating: 0, count: rowCount - before - inside)
        }
    }

    /// Copies some of the channels, pixels `pixelPitch` apart.
    func copy(
        _ image: UnsafePointer<Float>, prologue: FoldedBatchNorm?, channels part: Range<Int>, pixelPitch: Int,
        to target: UnsafeMutablePointer<Float>
    ) {
        let (first, count) = (part.lowerBound, part.count)
        for row in 0..<tileHeight {
            let y = top + row
            for column in 0..<tileWidth {
                let x = left + column
                let pixel = target + ((row &* tileWidth &+ column) &* pixelPitch)
                guard y >= 0, y < height, x >= 0, x < width else {
                    pixel.update(repeating: 0, count: count)
                    continue
                }
                let source = image + ((y &* width &+ x) &* channels &+ first)
                guard count % 8 == 0 else {
                    for c in 0..<count { pixel[c] = source[c] }
                    continue
                }
                eachVector(count) { c in
                    var value = source.vector8(c)
                    if let prologue { value = relu(prologue(value, first &+ c)) }
                    pixel.store(value, c)
                }
            }
        }
    }
}
