import Foundation

/// Spoils inputs of a corpus, the same way for the same number: what crashed once can be made again.
package struct Mutator: Sendable {
    private let corpus: [[UInt8]]
    private let seed: UInt64

    /// How many inputs a suite tries: FROSTLINE_FUZZ, else as many as a quick test run can afford.
    package static func count(otherwise quick: Int) -> Int {
        ProcessInfo.processInfo.environment["FROSTLINE_FUZZ"].flatMap { Int($0) } ?? quick
    }

    /// The number of the first input: FROSTLINE_FUZZ_FROM, else 0.
    package static var first: Int {
        ProcessInfo.processInfo.environment["FROSTLINE_FUZZ_FROM"].flatMap { Int($0) } ?? 0
    }

    package init(_ corpus: [[UInt8]], seed: UInt64 = 1) {
        self.corpus = corpus
        self.seed = seed
    }

    /// Every file below `folder` whose name passes, smaller than `limit` bytes, in the order of their paths.
    package static func files(_ folder: URL, limit: Int = 1 << 16, where passes: (String) -> Bool = { _ in true })
        -> [[UInt8]]
    {
        let paths = (FileManager.default.subpaths(atPath: folder.path) ?? []).filter(passes).sorted()
        return paths.compactMap { path in
            guard let data = FileManager.default.contents(atPath: folder.path + "/" + path), data.count > 0,
                data.count < limit
            else { return nil }
            return [UInt8](data)
        }
    }

    package func input(_ number: Int) -> [UInt8] {
        var random = Numbers(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(number))
        guard !corpus.isEmpty else { return [] }
        var bytes = corpus[random.below(corpus.count)]
        for _ in 0..<(1 + random.below(4)) { mutate(&bytes, &random) }
        return bytes
    }

    private static let numbers: [UInt64] = [
        0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
        0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max,
    ]

    private func mutate(_ bytes: inout [UInt8], _ random: inout Numbers) {
        guard !bytes.isEmpty else { return bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        let at = random.below(bytes.count)
        switch random.below(9) {
        case 0: bytes[at] ^= 1 << UInt8(random.below(8))
        case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 2: bytes.removeSubrange(at...)
        case 3: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(16)))
        case 4:
            let part = bytes[at..<min(bytes.count, at + 1 + random.below(64))]
            bytes.insert(contentsOf: part, at: random.below(bytes.count))
        case 5, 6:
            // A number that lengths and offsets do not expect, either end first.
            let width = [1, 2, 4, 8][random.below(4)]
            let value = Self.numbers[random.below(Self.numbers.count)]
            var field = (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
            if random.below(2) == 0 { field.reverse() }
            for (offset, byte) in field.enumerated() where at + offset < bytes.count { bytes[at + offset] = byte }
        case 7:
            let other = corpus[random.below(corpus.count)]
            let from = random.below(other.count)
            bytes.replaceSubrange(at..., with: other[from...].prefix(1 << 16))
        default:
            for offset in at..<min(bytes.count, at + random.below(16)) {
                bytes[offset] = UInt8(truncatingIfNeeded: random.next())
            }
        }
    }

    /// SplitMix64.
    private struct Numbers {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }

        mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }
    }
}

/// The process's memory, for stated bounds.
package enum ProcessMemory {
    /// Bytes that the process held at most so far.
    package static var peak: Int {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        return Int(usage.ru_maxrss) << 10
    }
}

extension Mutator {
    /// Hands `count` inputs to `body`, and says now and then on standard error how far it is, so that a crash can be found.
    package func run(_ name: String, count: Int, _ body: ([UInt8]) -> Void) {
        let first = Self.first
        for number in first..<(first + count) {
            if count > 20_000, number % 20_000 == 0 {
                FileHandle.standardError.write(
                    Data("\(name): input \(number), peak \(ProcessMemory.peak >> 20) MiB\n".utf8))
            }
            body(input(number))
        }
    }
}
