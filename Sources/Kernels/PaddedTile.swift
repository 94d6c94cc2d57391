/// max(x · scale + shift, 0) per channel: a BatchNorm and its ReLU, computed where they are read instead of being kept.
package struct FoldedBatchNorm {
    package var scale: UnsafePointer<Float>
    package var shift: UnsafePointer<Float>

    package init(scale: UnsafePointer<Float>, shift: UnsafePointer<Float>) {
        self.scale = scale
        self.shift = shift
    }
}

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

    /// Copies from one image, [height, width, channels], applying the prologue to what lies inside.
    func copy(
        _ image: UnsafePointer<Float>, prologue: FoldedBatchNorm?, to target: UnsafeMutablePointer<Float>
    ) {
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
                prologue.apply(source, pixels: lastColumn - firstColumn, channels: channels, to: line + before)
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
                let place = target + ((row &* tileWidth &+ column) &* pixelPitch)
                guard y >= 0, y < height, x >= 0, x < width else {
                    place.update(repeating: 0, count: count)
                    continue
                }
                let source = image + ((y &* width &+ x) &* channels &+ first)
                guard count % 8 == 0 else {
                    for c in 0..<count { place[c] = source[c] }
                    continue
                }
                var c = 0
                while c < count {
                    var value = source.vector8(c)
                    if let prologue {
                        value = relu(
                            fused(value, prologue.scale.vector8(first &+ c), prologue.shift.vector8(first &+ c)))
                    }
                    place.store(value, c)
                    c &+= 8
                }
            }
        }
    }
}

extension FoldedBatchNorm {
    /// Over neighbouring pixels; `channels` is a multiple of 8.
    @inline(__always)
    func apply(
        _ source: UnsafePointer<Float>, pixels: Int, channels: Int, to target: UnsafeMutablePointer<Float>
    ) {
        var place = 0
        for _ in 0..<pixels {
            var c = 0
            while c < channels {
                target.store(
                    relu(fused(source.vector8(place &+ c), scale.vector8(c), shift.vector8(c))), place &+ c)
                c &+= 8
            }
            place &+= channels
        }
    }
}
