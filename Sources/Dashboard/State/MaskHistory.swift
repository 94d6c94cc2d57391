/// The masks before and after the current one, so that undo returns to exactly the one before.
///
/// Masks and not changes are kept: no command is the inverse of a toggle of a partly frozen group.
struct MaskHistory: Sendable, Equatable {
    private(set) var past: [[Bool]] = []
    private(set) var future: [[Bool]] = []

    /// A mask is a byte a parameter; this many are nothing to memory and more than are undone.
    private static let limit = 1000

    /// A change away from `mask` was made: there is nothing to redo any more.
    mutating func leave(_ mask: [Bool]) {
        past.append(mask)
        if past.count > Self.limit { past.removeFirst(past.count - Self.limit) }
        future = []
    }

    /// The mask before the last change was taken, where there was one; `current` can be redone then.
    mutating func undo(from current: [Bool]) { if past.popLast() != nil { future.append(current) } }

    mutating func redo(from current: [Bool]) { if future.popLast() != nil { past.append(current) } }
}
