import Foundation
import Synchronization
import Testing

import Images

/// Images of one colour each; the colour is the index. Some cannot be read.
private struct PlainImages: ImageSource {
    let count: Int
    var broken: Set<Int> = []
    let classes = ["even", "odd"]
    let decoded = Counter()

    func label(_ index: Int) -> Int { index % 2 }
    func name(_ index: Int) -> String { "plain \(index)" }
    func image(_ index: Int) throws -> Image {
        decoded.value.withLock { $0 += 1 }
        // Later ones are often ready before earlier ones.
        usleep(UInt32(index * 7919 % 5) * 200)
        if broken.contains(index) { throw ImageError.empty(file: name(index)) }
        var picture = Fixture.pattern(20, 14)
        picture.pixels[0] = UInt8(truncatingIfNeeded: index)
        return picture
    }
}

private final class Counter: Sendable {
    let value = Mutex(0)
    var current: Int { value.withLock { $0 } }
}

@Suite struct ImageLoaderTests {
    private func loader(
        _ source: PlainImages, augmentation: Augmentation = .none, threads: Int = 3, batchSize: Int = 4,
        store: ResizedStore? = nil, order: [Int]? = nil, epoch: Int = 0
    ) -> ImageLoader {
        ImageLoader(
            source: source, order: order ?? Array(0..<source.count), batchSize: batchSize,
            preprocessing: Preprocessing(imageSize: 8, augmentation: augmentation), training: true, seed: 4,
            epoch: epoch,
            threads: threads, store: store)
    }

    private func batches(_ loader: ImageLoader) -> [ImageBatch] {
        var batches: [ImageBatch] = []
        while let batch = loader.next() { batches.append(batch) }
        return batches
    }

    @Test(arguments: Augmentation.allCases)
    func batchesAreTheSameWhateverTheNumberOfThreads(augmentation: Augmentation) {
        let source = PlainImages(count: 26, broken: [0, 5, 6, 25])
        let order = Array((0..<26).reversed())
        let reference = batches(loader(source, augmentation: augmentation, threads: 1, order: order))
        #expect(reference.map(\.count) == [4, 4, 4, 4, 4, 2])
        #expect(reference.flatMap(\.indices) == order.filter { !source.broken.contains($0) })
        #expect(reference.flatMap(\.labels) == reference.flatMap(\.indices).map { $0 % 2 })
        for threads in 2...4 {
            let other = batches(loader(source, augmentation: augmentation, threads: threads, order: order))
            #expect(other.map(\.indices) == reference.map(\.indices))
            #expect(other.map(\.pixels) == reference.map(\.pixels))
        }
    }

    @Test func pixelsAreTheNormalisedPictures() throws {
        let source = PlainImages(count: 3)
        let batch = try #require(loader(source).next())
        let bytes = try (0..<3).flatMap { Preprocessing(imageSize: 8).evaluated(try source.image($0)) }
        #expect(batch.pixels.count == 3 * 8 * 8 * 3)
        #expect(abs(batch.pixels[0] - (Float(bytes[0]) / 255 - 0.485) / 0.229) < 1e-6)
        #expect(abs((batch.pixels.last ?? 0) - (Float(bytes.last ?? 0) / 255 - 0.406) / 0.225) < 1e-6)
    }

    @Test func unreadablePicturesAreLeftOutAndSaidInOrder() {
        let loader = loader(PlainImages(count: 12, broken: [9, 2, 4]))
        #expect(batches(loader).map(\.count) == [4, 4, 1])
        #expect(loader.failures.map(\.index) == [2, 4, 9])
        #expect(loader.failures.allSatisfy { $0.message.contains("is empty") })
        #expect(batches(self.loader(PlainImages(count: 3, broken: [0, 1, 2]))).isEmpty)
        #expect(batches(self.loader(PlainImages(count: 0))).isEmpty)
    }

    @Test func decodingStaysThreeBatchesAhead() throws {
        let source = PlainImages(count: 100)
        let loader = loader(source, threads: 4)
        usleep(150_000)
        #expect(source.decoded.current <= 12)
        _ = loader.next()
        usleep(100_000)
        #expect(source.decoded.current <= 16)
    }

    @Test func cancellingStopsTheThreads() {
        let loader = loader(PlainImages(count: 1000), threads: 4)
        _ = loader.next()
        loader.cancel()
        #expect(loader.next() == nil)
        for _ in 0..<100 where loader.liveThreads > 0 { usleep(50_000) }
        #expect(loader.liveThreads == 0)
    }

    @Test func lettingGoOfALoaderStopsItsThreads() {
        func threads() -> Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task"))?.count ?? 0 }
        let source = PlainImages(count: 100_000)
        for _ in 0..<50 { _ = loader(source, threads: 4).next() }
        let before = source.decoded.current
        usleep(300_000)
        #expect(source.decoded.current <= before + 4 * 50)
        for _ in 0..<100 where threads() >= 100 { usleep(50_000) }
        #expect(threads() < 100)
    }

    @Test func theStoreSavesDecodingAndChangesNothing() {
        for augmentation in [Augmentation.none, .flip] {
            let source = PlainImages(count: 10)
            let store = ResizedStore(budget: 1 << 20)
            _ = batches(loader(source, augmentation: augmentation, store: store))
            #expect(store.count == 10 && store.usedBytes == 10 * 8 * 8 * 3)
            let decoded = source.decoded.current
            let kept = batches(loader(source, augmentation: augmentation, store: store, epoch: 1))
            #expect(source.decoded.current == decoded)
            let fresh = batches(loader(source, augmentation: augmentation, epoch: 1))
            #expect(kept.map(\.pixels) == fresh.map(\.pixels))
        }
        let store = ResizedStore(budget: 1 << 20)
        _ = batches(loader(PlainImages(count: 10), augmentation: .standard, store: store))
        #expect(store.count == 0)
    }

    @Test func theStoreKeepsToItsBudget() {
        let store = ResizedStore(budget: 500)
        _ = batches(loader(PlainImages(count: 10), store: store))
        #expect(store.count == 2 && store.usedBytes == 384)
        #expect(store.bytes(0, imageSize: 9) == nil)
    }

    @Test func checkingFillsTheStoreAndNamesWhatCannotBeRead() {
        let source = PlainImages(count: 20, broken: [3, 17])
        let store = ResizedStore(budget: 1 << 20)
        var seen: [Int] = []
        let failures = ImageLoader.check(
            source: source, preprocessing: Preprocessing(imageSize: 8, augmentation: .flip), threads: 4, store: store,
            progress: { seen.append($0) })
        #expect(failures.map(\.index) == [3, 17])
        #expect(store.count == 18)
        #expect(seen.last == 20 && seen == seen.sorted())
        let stopped = ImageLoader.check(
            source: source, preprocessing: Preprocessing(imageSize: 8), threads: 1, store: nil, progress: { _ in },
            isCancelled: { true })
        #expect(stopped.count <= 2)
    }
}
