import Foundation
import Testing

/// A signal interrupts whichever thread handles it; that must be the one that waits for it.
@Suite struct ThreadSignalsTests {
    private struct ThreadStatus {
        var name = ""
        var isFirst = false
        /// Bit n − 1 stands for signal n.
        var blocked: UInt64 = 0
    }

    private static func threads(of process: Int32) -> [ThreadStatus] {
        let folder = "/proc/\(process)/task"
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return numbers.compactMap { number in
            // One that has ended meanwhile is gone.
            guard let text = try? String(contentsOfFile: "\(folder)/\(number)/status", encoding: .utf8) else {
                return nil
            }
            var status = ThreadStatus(isFirst: number == "\(process)")
            for line in text.split(separator: "\n") {
                let value = line.split(separator: "\t").last ?? ""
                if line.hasPrefix("Name:") { status.name = String(value) }
                if line.hasPrefix("SigBlk:") { status.blocked = UInt64(value, radix: 16) ?? 0 }
            }
            return status
        }
    }

    @Test func `while a run goes on no thread of its own but the first handles a signal`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        // Random augmentation keeps the decoders at work in every epoch.
        let terminal = try #require(
            try PseudoTerminal(
                [
                    "train", harness.data, "--output", "run", "--from-scratch", "--image-size", "32", "--batch-size",
                    "4", "--epochs", "100000", "--threads", "3", "--augment", "standard",
                ], folder: harness.folder))
        try #require(terminal.shows("epoch 2", within: 120))
        let engine = try #require(terminal.engineIdentifier)
        // The dashboard's thread, and those of the process that trains.
        var missing: Set = [
            "frostline-attach", "frostline-engin", "frostline-save", "frostline-serve", "worker-1", "decoder",
        ]
        missing = Set(missing.map { String($0.prefix(15)) })
        var areHandledByFirst: [Int32: Bool] = [:]
        for _ in 0..<2000 where !missing.isEmpty {
            for process in [terminal.processIdentifier, engine] {
                for thread in Self.threads(of: process) {
                    missing.remove(thread.name)
                    let signals =
                        process == engine
                        ? [SIGINT, SIGTERM, SIGHUP] : [SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH]
                    let handled = signals.filter { thread.blocked >> UInt64($0 - 1) & 1 == 0 }
                    if thread.isFirst {
                        areHandledByFirst[process] = handled.count == signals.count
                    } else {
                        try #require(handled.isEmpty, "'\(thread.name)' handles \(handled)")
                    }
                }
            }
            Thread.sleep(forTimeInterval: 0.005)
        }
        #expect(missing.isEmpty, "never seen: \(missing)")
        #expect(areHandledByFirst == [terminal.processIdentifier: true, engine: true])
        terminal.press("q")
        #expect(terminal.wait() == 0)
    }
}
