import Foundation
import Testing

/// How long a key takes through an attached dashboard, the socket, the engine and back to the screen, while the engine
/// computes at full load. It looks at the clock, so it runs only where TIMED_TESTS is set.
@Suite(.serialized) struct AttachLatencyTests {
    private static let isWanted = ProcessInfo.processInfo.environment["TIMED_TESTS"] != nil

    @Test(.enabled(if: isWanted)) func `a key's effect is on the screen within 20 ms, 99 times of 100`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        let started = try harness.run([
            "train", harness.data, "--output", "run", "--detach", "--from-scratch", "--image-size", "32",
            "--batch-size",
            "4", "--epochs", "1000000", "--threads", "2",
        ])
        #expect(started.code == 0, "\(started.error)")
        let log = harness.folder + "/latency"
        let terminal = try #require(
            try PseudoTerminal(["attach", "run"], folder: harness.folder, environment: ["FROSTLINE_LATENCY_LOG": log]))
        try #require(terminal.shows("epoch", within: 60))
        // fc's bias: nothing above the cached features changes, so steps stay short.
        terminal.press(":goto fc.bias\r")
        for _ in 0..<400 {
            terminal.press(" ")
            usleep(UInt32.random(in: 20_000...60_000))
        }
        terminal.press("q")
        #expect(terminal.wait() == 0)
        #expect(try harness.run(["tell", "run", "stop"]).code == 0)
        for (name, file) in [("key to frame", log), ("key to effect on the screen", log + ".answers")] {
            let values = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
                .compactMap { Double($0).map { $0 / 1000 } }.sorted()
            try #require(values.count >= 300)
            let (median, late) = (values[values.count / 2], values[values.count * 99 / 100])
            print(
                "\(name): median \(median) ms, p99 \(late) ms, most \(values[values.count - 1]) ms of \(values.count)")
            #expect(late <= 20)
        }
    }
}
