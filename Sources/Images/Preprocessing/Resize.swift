/// A rectangle of pixels.
package struct PixelRegion: Sendable, Equatable {
    package var x: Int
    package var y: Int
    package var width: Int
    package var height: Int

    package init(x: Int, y: Int, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }
}

/// Weights of one axis: output `i` is the sum of `weights[i * stride + k] * input[starts[i] + k]`, k < counts[i].
struct ResizeWeights {
    /// Pillow's: 32 bits less 8 for the pixel and 2 for head room.
    static let precision: Int32 = 22

    var starts: [Int] = []
    var counts: [Int] = []
    var weights: [Int32] = []
    var stride = 0

    /// Pillow's bilinear with antialiasing: a triangle of support max(scale, 1) around each output's centre, normalised in
    /// double precision, then rounded to 22-bit fixed point. Only the outputs in `window` are made.
    init(input: Int, output: Int, window: Range<Int>) {
        let scale = Double(input) / Double(output)
        let support = max(scale, 1)
        let inverse = 1 / support
        stride = Int(support.rounded(.up)) * 2 + 1
        starts.reserveCapacity(window.count)
        counts.reserveCapacity(window.count)
        weights = [Int32](repeating: 0, count: stride * window.count)
        var exact = [Double](repeating: 0, count: stride)
        for (row, position) in window.enumerated() {
            let centre = (Double(position) + 0.5) * scale
            let start = max(0, Int(centre - support + 0.5))
            let end = min(input, Int(centre + support + 0.5))
            let count = min(max(0, end - start), stride)
            var sum = 0.0
            for k in 0..<count {
                let distance = abs((Double(k + start) - centre + 0.5) * inverse)
                let weight = distance < 1 ? 1 - distance : 0
                exact[k] = weight
                sum += weight
            }
            for k in 0..<count {
                let weight = sum != 0 ? exact[k] / sum : exact[k]
                weights[row * stride + k] = Int32(0.5 + weight * Double(1 << Self.precision))
            }
            starts.append(start)
            counts.append(count)
        }
    }
}

/// Pillow's `crop(region).resize(size, BILINEAR).crop(window)`, byte for byte, computing only what `window` needs. Between the
/// two passes pixels are rounded to 8 bits; an axis that keeps its size has no pass.
///
/// `region` must lie in the image and `window` in `size`.
func resized(
    _ picture: Image, region: PixelRegion, to size: (width: Int, height: Int), window: PixelRegion
) -> [UInt8] {
    precondition(
        region.x >= 0 && region.y >= 0 && region.width > 0 && region.height > 0
            && region.x <= picture.width - region.width && region.y <= picture.height - region.height
            && window.x >= 0 && window.y >= 0 && window.width > 0 && window.height > 0
            && window.x <= size.width - window.width && window.y <= size.height - window.height,
        "a region outside of its picture")
    let horizontal = AxisResize(input: region.width, output: size.width, window: window.x..<window.x + window.width)
    let vertical = AxisResize(input: region.height, output: size.height, window: window.y..<window.y + window.height)
    return picture.pixels.withUnsafeBufferPointer { pixels in
        var plane = Plane(pixels, rowBytes: picture.width * 3)
        plane.move(x: region.x + horizontal.needed.lowerBound, y: region.y + vertical.needed.lowerBound)
        // Pillow 13 goes down first where the height shrinks by more than twice what the width shrinks by.
        let shrinks = region.height - size.height
        if shrinks > 0, shrinks > 2 * (region.width - size.width) {
            let rows = vertical.rows(of: plane, columns: horizontal.needed.count)
            return rows.withUnsafeBufferPointer {
                horizontal.columns(of: Plane($0, rowBytes: horizontal.needed.count * 3), rows: window.height)
            }
        } else {
            let columns = horizontal.columns(of: plane, rows: vertical.needed.count)
            return columns.withUnsafeBufferPointer {
                vertical.rows(of: Plane($0, rowBytes: window.width * 3), columns: window.width)
            }
        }
    }
}

/// Where a pass reads: a pixel, the distance to the one below it, and where the memory ends.
private struct Plane {
    var origin: UnsafePointer<UInt8>?
    let rowBytes: Int
    let end: UnsafePointer<UInt8>?

    init(_ bytes: UnsafeBufferPointer<UInt8>, rowBytes: Int) {
        origin = bytes.baseAddress
        self.rowBytes = rowBytes
        end = origin.map { $0 + bytes.count }
    }

    mutating func move(x: Int, y: Int) {
        origin = origin.map { $0 + y * rowBytes + x * 3 }
    }
}

/// One axis of a resize: which inputs are needed, and the weights where the size changes.
private struct AxisResize {
    let needed: Range<Int>
    let count: Int
    let weights: ResizeWeights?

    init(input: Int, output: Int, window: Range<Int>) {
        count = window.count
        guard input != output else {
            needed = window
            weights = nil
            return
        }
        let weights = ResizeWeights(input: input, output: output, window: window)
        let first = weights.starts.first ?? 0
        needed = first..<zip(weights.starts, weights.counts).reduce(first) { max($0, $1.0 + $1.1) }
        self.weights = weights
    }

    /// The horizontal pass over `rows` rows that begin with the first needed column.
    func columns(of plane: Plane, rows: Int) -> [UInt8] {
        bytes(count * rows * 3) { out in
            guard let origin = plane.origin, let end = plane.end else { return }
            if let weights {
                horizontalPass(
                    origin, end: end, rowStride: plane.rowBytes, rows: rows, firstColumn: needed.lowerBound,
                    weights: weights, into: out)
            } else {
                for row in 0..<rows {
                    (out + row * count * 3).initialize(from: origin + row * plane.rowBytes, count: count * 3)
                }
            }
        }
    }

    /// The vertical pass over `columns` columns that begin with the first needed row.
    func rows(of plane: Plane, columns: Int) -> [UInt8] {
        bytes(count * columns * 3) { out in
            guard let origin = plane.origin else { return }
            if let weights {
                verticalPass(
                    origin, rowStride: plane.rowBytes, firstRow: needed.lowerBound, bytes: columns * 3,
                    weights: weights, into: out)
            } else {
                for row in 0..<count {
                    (out + row * columns * 3).initialize(from: origin + row * plane.rowBytes, count: columns * 3)
                }
            }
        }
    }

    private func bytes(_ count: Int, fill: (UnsafeMutablePointer<UInt8>) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
            guard let out = buffer.baseAddress else { return }
            fill(out)
            initialised = count
        }
    }
}

/// Four bytes as 32-bit numbers: a pixel and the first byte of the next, which is not used.
@inline(__always)
private func fourBytes(_ pointer: UnsafePointer<UInt8>) -> SIMD4<Int32> {
    let word = UnsafeRawPointer(pointer).loadUnaligned(as: UInt32.self)
    return SIMD4<Int32>(truncatingIfNeeded: unsafeBitCast(word, to: SIMD4<UInt8>.self))
}

/// The weighted sum as a pixel.
@inline(__always)
private func store(_ sum: SIMD4<Int32>, to target: UnsafeMutablePointer<UInt8>) {
    let clipped = (sum &>> SIMD4<Int32>(repeating: ResizeWeights.precision))
        .clamped(lowerBound: SIMD4<Int32>(repeating: 0), upperBound: SIMD4<Int32>(repeating: 255))
    target[0] = UInt8(truncatingIfNeeded: clipped[0])
    target[1] = UInt8(truncatingIfNeeded: clipped[1])
    target[2] = UInt8(truncatingIfNeeded: clipped[2])
}

/// Each output pixel of a row is a weighted sum of neighbours in the same row.
private func horizontalPass(
    _ origin: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, rowStride: Int, rows: Int, firstColumn: Int,
    weights: ResizeWeights, into out: UnsafeMutablePointer<UInt8>
) {
    let half = SIMD4<Int32>(repeating: 1 << (ResizeWeights.precision - 1))
    weights.starts.withUnsafeBufferPointer { starts in
        weights.counts.withUnsafeBufferPointer { counts in
            weights.weights.withUnsafeBufferPointer { table in
                guard let table = table.baseAddress else { return }
                let rowBytes = starts.count &* 3
                var row = 0
                // Four rows at a time share the loop over few weights. The last row is none of them, so that the wide load
                // of the byte after a pixel stays in the picture.
                while row &+ 4 < rows {
                    let line = origin + row &* rowStride
                    for column in 0..<starts.count {
                        let kernel = table + column &* weights.stride
                        var source = line + (starts[column] &- firstColumn) &* 3
                        var (a, b, c, d) = (half, half, half, half)
                        for k in 0..<counts[column] {
                            let weight = SIMD4<Int32>(repeating: kernel[k])
                            a = a &+ fourBytes(source) &* weight
                            b = b &+ fourBytes(source + rowStride) &* weight
                            c = c &+ fourBytes(source + 2 &* rowStride) &* weight
                            d = d &+ fourBytes(source + 3 &* rowStride) &* weight
                            source += 3
                        }
                        let target = out + (row &* rowBytes &+ column &* 3)
                        store(a, to: target)
                        store(b, to: target + rowBytes)
                        store(c, to: target + 2 &* rowBytes)
                        store(d, to: target + 3 &* rowBytes)
                    }
                    row &+= 4
                }
                while row < rows {
                    let line = origin + row &* rowStride
                    for column in 0..<starts.count {
                        let count = counts[column]
                        let kernel = table + column &* weights.stride
                        var source = line + (starts[column] &- firstColumn) &* 3
                        var sum = half
                        var k = 0
                        // Not past the picture's last pixel.
                        let safe = source + count &* 3 < end ? count : count &- 1
                        while k < safe {
                            sum = sum &+ fourBytes(source) &* SIMD4<Int32>(repeating: kernel[k])
                            source += 3
                            k &+= 1
                        }
                        if k < count {
                            let last = SIMD4<Int32>(Int32(source[0]), Int32(source[1]), Int32(source[2]), 0)
                            sum = sum &+ last &* SIMD4<Int32>(repeating: kernel[k])
                        }
                        store(sum, to: out + (row &* rowBytes &+ column &* 3))
                    }
                    row &+= 1
                }
            }
        }
    }
}

/// Each output row is a weighted sum of rows.
private func verticalPass(
    _ source: UnsafePointer<UInt8>, rowStride: Int, firstRow: Int, bytes: Int, weights: ResizeWeights,
    into out: UnsafeMutablePointer<UInt8>
) {
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: bytes) { sums in
        guard let sum = sums.baseAddress else { return }
        for row in 0..<weights.starts.count {
            for i in 0..<bytes { sum[i] = 1 << (ResizeWeights.precision - 1) }
            for k in 0..<weights.counts[row] {
                let weight = weights.weights[row * weights.stride + k]
                let line = source + (weights.starts[row] - firstRow + k) * rowStride
                for i in 0..<bytes { sum[i] = sum[i] &+ Int32(truncatingIfNeeded: line[i]) &* weight }
            }
            let target = out + row * bytes
            for i in 0..<bytes {
                target[i] = UInt8(truncatingIfNeeded: min(max(sum[i] &>> ResizeWeights.precision, 0), 255))
            }
        }
    }
}
