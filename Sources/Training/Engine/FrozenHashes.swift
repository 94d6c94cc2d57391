import Model
import Support

/// A hash of every frozen tensor, taken when it froze, to be compared at each epoch and save (docs/freezing.md, rule 7).
struct FrozenHashes {
    private var hashes: [String: UInt64] = [:]
    private var froze: [String: Int] = [:]

    var count: Int { hashes.count }

    /// Takes the hash of each name that is newly frozen and forgets those that thawed.
    /// `step` is the first that runs with them frozen.
    mutating func follow(frozen: [String], model: ResNet18, step: Int) {
        let names = Set(frozen)
        hashes = hashes.filter { names.contains($0.key) }
        froze = froze.filter { names.contains($0.key) }
        for name in frozen where hashes[name] == nil {
            hashes[name] = model.contentHash(name)
            froze[name] = step
        }
    }

    /// The hash that was taken when the tensor froze, and the first step with it frozen; nil where it trains.
    func record(of name: String) -> (hash: UInt64, since: Int)? {
        guard let hash = hashes[name] else { return nil }
        return (hash, froze[name] ?? 0)
    }

    /// One hash over the frozen tensors of these names, as they were when they froze; those not frozen count as nothing.
    func digest(of names: [String]) -> UInt64 {
        names.map { hashes[$0] ?? 0 }.withUnsafeBytes { ContentHash.of($0) }
    }

    /// The frozen tensors whose bits are no longer those that froze.
    func broken(model: ResNet18) -> [String] {
        hashes.filter { model.contentHash($0.key) != $0.value }.map(\.key).sorted()
    }
}
