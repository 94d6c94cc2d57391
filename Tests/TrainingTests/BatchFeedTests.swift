import Kernels
import Model
import Images
import Synchronization
import Testing
import Training

/// Counts what is decoded, and cannot read some.
private final class CountingSource: ImageSource {
    let drawn = DrawnImages(task: .animals, count: 20, size: 36, seed: 3)
    let broken: Set<Int>
    private let decoded = Mutex<[Int]>([])

    init(broken: Set<Int> = []) { self.broken = broken }

    var count: Int { drawn.count }
    var classes: [String] { drawn.classes }
    func label(_ index: Int) -> Int { drawn.label(index) }
    func name(_ index: Int) -> String { drawn.name(index) }
    func image(_ index: Int) throws -> Image {
        decoded.withLock { $0.append(index) }
        if broken.contains(index) { throw ImageError.empty(file: name(index)) }
        return drawn.image(index)
    }

    /// What was decoded since the last call.
    func take() -> [Int] {
        decoded.withLock { all in
            defer { all = [] }
            return all.sorted()
        }
    }
}

@Suite struct BatchFeedTests {
    private let model: ResNet18
    private let size = 32

    init() {
        model = ResNet18(classes: 2, pool: WorkerPool(threads: 2))
        model.initialise(seed: 4)
    }

    private func cache(_ cut: Int, variants: Int = 1, pictures: Int = 20) throws -> FeatureCache {
        let shape = model.featureShape(cut: cut, imageSize: size)
        let floats = shape.count
        let memory = try #require(FeatureMemory(floats: floats * pictures * variants))
        return FeatureCache(
            cut: cut, floatsPerImage: floats, pictures: pictures, variants: variants, storage: memory, start: 0)
    }

    private func feed(_ source: CountingSource, epoch: Int = 1, flips: Bool = false, order: [Int]? = nil) -> BatchFeed {
        let preprocessing = Preprocessing(imageSize: size, augmentation: flips ? .flip : .none)
        return BatchFeed(
            source: source, order: order ?? Array(0..<20).reversed(), batchSize: 6, imageSize: size, model: model,
            variant: { flips && Preprocessing.flips(seed: 7, epoch: epoch, index: $0) ? 1 : 0 }
        ) { order in
            ImageLoader(
                source: source, order: order, batchSize: 6, preprocessing: preprocessing, training: true, seed: 7,
                epoch: epoch, threads: 2, store: nil)
        }
    }

    private struct Pass: Equatable {
        var indices: [[Int]] = []
        var bits: [[UInt32]] = []
    }

    private func run(_ feed: BatchFeed, cut: Int, caches: (_ batch: Int) -> [FeatureCache]) -> Pass {
        let shape = model.featureShape(cut: cut, imageSize: size)
        let floats = shape.count
        var pass = Pass()
        while true {
            let batch = feed.next(cut: cut, caches: caches(pass.indices.count)) { batch, features in
                (
                    batch.indices,
                    UnsafeBufferPointer(start: features, count: floats * batch.indices.count).map(\.bitPattern)
                )
            }
            guard let batch else { return pass }
            pass.indices.append(batch.0)
            pass.bits.append(batch.1)
        }
    }

    @Test func `what is cached at a lower cut is carried on from there, without a look at the pictures`() throws {
        let source = CountingSource()
        let lower = try cache(3)
        _ = run(feed(source), cut: 3) { _ in [lower] }
        #expect(source.take() == Array(0..<20))
        for cut in [4, 7, 9, 10] {
            let plain = run(feed(source), cut: cut) { _ in [] }
            _ = source.take()
            let higher = try cache(cut)
            #expect(run(feed(source), cut: cut) { _ in [higher, lower] } == plain)
            #expect(higher.filledCount == 20)
            #expect(run(feed(source), cut: cut) { _ in [higher] } == plain)
            #expect(source.take().isEmpty)
        }
    }

    @Test func `a batch of which parts are cached at several cuts is the batch without any cache`() throws {
        let source = CountingSource()
        let plain = run(feed(source), cut: 7) { _ in [] }
        let (own, middle, lower) = (try cache(7), try cache(5), try cache(2))
        _ = run(feed(source, order: [1, 4, 7, 19]), cut: 7) { _ in [own] }
        _ = run(feed(source, order: [2, 4, 8, 18]), cut: 5) { _ in [middle] }
        _ = run(feed(source, order: [0, 8, 9, 10, 11, 12, 13, 17]), cut: 2) { _ in [lower] }
        _ = source.take()
        #expect(run(feed(source), cut: 7) { _ in [own, middle, lower] } == plain)
        #expect(source.take() == [3, 5, 6, 14, 15, 16])
        #expect(own.filledCount == 20)
    }

    @Test func `with flip both faces are kept, each is computed once, and every epoch sees its own`() throws {
        let source = CountingSource()
        let cache = try cache(9, variants: 2)
        var seen: Set<[Int]> = []
        for epoch in 1...6 {
            let plain = run(feed(source, epoch: epoch, flips: true), cut: 9) { _ in [] }
            _ = source.take()
            #expect(run(feed(source, epoch: epoch, flips: true), cut: 9) { _ in [cache] } == plain)
            let faces = (0..<20).map { [$0, Preprocessing.flips(seed: 7, epoch: epoch, index: $0) ? 1 : 0] }
            #expect(source.take() == faces.filter { !seen.contains($0) }.map { $0[0] })
            seen.formUnion(faces)
            #expect(cache.filledCount == seen.count)
        }
        #expect(seen.count > 30)
    }

    @Test func `pictures that cannot be read leave the same batches, cached or not`() throws {
        let source = CountingSource(broken: [19, 12, 11, 5, 0])
        let plain = run(feed(source), cut: 9) { _ in [] }
        #expect(plain.indices == [[18, 17, 16, 15, 14, 13], [10, 9, 8, 7, 6, 4], [3, 2, 1]])
        let cache = try cache(9)
        _ = run(feed(source, order: [17, 13, 10, 4, 1]), cut: 9) { _ in [cache] }
        for _ in 0..<2 {
            let feed = feed(source)
            #expect(run(feed, cut: 9) { _ in [cache] } == plain)
            #expect(feed.failures.map(\.index) == [19, 12, 11, 5, 0])
            #expect(feed.position == 20)
        }
    }

    @Test func `caches that come and go within a pass change nothing`() throws {
        let source = CountingSource(broken: [9])
        let plain = run(feed(source), cut: 7) { _ in [] }
        let (own, lower) = (try cache(7), try cache(4))
        _ = run(feed(source, order: [18, 10, 8, 2]), cut: 4) { _ in [lower] }
        let choices: [[FeatureCache]] = [[own], [own, lower], [], [lower]]
        #expect(run(feed(source), cut: 7) { choices[$0 % 4] } == plain)
    }
}
