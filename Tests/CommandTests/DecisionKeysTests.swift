import Foundation
import Support
import Testing
import Training

/// Every decision key on the real program, with a run behind it.
@Suite(.serialized) struct DecisionKeysTests {
    static let long = [
        "--from-scratch", "--image-size", "32", "--batch-size", "4", "--epochs", "100000", "--threads", "1",
    ]

    static func metrics(_ folder: String) throws -> [JSON] {
        try String(contentsOfFile: folder + "/" + RunFolder.metricsName, encoding: .utf8).split(separator: "\n")
            .compactMap { JSON.parse(Data($0.utf8)) }
    }

    /// A run in the folder `live` that has written its first lines and goes on until `q`.
    private static func trainLive(_ harness: CommandHarness) throws -> PseudoTerminal {
        let writer = try #require(
            try PseudoTerminal(["train", harness.data, "--output", "live"] + long, folder: harness.folder))
        // Read on, not anew: a quick run writes thousands of lines a second.
        let metrics = MetricsTail(folder: harness.folder + "/live")
        for _ in 0..<400 {
            metrics.update()
            if metrics.counts.values.reduce(0, +) >= 5 { break }
            Thread.sleep(forTimeInterval: 0.05)
        }
        return writer
    }

    @Test func `each key does on the screen and in the record what the help says, and q leaves with exit 0`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        let terminal = try #require(
            try PseudoTerminal(["train", harness.data, "--output", "run"] + Self.long, folder: harness.folder))
        let run = harness.folder + "/run"
        func wait(_ what: String, _ condition: ([JSON]) -> Bool) throws {
            for _ in 0..<600 {
                if let lines = try? Self.metrics(run), condition(lines) { return }
                try #require(terminal.isRunning, "ended while waiting for \(what)")
                Thread.sleep(forTimeInterval: 0.05)
            }
            Issue.record("waited in vain for \(what)")
        }
        func count(_ kind: String, _ lines: [JSON]) -> Int { lines.count { $0["kind"]?.text == kind } }

        func trainable(_ lines: [JSON]) -> [String] {
            (lines.last { $0["kind"]?.text == "freeze" }?["trainable"]?.items ?? []).compactMap(\.text)
        }

        try wait("the first steps") { count("step", $0) > 5 }
        // Freezing: a toggle, undo, redo, everything below, a range, a pattern.
        terminal.press("g ")
        try wait("a thaw") {
            $0.last { $0["kind"]?.text == "freeze" }?["trainable"]?.items?.first?.text == "conv1.weight"
        }
        terminal.press("u")
        try wait("undo") { trainable($0).count == 2 }
        terminal.press("\u{12}")
        try wait("redo") { trainable($0).count == 3 }
        terminal.press("b")
        try wait("everything below frozen") { trainable($0).count == 1 }
        terminal.press("b")
        try wait("everything below thawed") { trainable($0).count == 62 }
        terminal.press("Ga")
        try wait("everything above") { trainable($0).count == 2 }
        terminal.press("gVjj ")
        try wait("a range") { trainable($0).count == 2 + 15 }
        terminal.press("flayer4\t\r")
        try wait("a pattern") { trainable($0).count == 2 + 15 + 15 }
        terminal.press("uuuuuu")
        try wait("six undos") { count("freeze", $0) == 14 && trainable($0) == ["fc.weight", "fc.bias"] }

        // Run control.
        terminal.press("+")
        try wait("a higher rate") { $0.contains { $0["kind"]?.text == "learningRate" && $0["factor"]?.double == 1.25 } }
        terminal.press("-")
        try wait("the rate again") { $0.contains { $0["kind"]?.text == "learningRate" && $0["factor"]?.double == 1 } }
        terminal.press("v")
        try wait("a validation") { count("validation", $0) == 1 }
        terminal.press("p")
        #expect(terminal.shows("paused"))
        let before = count("step", try Self.metrics(run))
        terminal.press("...")
        try wait("three steps") { count("step", $0) == before + 3 }
        Thread.sleep(forTimeInterval: 0.3)
        #expect(count("step", try Self.metrics(run)) == before + 3)

        // Views.
        terminal.press("M")
        #expect(terminal.shows("Mistakes"))
        #expect(terminal.shows("true\\said"))
        terminal.press("H")
        #expect(terminal.shows("by layer"))
        terminal.press("HH/fc\r")
        terminal.press("l")
        terminal.press("j\r")
        #expect(terminal.shows("Inspector · fc.weight"))
        #expect(terminal.shows("weights (log counts)"))
        terminal.press("\r/bn1\r")
        #expect(terminal.shows { EveryKeyTests.cursorRow(is: "bn1", on: $0) })
        terminal.press("nnNp")
        try wait("steps after the pause") { count("step", $0) > before + 5 }
        terminal.press("q")
        #expect(terminal.wait() == 0)
        #expect(FileManager.default.fileExists(atPath: run + "/" + RunFolder.lastName))
    }

    @Test func `show draws a finished run read-only, follows one that another process writes, and changes neither`()
        throws
    {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        _ = try harness.run(["train", harness.data, "--from-scratch", "--output", "done"] + CommandHarness.quick)
        let before = try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/done/" + RunFolder.metricsName))
        let finished = try #require(try PseudoTerminal(["show", "done"], folder: harness.folder))
        #expect(finished.shows("finished"))
        finished.press(" 123u+v.")
        #expect(finished.shows("Loss"))
        finished.press("q")
        #expect(finished.wait() == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/done/" + RunFolder.metricsName)) == before)

        let writer = try Self.trainLive(harness)
        let reader = try #require(try PseudoTerminal(["show", "live"], folder: harness.folder))
        #expect(reader.shows("epoch"))
        reader.press(" q")
        #expect(reader.wait() == 0)
        #expect(writer.isRunning)
        writer.press("q")
        #expect(writer.wait() == 0)

        let plain = try harness.run(["show", "done"])
        #expect(plain.code == 0)
        #expect(plain.output.contains("finished after"))
        let missing = try harness.run(["show", "nowhere"])
        #expect(missing.code == 1)
        #expect(missing.error.contains("nowhere/run.json"))
    }

    @Test
    func `show of several runs draws the others behind the first on a terminal, and prints a line for each in a pipe`()
        throws
    {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        for name in ["first", "second-run"] {
            let options = ["--from-scratch", "--seed", "\(name.count)", "--output", name] + CommandHarness.quick
            #expect(try harness.run(["train", harness.data] + options).code == 0)
        }
        let look = ["--glyphs", "ascii", "--no-mouse", "--theme", "sixteen"]
        let drawn = try #require(
            try PseudoTerminal(["show", "first", "second-run"] + look, folder: harness.folder))
        #expect(drawn.shows("finished"))
        #expect(drawn.shows("second-run"))
        drawn.press("q")
        #expect(drawn.wait() == 0)

        // One that is still being written is followed, also behind a run that has ended.
        let writer = try Self.trainLive(harness)
        let followed = try #require(
            try PseudoTerminal(["show", "first", "live"] + look, folder: harness.folder))
        #expect(followed.shows("live"))
        for round in 1...2 {
            _ = followed.take()
            var isDrawn = false
            for _ in 0..<400 where !isDrawn {
                Thread.sleep(forTimeInterval: 0.05)
                isDrawn = !followed.take().isEmpty
            }
            // Nothing of the first run changes any longer: what is drawn comes from the other.
            #expect(isDrawn, "round \(round)")
        }
        writer.press("q")
        #expect(writer.wait() == 0)
        followed.press("q")
        #expect(followed.wait() == 0)

        for arguments in [[], ["--plain"], ["--headless"]] {
            let lines = try harness.run(["show", "first", "second-run"] + arguments)
            #expect(lines.code == 0)
            let found = lines.output.split(separator: "\n")
            #expect(found.count == 2)
            for (line, name) in zip(found, ["first", "second-run"]) {
                #expect(line.hasPrefix("\(name)  finished after "), "\(line)")
                #expect(line.contains("; best epoch "), "\(line)")
            }
        }
        // A run that was ended before its end has no result, and its metrics say how far it came.
        let record = harness.folder + "/second-run/" + RunFolder.descriptionName
        let text = try String(contentsOfFile: record, encoding: .utf8)
        let cut = try #require(text.range(of: "\"result\""))
        let comma = try #require(text[..<cut.lowerBound].lastIndex(of: ","))
        try (text[..<comma] + "}").write(toFile: record, atomically: true, encoding: .utf8)
        let unfinished = try harness.run(["show", "first", "second-run"])
        #expect(unfinished.output.contains("second-run  not finished, "), "\(unfinished.output)")

        let missing = try harness.run(["show", "first", "nowhere"])
        #expect(missing.code == 1)
        #expect(missing.output.isEmpty)
        #expect(missing.error.contains("nowhere/run.json"))
        #expect(try harness.run(["show"] + [String](repeating: "first", count: 6)).code == 1)
    }
}
