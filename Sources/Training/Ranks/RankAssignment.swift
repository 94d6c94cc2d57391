import Ranks

/// Which rank takes which picture of a batch. It follows from the batch alone, so every rank knows it, and a resumed run
/// adds in the same order.
///
/// A picture prefers one rank, so that its features and resized bytes are found there in every epoch. Batches are drawn
/// at random and must come out even, so some pictures go to another: always along the same list of ranks, whose first few
/// soon have kept them too.
package struct RankAssignment: Sendable, Equatable {
    package let ranks: Int

    package init(ranks: Int) { self.ranks = ranks }

    /// The rank that a picture is best at.
    package func preferred(_ index: Int) -> Int { preference(index, 0) }

    /// Those of so many pictures that are best at a rank, rising.
    package func pictures(bestAt rank: Int, of count: Int) -> [Int] {
        (0..<count).filter { preferred($0) == rank }
    }

    /// The rank that is `place`-th in a picture's list.
    private func preference(_ index: Int, _ place: Int) -> Int {
        let (turn, first) = index.quotientAndRemainder(dividingBy: ranks)
        guard place > 0 else { return first }
        return (first + 1 + (turn + place - 1) % (ranks - 1)) % ranks
    }

    /// The pictures of each rank, in the order of the batch. Shares are equal, the first ranks have one more where they
    /// do not come out even.
    package func shares(of batch: ArraySlice<Int>) -> [[Int]] {
        var room = (0..<ranks).map { RankShares.count(batch.count, rank: $0, of: ranks) }
        var rankOf = [Int](repeating: -1, count: batch.count)
        for place in 0..<ranks {
            for (position, index) in batch.enumerated() where rankOf[position] < 0 {
                let rank = preference(index, place)
                guard room[rank] > 0 else { continue }
                room[rank] -= 1
                rankOf[position] = rank
            }
        }
        var shares = [[Int]](repeating: [], count: ranks)
        for (rank, index) in zip(rankOf, batch) where rank >= 0 { shares[rank].append(index) }
        return shares
    }
}
