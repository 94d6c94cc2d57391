/// The caches of a run: the one in use, and those of other cuts that may be of use again.
///
/// A cache of a lower cut is where features of a higher one are computed from, and what a mask that is toggled back
/// finds; it stays while there is room. A cache of a higher cut stays until the first step changes the weights below it.
package final class FeatureCacheSet {
    private let trainingCount: Int
    private let validationCount: Int
    private let memoryBudget: Int
    private let folder: String?
    private let diskLimit: Int?
    private let shared: SharedFeatureCache?
    /// By cut, highest first; the one in use is among them.
    private var pairs: [FeaturePair] = []
    private var inUse: FeatureKey?

    /// - Parameters:
    ///   - folder: where features go that memory has no room for; nil keeps them in memory or not at all.
    ///   - diskLimit: the most bytes of a file there; nil is what the disk has.
    ///   - shared: where features of other runs may be found, and this one's go.
    package init(
        trainingCount: Int, validationCount: Int, memoryBudget: Int, folder: String?, diskLimit: Int? = nil,
        shared: SharedFeatureCache? = nil
    ) {
        self.trainingCount = trainingCount
        self.validationCount = validationCount
        self.memoryBudget = memoryBudget
        self.folder = folder
        self.diskLimit = diskLimit
        self.shared = shared
        if let folder { FeatureFile.sweep(folder) }
    }

    // MARK: What a feed reads

    /// The cache in use, and after it those that its features can be computed from, the nearest first. Empty where
    /// nothing is in use.
    package var training: [FeatureCache] { usable.map(\.training) }
    package var validation: [FeatureCache] { usable.map(\.validation) }

    private var usable: [FeaturePair] {
        guard let inUse else { return [] }
        return pairs.filter { $0.key == inUse || $0.key.cut < inUse.cut }
    }

    /// The cuts of all caches that are kept, highest first.
    package var cuts: [Int] { pairs.map(\.key.cut) }

    /// Why the cache in use has stopped taking in features.
    package var failure: FeatureStorageError? { pairs.first { $0.key == inUse }?.failure }

    // MARK: What a mask changes

    /// Puts the cache of `key` in use, the one that is there or a new one.
    ///
    /// `weights` gives the hash of what is below a lower cut now: caches of other bits are dropped.
    package func use(_ key: FeatureKey, floatsPerImage: Int, weights: (_ cut: Int) -> UInt64)
        throws(FeatureStorageError)
    {
        inUse = nil
        pairs.removeAll { pair in
            if pair.failure != nil { return true }
            guard pair.key.cut <= key.cut else { return false }
            var current = key
            current.cut = pair.key.cut
            if current.cut < key.cut { current.weights = weights(current.cut) }
            return pair.key != current
        }
        if !pairs.contains(where: { $0.key == key }), let found = shared?.find(key) { put(found) }
        if !pairs.contains(where: { $0.key == key }) {
            let slots = trainingCount * key.variants + validationCount
            let (floats, tooMany) = slots.multipliedReportingOverflow(by: floatsPerImage)
            guard !tooMany, floats <= Int.max / 8 else { throw FeatureStorageError("there are too many pictures") }
            let storage = try storage(floats: floats, cut: key.cut)
            let training = FeatureCache(
                cut: key.cut, floatsPerImage: floatsPerImage, pictures: trainingCount, variants: key.variants,
                storage: storage, start: 0)
            let validation = FeatureCache(
                cut: key.cut, floatsPerImage: floatsPerImage, pictures: validationCount, variants: 1,
                storage: storage, start: training.count * floatsPerImage)
            let bytes = storage is FeatureMemory ? floats * MemoryLayout<Float>.stride : 0
            let pair = FeaturePair(key: key, training: training, validation: validation, memoryBytes: bytes)
            put(pair)
            shared?.keep(pair)
        }
        inUse = key
    }

    private func put(_ pair: FeaturePair) {
        pairs.append(pair)
        pairs.sort { $0.key.cut > $1.key.cut }
    }

    /// Puts nothing in use; what is kept may be found again before the next step.
    package func deactivate() { inUse = nil }

    /// Drops everything: nothing more can be kept.
    package func clear() {
        inUse = nil
        pairs = []
    }

    /// Weights of `unit` and above have changed: what was computed through them is gone for good.
    package func weightsChanged(from unit: Int) {
        if pairs.first.map({ $0.key.cut > unit }) == true { pairs.removeAll { $0.key.cut > unit } }
    }

    // MARK: Memory and files

    /// The most bytes that one cut's features may have, with nothing kept beside them.
    var room: Int { max(memoryBudget, folder.flatMap { diskLimit ?? FeatureFile.free(in: $0) } ?? 0) }

    /// Memory beside all that is kept, else beside the nearest lower cut alone, from which the new features can be
    /// computed; else a file; else memory or a file with nothing beside it.
    private func storage(floats: Int, cut: Int) throws(FeatureStorageError) -> any FeatureStorage {
        let bytes = floats * MemoryLayout<Float>.stride
        let kept = pairs.reduce(0) { $0 + $1.memoryBytes }
        func memory(beside used: Int) -> (any FeatureStorage)? {
            bytes <= memoryBudget - used ? FeatureMemory(floats: floats) : nil
        }
        if let memory = memory(beside: kept + (shared?.bytes(besides: pairs) ?? 0)) { return memory }
        // What only other runs may want goes first.
        shared?.forget(besides: pairs)
        if let memory = memory(beside: kept) { return memory }
        let base = pairs.firstIndex { $0.key.cut < cut && $0.training.filledCount > 0 }
        pairs = base.map { [pairs[$0]] } ?? []
        if let memory = memory(beside: pairs.first?.memoryBytes ?? 0) { return memory }
        var refusal = "there is no run folder for more"
        if let folder {
            do throws(FeatureStorageError) {
                return try FeatureFile(floats: floats, in: folder, limit: diskLimit)
            } catch { refusal = error.description }
        }
        pairs = []
        if let memory = memory(beside: 0) { return memory }
        if base != nil, let folder {
            do throws(FeatureStorageError) {
                return try FeatureFile(floats: floats, in: folder, limit: diskLimit)
            } catch { refusal = error.description }
        }
        throw FeatureStorageError(
            "features need \(bytes >> 20) MiB, the budget is \(memoryBudget >> 20) MiB, \(refusal)")
    }
}

/// Training and validation features of one key, in one storage.
private struct FeaturePair {
    let key: FeatureKey
    let training: FeatureCache
    let validation: FeatureCache
    /// 0 in a file.
    let memoryBytes: Int

    var failure: FeatureStorageError? { training.failure ?? validation.failure }
    var seconds: Double { training.seconds + validation.seconds }
}

/// Features that runs on the same pictures share, one run after the other: what one has computed, the next finds by its
/// key. The time that saves a run is counted, so that runs can be compared as if each were alone.
///
/// Unchecked, because one run is over before the next begins: never are two threads here.
package final class SharedFeatureCache: @unchecked Sendable {
    private var pairs: [FeatureKey: FeaturePair] = [:]
    /// Of the present run.
    private var used: Set<FeatureKey> = []
    /// What computing the features would have taken that the present run has found.
    package private(set) var savedSeconds = 0.0

    package init() {}

    package func beginRun() {
        used = []
        savedSeconds = 0
    }

    /// Memory that the present run has no part in.
    package var idleBytes: Int { pairs.values.reduce(0) { $0 + (used.contains($1.key) ? 0 : $1.memoryBytes) } }

    fileprivate func find(_ key: FeatureKey) -> FeaturePair? {
        guard let pair = pairs[key] else { return nil }
        // What this run has computed itself saves it nothing.
        if used.insert(key).inserted { savedSeconds += pair.seconds }
        return pair
    }

    /// What lies in a file goes with its run.
    fileprivate func keep(_ pair: FeaturePair) {
        guard pair.memoryBytes > 0 else { return }
        pairs[pair.key] = pair
        used.insert(pair.key)
    }

    fileprivate func bytes(besides held: [FeaturePair]) -> Int {
        pairs.values.reduce(0) { sum, pair in sum + (held.contains { $0.key == pair.key } ? 0 : pair.memoryBytes) }
    }

    fileprivate func forget(besides held: [FeaturePair]) {
        pairs = pairs.filter { key, _ in held.contains { $0.key == key } }
    }
}
