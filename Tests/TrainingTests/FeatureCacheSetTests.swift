import Testing
import Training

@Suite struct FeatureCacheSetTests {
    private func caches(megabytes: Int) -> FeatureCacheSet {
        FeatureCacheSet(trainingCount: 100, validationCount: 28, memoryBudget: megabytes << 20, folder: nil)
    }

    private func key(_ cut: Int, weights: UInt64 = 1, pictures: UInt64 = 1) -> FeatureKey {
        FeatureKey(cut: cut, weights: weights, pictures: pictures, imageSize: 32)
    }

    /// 128 pictures of 8192 floats are 4 MiB.
    private let floats = 8192

    private func fill(_ caches: FeatureCacheSet, value: Float) {
        let features = [Float](repeating: value, count: floats)
        caches.training.first?.store(3, variant: 0, features)
    }

    @Test func `a mask that is toggled back finds what it left`() throws {
        let caches = caches(megabytes: 8)
        try caches.use(key(3), floatsPerImage: floats) { _ in 1 }
        fill(caches, value: 5)
        try caches.use(key(7), floatsPerImage: floats) { _ in 1 }
        #expect(caches.training.map(\.cut) == [7, 3])
        #expect(caches.training.map { $0.holds(3, variant: 0) } == [false, true])
        try caches.use(key(3), floatsPerImage: floats) { _ in 1 }
        #expect(caches.training.map(\.cut) == [3])
        var read = [Float](repeating: 0, count: floats)
        caches.training.first?.load(3, variant: 0, into: &read)
        #expect(read.allSatisfy { $0 == 5 })
        #expect(caches.cuts == [7, 3])
    }

    @Test func `what one run has computed the next one finds, and is told the time that saves it`() throws {
        let shared = SharedFeatureCache()
        func caches(megabytes: Int) -> FeatureCacheSet {
            FeatureCacheSet(
                trainingCount: 100, validationCount: 28, memoryBudget: megabytes << 20, folder: nil, shared: shared)
        }
        shared.beginRun()
        let first = caches(megabytes: 12)
        try first.use(key(3), floatsPerImage: floats) { _ in 1 }
        fill(first, value: 5)
        first.training.first?.seconds = 2
        // It goes on to train what lies below, so the features are of no more use to itself.
        first.weightsChanged(from: 0)
        #expect(first.cuts.isEmpty && shared.savedSeconds == 0 && shared.idleBytes == 0)

        shared.beginRun()
        #expect(shared.idleBytes == 4 << 20)
        let second = caches(megabytes: 12)
        for _ in 0..<2 { try second.use(key(3), floatsPerImage: floats) { _ in 1 } }
        #expect(second.training.first?.holds(3, variant: 0) == true)
        #expect(shared.savedSeconds == 2 && shared.idleBytes == 0)
        // Other weights are other features.
        try second.use(key(3, weights: 2), floatsPerImage: floats) { _ in 2 }
        #expect(second.training.first?.holds(3, variant: 0) == false)

        // Where room is scarce, what a run needs itself comes first.
        shared.beginRun()
        let third = caches(megabytes: 4)
        try third.use(key(9), floatsPerImage: floats) { _ in 1 }
        #expect(third.cuts == [9] && shared.idleBytes == 0)
    }

    @Test func `a cache of other weights, pictures or variants is never found`() throws {
        let caches = caches(megabytes: 100)
        var mirrored = key(3, weights: 2, pictures: 2)
        mirrored.variants = 2
        for key in [key(3), key(3, weights: 2), key(3, weights: 2, pictures: 2), mirrored] {
            try caches.use(key, floatsPerImage: floats) { _ in key.weights }
            #expect(caches.cuts == [3])
            #expect(caches.training.first?.filledCount == 0)
            fill(caches, value: 5)
        }
        // Nor as something to compute from.
        try caches.use(key(7), floatsPerImage: floats) { _ in 3 }
        #expect(caches.cuts == [7])
    }

    @Test func `a step drops what was computed through the weights that it changed`() throws {
        let caches = caches(megabytes: 100)
        for cut in [2, 5, 8] { try caches.use(key(cut), floatsPerImage: floats) { _ in 1 } }
        caches.weightsChanged(from: 8)
        #expect(caches.cuts == [8, 5, 2])
        try caches.use(key(5), floatsPerImage: floats) { _ in 1 }
        #expect(caches.cuts == [8, 5, 2])
        caches.weightsChanged(from: 5)
        #expect(caches.cuts == [5, 2])
        caches.deactivate()
        #expect(caches.training.isEmpty)
        caches.weightsChanged(from: 0)
        #expect(caches.cuts.isEmpty)
    }

    @Test func `what memory has no room for pushes out what is needed least`() throws {
        let caches = caches(megabytes: 9)
        for cut in [2, 5] {
            try caches.use(key(cut), floatsPerImage: floats) { _ in 1 }
            fill(caches, value: 1)
        }
        try caches.use(key(8), floatsPerImage: floats) { _ in 1 }
        #expect(caches.cuts == [8, 5])
        let tight = self.caches(megabytes: 5)
        for cut in [2, 5] { try tight.use(key(cut), floatsPerImage: floats) { _ in 1 } }
        #expect(tight.cuts == [5])
        let none = self.caches(megabytes: 3)
        let error = #expect(throws: FeatureStorageError.self) {
            try none.use(key(2), floatsPerImage: floats) { _ in 1 }
        }
        #expect(error?.description.contains("features need 4 MiB, the budget is 3 MiB") == true)
        #expect(none.training.isEmpty && none.validation.isEmpty)
    }

    /// A disk that fills up in spite of the reservation.
    private final class FullDisk: FeatureStorage {
        private var room = 2
        private var values: [Int: [Float]] = [:]

        func write(_ new: UnsafePointer<Float>, count: Int, at offset: Int) throws(FeatureStorageError) {
            guard room > 0 else { throw FeatureStorageError("no space") }
            room -= 1
            values[offset] = Array(UnsafeBufferPointer(start: new, count: count))
        }

        func read(at offset: Int, count: Int, into target: UnsafeMutablePointer<Float>) {
            for (place, value) in (values[offset] ?? []).enumerated() { target[place] = value }
        }
    }

    @Test func `a write that fails is recorded once, and what was kept before stays good`() throws {
        let cache = FeatureCache(
            cut: 9, floatsPerImage: 2, pictures: 4, variants: 2, storage: FullDisk(), start: 6)
        for index in 0..<4 { cache.store(index, variant: 1, [Float(index), 9]) }
        #expect(cache.failure?.description == "no space")
        #expect(cache.filledCount == 2)
        #expect((0..<4).map { cache.holds($0, variant: 1) } == [true, true, false, false])
        #expect((0..<4).allSatisfy { !cache.holds($0, variant: 0) })
        var read: [Float] = [0, 0]
        cache.load(1, variant: 1, into: &read)
        #expect(read == [1, 9])
    }
}
