import Testing
import Training

@Suite struct FeatureCacheSetTests {
    private func shelf(megabytes: Int) -> FeatureCacheSet {
        FeatureCacheSet(trainingCount: 100, validationCount: 28, memoryBudget: megabytes << 20, folder: nil)
    }

    private func key(_ cut: Int, weights: UInt64 = 1, pictures: UInt64 = 1) -> FeatureKey {
        FeatureKey(cut: cut, weights: weights, pictures: pictures, imageSize: 32)
    }

    /// 128 pictures of 8192 floats are 4 MiB.
    private let floats = 8192

    private func fill(_ shelf: FeatureCacheSet, value: Float) {
        let features = [Float](repeating: value, count: floats)
        shelf.training.first?.store(3, variant: 0, features)
    }

    @Test func `a mask that is toggled back finds what it left`() {
        let shelf = shelf(megabytes: 8)
        #expect(shelf.use(key(3), floatsPerImage: floats) { _ in 1 } == nil)
        fill(shelf, value: 5)
        #expect(shelf.use(key(7), floatsPerImage: floats) { _ in 1 } == nil)
        #expect(shelf.training.map(\.cut) == [7, 3])
        #expect(shelf.training.map { $0.holds(3, variant: 0) } == [false, true])
        #expect(shelf.use(key(3), floatsPerImage: floats) { _ in 1 } == nil)
        #expect(shelf.training.map(\.cut) == [3])
        var read = [Float](repeating: 0, count: floats)
        shelf.training.first?.load(3, variant: 0, into: &read)
        #expect(read.allSatisfy { $0 == 5 })
        #expect(shelf.cuts == [7, 3])
    }

    @Test func `what one run has computed the next one finds, and is told what that spared it`() {
        let library = SharedFeatureCache()
        func shelf(megabytes: Int) -> FeatureCacheSet {
            FeatureCacheSet(
                trainingCount: 100, validationCount: 28, memoryBudget: megabytes << 20, folder: nil, library: library)
        }
        library.beginRun()
        let first = shelf(megabytes: 12)
        #expect(first.use(key(3), floatsPerImage: floats) { _ in 1 } == nil)
        fill(first, value: 5)
        first.training.first?.seconds = 2
        // It goes on to train what lies below, so the features are of no more use to itself.
        first.weightsChanged(from: 0)
        #expect(first.cuts.isEmpty && library.savedSeconds == 0 && library.idleBytes == 0)

        library.beginRun()
        #expect(library.idleBytes == 4 << 20)
        let second = shelf(megabytes: 12)
        for _ in 0..<2 { #expect(second.use(key(3), floatsPerImage: floats) { _ in 1 } == nil) }
        #expect(second.training.first?.holds(3, variant: 0) == true)
        #expect(library.savedSeconds == 2 && library.idleBytes == 0)
        // Other weights are other features.
        #expect(second.use(key(3, weights: 2), floatsPerImage: floats) { _ in 2 } == nil)
        #expect(second.training.first?.holds(3, variant: 0) == false)

        // Where room is scarce, what a run needs itself comes first.
        library.beginRun()
        let third = shelf(megabytes: 4)
        #expect(third.use(key(9), floatsPerImage: floats) { _ in 1 } == nil)
        #expect(third.cuts == [9] && library.idleBytes == 0)
    }

    @Test func `a cache of other weights, pictures or variants is never found`() {
        let shelf = shelf(megabytes: 100)
        var mirrored = key(3, weights: 2, pictures: 2)
        mirrored.variants = 2
        for key in [key(3), key(3, weights: 2), key(3, weights: 2, pictures: 2), mirrored] {
            #expect(shelf.use(key, floatsPerImage: floats) { _ in key.weights } == nil)
            #expect(shelf.cuts == [3])
            #expect(shelf.training.first?.filledCount == 0)
            fill(shelf, value: 5)
        }
        // Nor as something to compute from.
        #expect(shelf.use(key(7), floatsPerImage: floats) { _ in 3 } == nil)
        #expect(shelf.cuts == [7])
    }

    @Test func `a step drops what was computed through the weights that it changed`() {
        let shelf = shelf(megabytes: 100)
        for cut in [2, 5, 8] { _ = shelf.use(key(cut), floatsPerImage: floats) { _ in 1 } }
        shelf.weightsChanged(from: 8)
        #expect(shelf.cuts == [8, 5, 2])
        #expect(shelf.use(key(5), floatsPerImage: floats) { _ in 1 } == nil)
        #expect(shelf.cuts == [8, 5, 2])
        shelf.weightsChanged(from: 5)
        #expect(shelf.cuts == [5, 2])
        shelf.deactivate()
        #expect(shelf.training.isEmpty)
        shelf.weightsChanged(from: 0)
        #expect(shelf.cuts.isEmpty)
    }

    @Test func `what memory has no room for pushes out what is needed least`() {
        let shelf = shelf(megabytes: 9)
        for cut in [2, 5] {
            _ = shelf.use(key(cut), floatsPerImage: floats) { _ in 1 }
            fill(shelf, value: 1)
        }
        #expect(shelf.use(key(8), floatsPerImage: floats) { _ in 1 } == nil)
        #expect(shelf.cuts == [8, 5])
        let tight = self.shelf(megabytes: 5)
        for cut in [2, 5] { #expect(tight.use(key(cut), floatsPerImage: floats) { _ in 1 } == nil) }
        #expect(tight.cuts == [5])
        let none = self.shelf(megabytes: 3)
        let reason = none.use(key(2), floatsPerImage: floats) { _ in 1 }
        #expect(reason?.contains("features need 4 MiB, the budget is 3 MiB") == true)
        #expect(none.training.isEmpty && none.validation.isEmpty)
    }

    /// A disk that fills up in spite of the reservation.
    private final class FullDisk: FeatureStorage {
        private var room = 2
        private var values: [Int: [Float]] = [:]

        func write(_ new: UnsafePointer<Float>, count: Int, at offset: Int) -> String? {
            guard room > 0 else { return "no space" }
            room -= 1
            values[offset] = Array(UnsafeBufferPointer(start: new, count: count))
            return nil
        }

        func read(at offset: Int, count: Int, into target: UnsafeMutablePointer<Float>) {
            for (place, value) in (values[offset] ?? []).enumerated() { target[place] = value }
        }
    }

    @Test func `a write that fails is said once, and what was kept before stays good`() {
        let cache = FeatureCache(
            cut: 9, floatsPerImage: 2, pictures: 4, variants: 2, storage: FullDisk(), start: 6)
        for index in 0..<4 { cache.store(index, variant: 1, [Float(index), 9]) }
        #expect(cache.failure == "no space")
        #expect(cache.filledCount == 2)
        #expect((0..<4).map { cache.holds($0, variant: 1) } == [true, true, false, false])
        #expect((0..<4).allSatisfy { !cache.holds($0, variant: 0) })
        var read: [Float] = [0, 0]
        cache.load(1, variant: 1, into: &read)
        #expect(read == [1, 9])
    }
}
