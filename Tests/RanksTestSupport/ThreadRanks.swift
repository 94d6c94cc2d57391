import Foundation
import Ranks
import Synchronization

/// Ranks that are threads of one process, for tests of what ranks compute: sums are added in the order of the ranks.
package final class ThreadRanks: RankGroup, @unchecked Sendable {
    // Unchecked for `begun`, which only the rank's own thread touches.
    package let rank: Int
    package var count: Int { meeting.count }
    package var hosts: [String] { Array(repeating: "here", count: count) }
    private let meeting: Meeting
    private var begun: [(values: UnsafeMutablePointer<Float>, count: Int)] = []

    /// What all ranks of a group share.
    private final class Meeting: @unchecked Sendable {
        // Unchecked: all below is touched under `condition`.
        let count: Int
        let condition = NSCondition()
        var entered = 0
        var turn = 0
        var offered: [[UInt8]]
        var results: [[UInt8]] = []
        var failure: RankFailure?
        var listeners: [@Sendable () -> Void] = []

        init(count: Int) {
            self.count = count
            offered = Array(repeating: [], count: count)
        }

        /// Lays down this rank's bytes and takes those of all; nil after a failure.
        func exchange(_ bytes: [UInt8], rank: Int) -> [[UInt8]]? {
            condition.lock()
            defer { condition.unlock() }
            guard failure == nil else { return nil }
            offered[rank] = bytes
            entered += 1
            let own = turn
            if entered == count {
                (entered, turn, results) = (0, turn + 1, offered)
                condition.broadcast()
            }
            while turn == own {
                if failure != nil { return nil }
                condition.wait()
            }
            return results
        }
    }

    private init(rank: Int, meeting: Meeting) {
        self.rank = rank
        self.meeting = meeting
    }

    package static func make(_ count: Int) -> [ThreadRanks] {
        let meeting = Meeting(count: count)
        return (0..<count).map { ThreadRanks(rank: $0, meeting: meeting) }
    }

    package func sum(_ values: UnsafeMutablePointer<Double>, count: Int) { add(values, count, zero: 0) }

    package func beginSum(_ values: UnsafeMutablePointer<Float>, count: Int) { begun.append((values, count)) }

    package func finishSums() {
        for sum in begun { add(sum.values, sum.count, zero: 0) }
        begun = []
    }

    private func add<Number: Numeric>(_ values: UnsafeMutablePointer<Number>, _ count: Int, zero: Number) {
        let own = Array(UnsafeRawBufferPointer(UnsafeBufferPointer(start: values, count: count)))
        guard let all = meeting.exchange(own, rank: rank) else { return }
        for (index, bytes) in all.enumerated() {
            bytes.withUnsafeBytes { buffer in
                let numbers = buffer.bindMemory(to: Number.self)
                for i in 0..<count { values[i] = index == 0 ? numbers[i] : values[i] + numbers[i] }
            }
        }
    }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let all = meeting.exchange(rank == 0 ? Array(bytes) : [], rank: rank), rank > 0 else { return }
        bytes.copyBytes(from: all[0])
    }

    package func gather(_ bytes: [UInt8]) -> [[UInt8]] {
        meeting.exchange(bytes, rank: rank) ?? Array(repeating: [], count: count)
    }

    package var failure: RankFailure? {
        meeting.condition.lock()
        defer { meeting.condition.unlock() }
        return meeting.failure
    }

    package func whenFailed(_ body: @escaping @Sendable () -> Void) {
        meeting.condition.lock()
        let isFailed = meeting.failure != nil
        if !isFailed { meeting.listeners.append(body) }
        meeting.condition.unlock()
        if isFailed { body() }
    }

    package func fail(_ message: String) {
        meeting.condition.lock()
        let listeners = meeting.failure == nil ? meeting.listeners : []
        defer { for listener in listeners { listener() } }
        if meeting.failure == nil { meeting.failure = RankFailure(rank: rank, "rank \(rank) on here: \(message)") }
        meeting.condition.broadcast()
        meeting.condition.unlock()
    }

    package var secondsWaited: Double { 0 }
}
