import LoopTypes

extension VectorLoops {
    package func gather(
        _ window: GatherWindow, image: UnsafePointer<Float>, prologue: FoldedBatchNorm?, rows: Range<Int>, pixels: Int,
        to target: UnsafeMutablePointer<Float>
    ) {
        let (width, channels) = (window.width, window.channels)
        let (first, count) = (window.part.lowerBound, window.part.count)
        let run = window.columns &* count
        var pixel = target
        for i in rows {
            let top = i &* window.stride &+ window.top
            for j in 0..<pixels {
                let left = j &* window.stride &+ window.left
                let isInside = left >= 0 && left &+ window.columns <= width
                for r in 0..<window.rows {
                    let y = top &+ r
                    guard y >= 0, y < window.height else {
                        zero(pixel, run)
                        pixel += run
                        continue
                    }
                    let source = image + ((y &* width &+ left) &* channels &+ first)
                    if isInside, prologue == nil {
                        copy(source, run, to: pixel)
                    } else {
                        for s in 0..<window.columns {
                            let to = pixel + s &* count
                            if left &+ s < 0 || left &+ s >= width {
                                zero(to, count)
                            } else if let prologue {
                                let from = source + s &* channels
                                eachVector(count) { c in to.store(relu(prologue(from.vector(c), first &+ c)), c) }
                            } else {
                                copy(source + s &* channels, count, to: to)
                            }
                        }
                    }
                    pixel += run
                }
            }
        }
    }

    package func finish(
        _ sums: UnsafePointer<Float>, sumPitch: Int, count: Int, channels: Range<Int>, epilogue: Epilogue,
        to y: UnsafeMutablePointer<Float>, offset: Int, pitch: Int
    ) {
        let first = channels.lowerBound
        for pixel in 0..<count {
            let row = sums + pixel &* sumPitch
            let target = offset &+ pixel &* pitch
            eachVector(channels.count) { c in
                y.store(epilogue(row.vector(c), first &+ c, target &+ c), target &+ c)
            }
        }
    }

    /// In vectors, of which the last may overlap the one before: runs are short, a function call each would double the time.
    @inline(__always)
    private func copy(_ source: UnsafePointer<Float>, _ count: Int, to target: UnsafeMutablePointer<Float>) {
        let lanes = Vector.scalarCount
        guard count >= lanes else {
            for i in 0..<count { target[i] = source[i] }
            return
        }
        var i = 0
        while i &+ lanes <= count {
            target.store(source.vector(i), i)
            i &+= lanes
        }
        if i < count { target.store(source.vector(count &- lanes), count &- lanes) }
    }

    @inline(__always) private func zero(_ target: UnsafeMutablePointer<Float>, _ count: Int) {
        for i in 0..<count { target[i] = 0 }
    }
}
