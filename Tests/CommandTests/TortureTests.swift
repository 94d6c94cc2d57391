import Foundation
import ProcessTestSupport
import Support
import Testing
import Training

/// Runs that are killed at random moments and resumed, held against undisturbed runs: every loss, gradient norm,
/// validation and mask must be the same, bit for bit.
///
/// FROSTLINE_TORTURE says how many kills each kind of run gets; a quick test run has few.
@Suite(.serialized) struct TortureTests {
    struct Kind: Sendable, CustomTestStringConvertible {
        let name: String
        let options: [String]
        var testDescription: String { name }
    }

    static let kinds = [
        Kind(name: "head from the cache", options: ["--strategy", "head", "--epochs", "12"]),
        Kind(
            name: "partial with random crops",
            options: ["--strategy", "partial", "--augment", "standard", "--schedule", "onecycle", "--save-every", "3"]),
        Kind(
            name: "full with adamw and flips",
            options: ["--strategy", "full", "--optimizer", "adamw", "--augment", "flip", "--save-every", "2"]),
        Kind(
            name: "head that thaws twice, accumulated and clipped",
            options: [
                "--strategy", "head", "--thaw", "2:layer4.1", "--thaw", "3:layer3", "--accumulate", "2", "--clip-norm",
                "1",
                "--label-smoothing", "0.1", "--class-weights", "balanced", "--learning-rate-decay-per-stage", "0.5",
                "--batch-size", "4", "--save-every", "1",
            ]),
        Kind(
            name: "tracked BatchNorm",
            options: [
                "--strategy", "partial", "--frozen-batchnorm", "track", "--schedule", "cosine", "--save-every", "5",
            ]),
    ]

    static let kills = ProcessInfo.processInfo.environment["FROSTLINE_TORTURE"].flatMap { Int($0) } ?? 1

    @Test(arguments: kinds) func `a killed run goes on as if nothing had happened`(_ kind: Kind) throws {
        let harness = try CommandHarness(pictures: 16)
        defer { harness.remove() }
        let options = ["--image-size", "32", "--batch-size", "8", "--epochs", "4", "--threads", "2"] + kind.options
        let began = ContinuousClock.now
        let reference = try harness.run(
            ["train", harness.data, "--from-scratch", "--headless", "--output", "whole"] + Self.last(options))
        let seconds = began.duration(to: .now) / .seconds(1)
        #expect(reference.code == 0, "\(reference.error)")
        let expected = try Self.story(harness.folder + "/whole")
        #expect(!expected.isEmpty)

        var random = SystemRandomNumberGenerator()
        var (killed, rounds) = (0, 0)
        while killed < Self.kills {
            rounds += 1
            let run = "run-\(rounds)"
            var started = false
            while true {
                // Once the description is there, the run is one that can be resumed.
                let arguments =
                    started
                    ? ["train", harness.data, "--headless", "--resume", run]
                    : ["train", harness.data, "--from-scratch", "--headless", "--output", run] + Self.last(options)
                let limit = killed < Self.kills ? Double.random(in: 0...(seconds * 0.9), using: &random) : nil
                let code = try Self.run(harness, arguments, killedAfter: limit)
                started = FileManager.default.fileExists(
                    atPath: "\(harness.folder)/\(run)/\(RunFolder.descriptionName)")
                if code == 0 { break }
                guard code == -9 else {
                    Issue.record("\(kind.name): resuming failed with \(code) after \(killed) kills")
                    return
                }
                killed += 1
            }
            let story = try Self.story("\(harness.folder)/\(run)")
            #expect(story.count == expected.count)
            for (a, b) in zip(story, expected) where a != b {
                Issue.record("\(kind.name) after \(killed) kills:\n\(a)\ninstead of\n\(b)")
                return
            }
            try FileManager.default.removeItem(atPath: "\(harness.folder)/\(run)")
        }
        FileHandle.standardError.write(Data("\(kind.name): \(killed) kills in \(rounds) runs, all the same\n".utf8))
    }

    @Test func `a killed run whose clients are killed too goes on as if there had been none`() throws {
        let harness = try CommandHarness(pictures: 16)
        defer { harness.remove() }
        let options = [
            "--image-size", "64", "--batch-size", "8", "--epochs", "6", "--threads", "2", "--strategy", "full",
            "--augment", "flip", "--save-every", "2",
        ]
        let reference = try harness.run(
            ["train", harness.data, "--from-scratch", "--headless", "--output", "whole"] + options)
        #expect(reference.code == 0, "\(reference.error)")
        let expected = try Self.story(harness.folder + "/whole")
        var (killedRuns, killedClients, rounds) = (0, 0, 0)
        while killedRuns < Self.kills || killedClients < 5 * Self.kills {
            rounds += 1
            let run = "run-\(rounds)"
            var isThere = false
            while true {
                let start =
                    isThere
                    ? ["train", harness.data, "--resume", run]
                    : ["train", harness.data, "--from-scratch", "--output", run] + options
                let started = try harness.run(start + ["--detach"])
                #expect(started.code == 0, "\(started.error)")
                isThere = true
                // The file may have gone with the run already.
                let lock = try? String(contentsOfFile: "\(harness.folder)/\(run)/lock", encoding: .utf8)
                let process = lock.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
                let mayKill = killedRuns < Self.kills
                for _ in 0..<Int.random(in: 4...8) {
                    guard let client = try PseudoTerminal(["attach", run], folder: harness.folder) else { return }
                    usleep(UInt32.random(in: 0...150_000))
                    if Bool.random() { client.press("Lm?\u{1B}") }
                    usleep(UInt32.random(in: 0...50_000))
                    kill(client.processIdentifier, SIGKILL)
                    killedClients += 1
                }
                if mayKill, process > 0, kill(process, SIGKILL) == 0 {
                    killedRuns += 1
                    // The lock is free once the process is gone.
                    for _ in 0..<200 where kill(process, 0) == 0 { usleep(10_000) }
                    continue
                }
                let ended = try harness.run(["wait", run])
                #expect(ended.code == 0, "\(ended.error)")
                break
            }
            let story = try Self.story("\(harness.folder)/\(run)")
            #expect(story == expected, "after \(killedClients) clients and \(killedRuns) runs")
            if story != expected { return }
            try FileManager.default.removeItem(atPath: "\(harness.folder)/\(run)")
        }
        FileHandle.standardError.write(
            Data("\(killedClients) clients and \(killedRuns) runs were killed in \(rounds) runs, all the same\n".utf8))
    }

    /// Of an option that is given twice, the last counts.
    private static func last(_ options: [String]) -> [String] {
        var kept: [String] = []
        for at in stride(from: 0, to: options.count, by: 2) {
            let isRepeatable = options[at] == "--thaw"
            if !isRepeatable,
                stride(from: at + 2, to: options.count, by: 2).contains(where: { options[$0] == options[at] })
            {
                continue
            }
            kept += options[at...(at + 1)]
        }
        return kept
    }

    /// Exit code, or −9 where it was killed.
    private static func run(_ harness: CommandHarness, _ arguments: [String], killedAfter seconds: Double?) throws
        -> Int32
    {
        let process = try Child(CommandHarness.program.path, arguments, folder: harness.folder)
        if let seconds {
            let until = ContinuousClock.now + .seconds(seconds)
            while process.isRunning, ContinuousClock.now < until { usleep(500) }
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        return process.code
    }

    /// metrics.jsonl without what a clock measured.
    private static func story(_ run: String) throws -> [String] {
        let data = try Data(contentsOf: URL(fileURLWithPath: run + "/" + RunFolder.metricsName))
        return try data.split(separator: UInt8(ascii: "\n")).map { line in
            let json = try #require(JSON.parse(Data(line)))
            guard case .object(let pairs) = json else { return json.line }
            return JSON.object(pairs.filter { !["milliseconds", "seconds"].contains($0.0) }).line
        }
    }
}
