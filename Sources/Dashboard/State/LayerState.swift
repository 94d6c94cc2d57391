import Network
import TrainingEvents

/// The network's parameters: which are frozen, since when, and what the engine reported about it.
package struct LayerState: Sendable {
    var tree: LayerTree
    /// By parameter, in the tree's order.
    package internal(set) var frozen: [Bool]
    /// The step from which a parameter has been frozen.
    var frozenSince: [Int]
    /// Whether the engine has reported a mask.
    var hasMask = false
    var strategy: Strategy?
    var frostLine: String?
    var cache: CacheStatus?
    var proof: FreezeProof?
    package internal(set) var pending = PendingChanges()

    init(_ parameters: [ParameterDescription] = [], trainable: [String] = []) {
        tree = LayerTree(parameters)
        let trainable = Set(trainable)
        frozen = parameters.map { !trainable.contains($0.name) }
        frozenSince = [Int](repeating: 0, count: parameters.count)
        nameStrategy()
    }

    /// The mask as it will be when every command is answered.
    func willBeFrozen(_ parameter: Int) -> Bool { pending.wanted(parameter) ?? frozen[parameter] }
    var wantedMask: [Bool] { frozen.indices.map(willBeFrozen) }

    /// What a command makes of each parameter that it speaks of, and which of them it would change.
    func effect(of command: TrainingCommand) -> (frozen: [Int: Bool], changed: [Int: Bool]) {
        var frozen: [Int: Bool] = [:]
        for (index, name) in tree.names.enumerated() { frozen[index] = command.freezes(name) }
        return (frozen, frozen.filter { $0.value != willBeFrozen($0.key) })
    }

    func isPending(_ node: Int) -> Bool {
        !pending.isEmpty && tree.nodes[node].members.contains { pending.changes($0, from: frozen[$0]) }
    }

    func isFrozen(_ node: Int) -> Bool { tree.nodes[node].members.allSatisfy { frozen[$0] } }

    var trainableCount: Int { frozen.indices.reduce(0) { $0 + (frozen[$1] ? 0 : tree.size($1)) } }
    var totalCount: Int { frozen.indices.reduce(0) { $0 + tree.size($1) } }

    /// Whether the row's features come from the cache: wholly frozen and above the frost line.
    func isCached(_ node: Int) -> Bool {
        guard case .on(let line, _, let cached, _)? = cache, cached > 0 else { return false }
        guard let last = tree.nodes[node].members.last, isFrozen(node) else { return false }
        if line.isEmpty { return true }
        let first = tree.parameters.firstIndex { $0.name == line || $0.name.hasPrefix(line + ".") }
        return first.map { last < $0 } ?? false
    }

    /// Takes the engine's mask; returns the parameters that it changed.
    mutating func take(_ report: FreezeReport) -> (frozen: Set<Int>, thawed: Set<Int>) {
        let trainable = Set(report.trainable)
        var changed: (frozen: Set<Int>, thawed: Set<Int>) = ([], [])
        for parameter in frozen.indices {
            let isFrozen = !trainable.contains(tree.parameters[parameter].name)
            if isFrozen == frozen[parameter] { continue }
            frozen[parameter] = isFrozen
            if isFrozen {
                changed.frozen.insert(parameter)
                frozenSince[parameter] = report.step
            } else {
                changed.thawed.insert(parameter)
            }
        }
        frostLine = report.frostLine
        pending.settle(report.answers)
        if !changed.frozen.isEmpty || !changed.thawed.isEmpty { nameStrategy() }
        return changed
    }

    private mutating func nameStrategy() {
        let names = tree.names
        strategy = Strategy.named(by: Set(frozen.indices.filter { !frozen[$0] }.map { names[$0] }), of: names)
    }
}
