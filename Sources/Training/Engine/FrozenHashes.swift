import Model
import Support

/// A hash of every frozen tensor, taken when it froze, to be compared at each epoch and save (docs/freezing.md, rule 7).
struct FrozenHashes {
    /// By name: the hash that was taken when the tensor froze, and the first step with it frozen.
    private var records: [String: (hash: UInt64, since: Int)] = [:]

    var count: Int { records.count }

    /// Takes the hash of each name that is newly frozen and forgets those that thawed.
    /// `step` is the first that runs with them frozen.
    mutating func follow(frozen: [String], model: ResNet18, step: Int) {
        let names = Set(frozen)
        records = records.filter { names.contains($0.key) }
        for name in frozen where records[name] == nil { records[name] = (model.contentHash(name), step) }
    }

    /// The hash that was taken when the tensor froze, and the first step with it frozen; nil where it trains.
    func record(of name: String) -> (hash: UInt64, since: Int)? { records[name] }

    /// One hash over the frozen tensors of these names, as they were when they froze; those not frozen count as nothing.
    func digest(of names: [String]) -> UInt64 {
        names.map { records[$0]?.hash ?? 0 }.withUnsafeBytes { ContentHash.of($0) }
    }

    /// The frozen tensors whose bits are no longer those that froze.
    func broken(model: ResNet18) -> [String] {
        records.filter { model.contentHash($0.key) != $0.value.hash }.map(\.key).sorted()
    }
}
