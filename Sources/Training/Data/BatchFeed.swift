import Kernels
import Model
import Images

/// One batch, ready for the layers above the frost line.
package struct FeatureBatch {
    package let indices: [Int]
    package let labels: [Int]
    /// Labels of the whole batch, where the pictures above are one rank's.
    package let wholeLabels: [Int]
}

/// Brings the batches of one pass over the pictures to the cut. Each picture takes the shortest way there: out of the
/// cache of the cut, else out of a cache of a lower cut and through the layers between, else from its file through the
/// whole prefix. A batch's pictures, and their bits, are the same whichever ways they take; the cut and the caches may
/// change between two batches, when a mask does.
package final class BatchFeed {
    private let source: any ImageSource
    private let order: [Int]
    private let batchSize: Int
    private let variant: (_ index: Int) -> Int
    private let makeLoader: (_ order: [Int]) -> ImageLoader
    private let own: ((_ batch: ArraySlice<Int>) -> [Int])?
    private let model: ResNet18
    private let imageSize: Int
    /// How much of `order` was handed out or left out.
    package private(set) var position: Int
    /// Pictures that could not be read in this pass.
    package private(set) var failures: [(index: Int, message: String)] = []
    /// Whether something of the last batch was new to the cache.
    package private(set) var filledCache = false

    private var loader: ImageLoader?
    /// The caches whose pictures the loader leaves out.
    private var loaderCaches: [ObjectIdentifier] = []
    /// What the loader gave before its turn, since pictures before it could not be read.
    private var early: (index: Int, bytes: [UInt8])?
    private var failuresSeen = 0

    private var rows: [Row] = []
    private var images = GrowableBuffer()
    private var features = GrowableBuffer()
    private var gathered = GrowableBuffer()
    private var computed = GrowableBuffer()

    /// - Parameters:
    ///   - variant: which variant of an image this pass shows, 1 where it is mirrored.
    ///   - own: where ranks share a batch, the pictures of this one among those of a batch. A batch then has its place in
    ///     the order whatever can be read: one that cannot makes it smaller.
    ///   - makeLoader: a loader of the pictures of `order` alone, in that order.
    package init(
        source: any ImageSource, order: [Int], position: Int = 0, batchSize: Int, imageSize: Int, model: ResNet18,
        variant: @escaping (_ index: Int) -> Int = { _ in 0 }, own: ((_ batch: ArraySlice<Int>) -> [Int])? = nil,
        makeLoader: @escaping (_ order: [Int]) -> ImageLoader
    ) {
        self.source = source
        self.order = order
        self.position = position
        self.batchSize = batchSize
        self.imageSize = imageSize
        self.model = model
        self.variant = variant
        self.own = own
        self.makeLoader = makeLoader
    }

    deinit { loader?.cancel() }

    /// Calls `body` with the next batch and its features `[count, height, width, channels]` at `cut`; nil at the end.
    ///
    /// `caches`: those that may be read, highest cut first and none above `cut`; one of `cut` itself takes in what is new.
    package func next<Result>(
        cut: Int, caches: [FeatureCache], _ body: (FeatureBatch, UnsafePointer<Float>) throws -> Result
    ) rethrows -> Result? {
        let whole = chooseRows(caches)
        guard !whole.isEmpty else { return nil }
        let labels = rows.map { source.label($0.index) }
        let batch = FeatureBatch(
            indices: rows.map(\.index), labels: labels,
            wholeLabels: own == nil ? labels : whole.map { source.label($0) })
        return try body(batch, bringToCut(cut, caches))
    }

    /// Takes in what all ranks together could not read of this pass, this one included.
    package func foundUnreadable(_ all: [(index: Int, message: String)]) {
        let known = Set(failures.map(\.index))
        failures += all.filter { !known.contains($0.index) }
    }

    // MARK: Which pictures, and from where

    private struct Row {
        let index: Int
        let variant: Int
        /// Nil where it came from its file: then it is the next of `images`.
        let cache: FeatureCache?
    }

    /// Returns the batch's pictures on all ranks; none at the end of the order.
    private func chooseRows(_ caches: [FeatureCache]) -> [Int] {
        rows.removeAll(keepingCapacity: true)
        var loaded = 0
        var whole: [Int] = []
        if let own {
            let batch = order[min(position, order.count)..<min(position + batchSize, order.count)]
            for index in own(batch) { choose(index, caches, &loaded) }
            position += batch.count
            whole = Array(batch)
        } else {
            while rows.count < batchSize, position < order.count {
                choose(order[position], caches, &loaded)
                position += 1
            }
            whole = rows.map(\.index)
        }
        takeFailures()
        return whole
    }

    /// Makes a picture a row of the batch, unless it cannot be read. `loaded`: how many of the rows came from their files.
    private func choose(_ index: Int, _ caches: [FeatureCache], _ loaded: inout Int) {
        let imageFloats = imageSize * imageSize * 3
        let variant = variant(index)
        if let cache = caches.first(where: { $0.holds(index, variant: variant) }) {
            rows.append(Row(index: index, variant: variant, cache: cache))
            return
        }
        let loader = loader(leavingOut: caches)
        // Where nothing comes, what is left in its order could not be read.
        guard let next = early ?? loader.take() else { return }
        early = next
        guard next.index == index else { return }
        let place = images.floats(batchSize * imageFloats) + loaded * imageFloats
        next.bytes.withUnsafeBufferPointer { Preprocessing.normalise($0, into: place) }
        rows.append(Row(index: index, variant: variant, cache: nil))
        loaded += 1
        early = nil
    }

    private func takeFailures() {
        if let all = loader?.failures {
            failures += all[min(failuresSeen, all.count)...]
            failuresSeen = all.count
        }
    }

    /// The loader of what is left and in none of the caches; a new one where the caches are no longer those that the
    /// present one was made for.
    private func loader(leavingOut caches: [FeatureCache]) -> ImageLoader {
        let identities = caches.map(ObjectIdentifier.init)
        if let loader, identities == loaderCaches { return loader }
        loader?.cancel()
        early = nil
        failuresSeen = 0
        loaderCaches = identities
        let rest = ownRest()
        let made = makeLoader(
            caches.isEmpty
                ? rest
                : rest.filter { index in
                    let variant = variant(index)
                    return !caches.contains { $0.holds(index, variant: variant) }
                })
        loader = made
        return made
    }

    /// What is left of the order for this rank.
    private func ownRest() -> [Int] {
        guard let own else { return Array(order[position...]) }
        return stride(from: position, to: order.count, by: batchSize).flatMap { start in
            own(order[start..<min(start + batchSize, order.count)])
        }
    }

    // MARK: To the cut

    private func bringToCut(_ cut: Int, _ caches: [FeatureCache]) -> UnsafePointer<Float> {
        filledCache = false
        let loaded = rows.count(where: { $0.cache == nil })
        let floats = floatCount(cut)
        if cut == 0 { return UnsafePointer(images.floats(batchSize * floats)) }
        let target = features.floats(batchSize * floats)
        for (place, row) in rows.enumerated() where row.cache?.cut == cut {
            row.cache?.load(row.index, variant: row.variant, into: target + place * floats)
        }
        let own = caches.first { $0.cut == cut }
        let began = ContinuousClock.now
        defer { if filledCache { own?.seconds += began.duration(to: .now) / .seconds(1) } }
        if loaded > 0 {
            // Where all come this way they are computed where they belong.
            let output = loaded == rows.count ? target : computed.floats(batchSize * floats)
            model.prefix(
                cut: cut, images: images.floats(loaded * floatCount(0)), count: loaded, imageSize: imageSize,
                into: output)
            scatter(output, of: nil, to: target, floats: floats, own: own)
        }
        for cache in caches where cache.cut < cut {
            let taken = rows.filter { $0.cache === cache }
            guard !taken.isEmpty else { continue }
            let input = gathered.floats(batchSize * cache.floatsPerImage)
            for (place, row) in taken.enumerated() {
                cache.load(row.index, variant: row.variant, into: input + place * cache.floatsPerImage)
            }
            let output = taken.count == rows.count ? target : computed.floats(batchSize * floats)
            model.advance(
                from: cache.cut, to: cut, features: input, count: taken.count, imageSize: imageSize, into: output)
            scatter(output, of: cache, to: target, floats: floats, own: own)
        }
        return UnsafePointer(target)
    }

    /// Copies the computed features of the rows that came from `cache` to their places in the batch and to the cut's cache.
    private func scatter(
        _ computed: UnsafeMutablePointer<Float>, of cache: FeatureCache?, to target: UnsafeMutablePointer<Float>,
        floats: Int, own: FeatureCache?
    ) {
        var next = computed
        for (place, row) in rows.enumerated() where row.cache === cache {
            if computed != target { (target + place * floats).update(from: next, count: floats) }
            if let own {
                own.store(row.index, variant: row.variant, next)
                filledCache = true
            }
            next += floats
        }
    }

    private func floatCount(_ cut: Int) -> Int { model.featureShape(cut: cut, imageSize: imageSize).count }
}

/// Floats that grow to the largest size asked for, and stay.
private struct GrowableBuffer {
    private var buffer: FloatBuffer?

    /// At least `count` floats, with what was written before where they were large enough.
    mutating func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        if let buffer, buffer.count >= count { return buffer.pointer }
        let buffer = FloatBuffer(count: count)
        self.buffer = buffer
        return buffer.pointer
    }
}
