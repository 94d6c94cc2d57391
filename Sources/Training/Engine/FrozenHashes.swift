import Model
import Support

/// A hash of every frozen tensor, taken when it froze, to be compared later on (docs/freezing.md, rule 7).
struct FrozenHashes {
    /// By name: the hash that was taken when the tensor froze, and the first step with it frozen.
    private var records: [String: (hash: UInt64, since: Int)] = [:]
    /// Those that had changed when they thawed.
    private var brokenAtThaw: Set<String> = []

    var count: Int { records.count }

    /// Takes the hash of each name that is newly frozen, compares those that thaw a last time, and forgets them.
    /// `step` is the first that runs with them frozen.
    mutating func follow(frozen: [String], model: ResNet18, step: Int) {
        let names = Set(frozen)
        for (name, record) in records where !names.contains(name) {
            if model.contentHash(name) != record.hash { brokenAtThaw.insert(name) }
            records[name] = nil
        }
        for name in frozen where records[name] == nil { records[name] = (model.contentHash(name), step) }
    }

    /// The hash that was taken when the tensor froze, and the first step with it frozen; nil where it trains.
    func record(of name: String) -> (hash: UInt64, since: Int)? { records[name] }

    /// One hash over the frozen tensors of these names, as they were when they froze; those not frozen count as nothing.
    func digest(of names: [String]) -> UInt64 {
        names.map { records[$0]?.hash ?? 0 }.withUnsafeBytes { ContentHash.of($0) }
    }

    /// The frozen tensors whose bits are no longer those that froze, and those that thawed with other bits.
    func broken(model: ResNet18) -> [String] {
        brokenAtThaw.union(records.filter { model.contentHash($0.key) != $0.value.hash }.map(\.key)).sorted()
    }
}
