/// The masks before and after the current one, so that undo returns to exactly the one before.
///
/// Masks and not changes are kept: no command is the inverse of a toggle of a partly frozen group.
package struct MaskHistory: Sendable, Equatable {
    package private(set) var past: [[Bool]] = []
    package private(set) var future: [[Bool]] = []

    /// A mask is a byte a parameter; this many are nothing to memory and more than are undone.
    package static let limit = 1000

    package init() {}

    /// A change away from `mask` was made: there is nothing to redo any more.
    package mutating func leave(_ mask: [Bool]) {
        past.append(mask)
        if past.count > Self.limit { past.removeFirst(past.count - Self.limit) }
        future = []
    }

    /// The mask before the last change, where there was one; `current` can be redone then.
    package mutating func undo(from current: [Bool]) -> [Bool]? {
        guard let mask = past.popLast() else { return nil }
        future.append(current)
        return mask
    }

    package mutating func redo(from current: [Bool]) -> [Bool]? {
        guard let mask = future.popLast() else { return nil }
        past.append(current)
        return mask
    }
}
