import Foundation
import Ranks

/// Runs `body` on so many ranks at once, each on a thread of its own, and returns what each returned.
package func onRanks<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (ThreadRanks) -> Result
) -> [Result] {
    let results = Results<Result>(count)
    let threads = DispatchGroup()
    for group in ThreadRanks.make(count) {
        threads.enter()
        let thread = Thread {
            results.set(group.rank, body(group))
            threads.leave()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }
    threads.wait()
    return results.values
}

private final class Results<Result: Sendable>: @unchecked Sendable {
    // Unchecked: `all` is touched under `lock`.
    private let lock = NSLock()
    private var all: [Result?]

    init(_ count: Int) { all = Array(repeating: nil, count: count) }

    func set(_ rank: Int, _ value: Result) { lock.withLock { all[rank] = value } }
    var values: [Result] { lock.withLock { all.compactMap { $0 } } }
}
