import Foundation
import ProcessTestSupport
import Support
import Testing
import Training

@Suite struct RunsCommandTests {
    /// Begins a run that does not end by itself, and waits for its first steps.
    private func start(_ run: String, in harness: CommandHarness) throws -> Child {
        let process = try Child(
            CommandHarness.program.path,
            ["train", "data", "--from-scratch", "--strategy", "full", "--headless", "--output", run]
                + CommandHarness.quick.dropLast(4) + ["--epochs", "100000", "--threads", "1"],
            folder: harness.folder)
        let tail = MetricsTail(folder: "\(harness.folder)/\(run)")
        let began = ContinuousClock.now
        while tail.counts["epoch", default: 0] < 2, process.isRunning, began.duration(to: .now) < .seconds(60) {
            usleep(10_000)
            tail.update()
        }
        #expect(process.isRunning && tail.counts["epoch", default: 0] >= 2)
        return process
    }

    private func list(_ harness: CommandHarness, _ arguments: [String] = []) throws -> [String: JSON] {
        let result = try harness.run(["runs", "--json"] + arguments)
        #expect(result.code == 0 && result.error.isEmpty, "\(result.error)")
        #expect(result.output.split(separator: "\n").count == 1)
        let runs = try #require(JSON.parse(Data(result.output.utf8))?.items)
        return Dictionary(runs.map { ($0["path"]?.text ?? "?", $0) }) { first, _ in first }
    }

    private static let keys = [
        "path", "state", "process", "epoch", "epochs", "step", "best", "imagesPerSecond", "strategy", "since", "ended",
        "failure",
    ]

    @Test func `runs that finished, were killed, go on, failed or are broken are listed, and none is disturbed`() throws
    {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let train = ["train", "data", "--from-scratch", "--output"]
        #expect(try harness.run(train + ["runs/done"] + CommandHarness.quick).code == 0)
        let failed = try harness.run(
            train + ["runs/exp/failed", "--strategy", "full", "--learning-rate", "1e38"] + CommandHarness.quick)
        #expect(failed.code == 1)
        let killed = try start("runs/killed", in: harness)
        kill(killed.processIdentifier, SIGKILL)
        killed.waitUntilExit()
        try FileManager.default.createDirectory(
            atPath: harness.folder + "/runs/b\u{1B}[1m\nn", withIntermediateDirectories: true)
        try Data("{".utf8).write(to: URL(fileURLWithPath: harness.folder + "/runs/b\u{1B}[1m\nn/run.json"))
        // The order is by seconds.
        usleep(1_100_000)
        let live = try start("runs/live", in: harness)
        defer { if live.isRunning { kill(live.processIdentifier, SIGKILL) } }

        let runs = try list(harness)
        #expect(runs.count == 5)
        for run in runs.values { #expect(run.keys == Self.keys) }
        func state(_ name: String) -> String? { runs["runs/" + name]?["state"]?.text }
        let states = ["done", "exp/failed", "killed", "live", "b\u{1B}[1m\nn"].map(state)
        #expect(states == ["finished", "failed", "interrupted", "running", "unreadable"])

        let done = try #require(runs["runs/done"])
        #expect(done["epoch"]?.int == 1 && done["epochs"]?.int == 1 && done["step"]?.int == 3)
        #expect(done["strategy"]?.text == "head" && done["process"] == .null && done["failure"] == .null)
        #expect(done["imagesPerSecond"]?.double ?? 0 > 0)
        let began = try #require(done["since"]?.text.flatMap { Timestamp($0) })
        let ended = try #require(done["ended"]?.text.flatMap { Timestamp($0) })
        #expect(began.seconds <= ended.seconds && abs(ended.seconds - Timestamp.now.seconds) < 600)
        let metrics = try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/runs/done/metrics.jsonl"))
        let epoch = try #require(
            metrics.split(separator: UInt8(ascii: "\n")).compactMap { JSON.parse(Data($0)) }
                .last { $0["kind"]?.text == "epoch" })
        #expect(done["best"]?["epoch"]?.int == 1 && done["best"]?.keys == ["epoch", "loss", "accuracy"])
        #expect(done["best"]?["accuracy"] == epoch["validation"]?["accuracy"])
        let losses = (done["best"]?["loss"]?.double ?? 0, epoch["validation"]?["loss"]?.double ?? 1)
        #expect(abs(losses.0 - losses.1) < 1e-9)

        let failure = try #require(runs["runs/exp/failed"]?["failure"]?.text)
        #expect(failed.error.contains(failure) && failure.contains("not a finite number"))
        #expect(runs["runs/exp/failed"]?["ended"]?.text != nil)

        let running = try #require(runs["runs/live"])
        #expect(running["process"]?.int == Int(live.processIdentifier))
        #expect(running["epoch"]?.int ?? 0 >= 2 && running["epochs"]?.int == 100_000)
        #expect(running["strategy"]?.text == "full" && running["ended"] == .null)
        #expect(running["best"]?["epoch"]?.int ?? 0 >= 1)

        #expect(runs["runs/killed"]?["process"] == .null && runs["runs/killed"]?["ended"] == .null)
        #expect(runs["runs/killed"]?["epoch"]?.int ?? 0 >= 2 && runs["runs/killed"]?["since"]?.text != nil)

        let broken = try #require(runs["runs/b\u{1B}[1m\nn"])
        #expect(broken["failure"]?.text?.contains("run.json") == true)
        for key in ["process", "epoch", "epochs", "step", "best", "imagesPerSecond", "strategy", "since", "ended"] {
            #expect(broken[key] == .null, "\(key)")
        }
        try checkTable(try harness.run(["runs"]), process: live.processIdentifier)

        // None was disturbed: one goes on, one can be resumed.
        let later = try list(harness, ["runs/live"])
        #expect(later.count == 1 && later["runs/live"]?["state"]?.text == "running")
        kill(live.processIdentifier, SIGTERM)
        #expect(live.code == 0)
        let step = runs["runs/killed"]?["step"]?.int ?? 0
        let epochs = (runs["runs/killed"]?["epoch"]?.int ?? 0) + 2
        let resumed = try harness.run(["train", "data", "--resume", "runs/killed", "--epochs", "\(epochs)"])
        #expect(resumed.code == 0, "\(resumed.error)")
        let after = try list(harness)
        #expect(after["runs/live"]?["state"]?.text == "stopped" && after["runs/live"]?["process"] == .null)
        #expect(after["runs/killed"]?["state"]?.text == "finished")
        #expect(after["runs/killed"]?["step"]?.int ?? 0 > step)
    }

    private func checkTable(_ result: CommandHarness.Result, process: Int32) throws {
        #expect(result.code == 0 && result.error.isEmpty)
        #expect(result.output.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7F })
        let lines = result.output.split(separator: "\n").map(String.init)
        let rows = lines.prefix(6)
        #expect(rows.first?.hasPrefix("run ") == true)
        #expect(rows.allSatisfy { $0.count <= 80 }, "\(result.output)")
        // Every column begins in the same place.
        let places = rows.map { row in
            ["state", "finished", "failed", "interrupted", "running", "unreadable"].compactMap { word in
                row.range(of: "  \(word) ").map { row.distance(from: row.startIndex, to: $0.lowerBound) }
            }
        }
        #expect(places.allSatisfy { $0.count == 1 && $0 == places.first }, "\(result.output)")
        let live = try #require(rows.first { $0.hasPrefix("runs/live ") })
        #expect(live.hasSuffix("  \(process)") && live.contains("/100000"))
        #expect(live.contains(" ago") || live.contains("just now"))
        #expect(rows.contains { $0.hasPrefix("runs/b^[[1m^Jn ") })
        // The newest began last; the one that does not say when comes at the end.
        #expect(rows.last?.contains("unreadable") == true && rows.dropFirst().first?.hasPrefix("runs/live") == true)
        #expect(lines.contains { $0.hasPrefix("runs/exp/failed: ") && $0.contains("not a finite number") })
        #expect(lines.contains { $0.hasPrefix("runs/b^[[1m^Jn: ") && $0.contains("not what Frostline writes") })
    }

    @Test func `a folder that is not there is an error, and one without runs is not`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        for arguments in [[], ["nowhere"], ["nowhere", "--json"]] {
            let missing = try harness.run(["runs"] + arguments)
            #expect(missing.code == 1 && missing.output.isEmpty)
            #expect(missing.error.contains("\(arguments.first ?? "runs"): no such folder"), "\(missing.error)")
            #expect(missing.error.contains("runs/"))
        }
        let file = try harness.run(["runs", "data/cats/0.ppm"])
        #expect(file.code == 1 && file.error.contains("data/cats/0.ppm"))
        let empty = try harness.run(["runs", "data"])
        #expect(empty.code == 0 && empty.error.isEmpty && empty.output.contains("no runs below data"))
        #expect(try harness.run(["runs", "data", "--json"]).output == "[]\n")
    }
}
