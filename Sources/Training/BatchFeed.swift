import Kernels
import Model
import Pictures

/// One batch, ready for the layers above the frost line.
struct FeatureBatch {
    let indices: [Int]
    let labels: [Int]
}

/// Brings the batches of one pass over the pictures to the cut: out of the cache where it holds them all, else from the
/// picture files through the frozen prefix. The cut and the cache may change between two batches, when a mask does.
final class BatchFeed {
    private let source: any PictureSource
    private let order: [Int]
    private let batchSize: Int
    private let makeLoader: (_ order: [Int]) -> PictureLoader
    private let model: ResNet18
    private let imageSize: Int
    /// How much of `order` was handed out or left out.
    private(set) var position: Int
    private var loader: PictureLoader?
    private var failuresSeen = 0
    /// Pictures that could not be read in this pass.
    private(set) var failures: [(index: Int, message: String)] = []
    private var features: FloatBuffer?
    /// Whether the last batch was new to the cache.
    private(set) var filledCache = false

    init(
        source: any PictureSource, order: [Int], position: Int = 0, batchSize: Int, imageSize: Int, model: ResNet18,
        makeLoader: @escaping (_ order: [Int]) -> PictureLoader
    ) {
        self.source = source
        self.order = order
        self.position = position
        self.batchSize = batchSize
        self.imageSize = imageSize
        self.model = model
        self.makeLoader = makeLoader
    }

    deinit { loader?.cancel() }

    /// Calls `body` with the next batch and its features `[count, height, width, channels]` at `cut`; nil at the end.
    func next<Result>(
        cut: Int, cache: FeatureCache?, _ body: (FeatureBatch, UnsafePointer<Float>) throws -> Result
    ) rethrows -> Result? {
        guard position < order.count else { return nil }
        let wanted = order[position..<min(position + batchSize, order.count)]
        if let cache, cache.holds(wanted) {
            // A loader that was running ahead is at another place now.
            loader?.cancel()
            loader = nil
            filledCache = false
            position = wanted.endIndex
            let buffer = room(for: wanted.count * cache.floatsPerImage)
            cache.gather(wanted, into: buffer)
            return try body(FeatureBatch(indices: Array(wanted), labels: wanted.map(source.label)), buffer)
        }
        let loader = self.loader ?? startLoader()
        guard let batch = loader.next() else {
            collectFailures(loader)
            position = order.count
            return nil
        }
        collectFailures(loader)
        if let last = batch.indices.last, let at = order[position...].firstIndex(of: last) { position = at + 1 }
        return try batch.pixels.withUnsafeBufferPointer { pixels -> Result? in
            guard let images = pixels.baseAddress else { return nil }
            let info = FeatureBatch(indices: batch.indices, labels: batch.labels)
            if cut == 0 { return try body(info, images) }
            let shape = model.featureShape(cut: cut, imageSize: imageSize)
            let buffer = room(for: batch.count * shape.height * shape.width * shape.channels)
            model.prefix(cut: cut, images: images, count: batch.count, imageSize: imageSize, into: buffer)
            cache?.store(batch.indices, buffer)
            filledCache = cache != nil
            return try body(info, buffer)
        }
    }

    private func startLoader() -> PictureLoader {
        let loader = makeLoader(Array(order[position...]))
        self.loader = loader
        failuresSeen = 0
        return loader
    }

    private func collectFailures(_ loader: PictureLoader) {
        let all = loader.failures
        failures += all[min(failuresSeen, all.count)...]
        failuresSeen = all.count
    }

    private func room(for count: Int) -> UnsafeMutablePointer<Float> {
        if let features, features.count >= count { return features.pointer }
        let buffer = FloatBuffer(count: count)
        features = buffer
        return buffer.pointer
    }
}
