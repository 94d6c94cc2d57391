import Synchronization

/// Keeps resized bytes between epochs while they fit a byte budget; what does not fit is decoded again.
///
/// One store belongs to one source: its keys are that source's indices (and the image size, so that bytes of another size
/// are never handed out). What is kept is never flipped: it is what `Preprocessing.evaluated` returns.
package final class ResizedStore: Sendable {
    private struct Key: Hashable {
        let index: Int
        let imageSize: Int
    }

    private struct State {
        var bytes: [Key: [UInt8]] = [:]
        var used = 0
    }

    private let state = Mutex(State())
    /// The most bytes of pixels that are kept.
    package let budget: Int

    package init(budget: Int) { self.budget = max(0, budget) }

    package var usedBytes: Int { state.withLock { $0.used } }
    /// How many images are kept.
    package var count: Int { state.withLock { $0.bytes.count } }

    package func bytes(_ index: Int, imageSize: Int) -> [UInt8]? {
        state.withLock { $0.bytes[Key(index: index, imageSize: imageSize)] }
    }

    /// Keeps the bytes if they fit; says whether they are kept now.
    @discardableResult
    package func keep(_ bytes: [UInt8], _ index: Int, imageSize: Int) -> Bool {
        state.withLock { state in
            let key = Key(index: index, imageSize: imageSize)
            guard state.bytes[key] == nil else { return true }
            guard bytes.count <= budget - state.used else { return false }
            state.bytes[key] = bytes
            state.used += bytes.count
            return true
        }
    }

}
