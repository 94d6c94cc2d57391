import TrainingEvents

/// The changes of the mask that were sent and are not answered yet, oldest first. Parameters are numbered in the order of
/// the run's names.
package struct PendingChanges: Sendable {
    private var sent: [(id: CommandID, frozen: [Int: Bool], requester: Requester?)] = []
    private var count = 0

    package init() {}

    package var isEmpty: Bool { sent.isEmpty }

    /// An id that no command had before, also in an earlier run: its answer may still be under way.
    package mutating func nextID() -> CommandID {
        count += 1
        return CommandID(number: count)
    }

    /// Remembers what a command makes of each parameter that it speaks of.
    package mutating func add(_ frozen: [Int: Bool]) -> CommandID {
        let id = nextID()
        sent.append((id, frozen, nil))
        return id
    }

    /// The same for a command that another dashboard has sent.
    package mutating func add(_ frozen: [Int: Bool], id: CommandID, by requester: Requester) {
        sent.append((id, frozen, requester))
    }

    /// The other dashboard that a command came from; nil for this one's own.
    package func requester(of id: CommandID?) -> Requester? { sent.first { $0.id == id }?.requester }

    /// To be called with the id that an answer names, whether the command was carried out or refused.
    package mutating func settle(_ id: CommandID?) { sent.removeAll { $0.id == id } }

    package mutating func removeAll() { sent = [] }

    /// What the parameter will be when everything is answered; nil where no command speaks of it.
    package func wanted(_ parameter: Int) -> Bool? { sent.last { $0.frozen[parameter] != nil }?.frozen[parameter] }

    /// Whether the parameter, which is `frozen` now, will change, be it to and fro.
    package func changes(_ parameter: Int, from frozen: Bool) -> Bool {
        sent.contains { $0.frozen[parameter] == !frozen }
    }
}
