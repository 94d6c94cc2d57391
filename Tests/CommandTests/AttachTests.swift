import Foundation
import ProcessTestSupport
import Support
import Testing
import Training

/// Runs that go on without a terminal: begun in the background, left, looked at from several terminals, told what to do.
@Suite(.serialized) struct AttachTests {
    /// Longer than any test; with a validation and a save in it all the time.
    private static let long = [
        "--from-scratch", "--image-size", "32", "--batch-size", "4", "--epochs", "1000000", "--threads", "1",
    ]

    private static func detached(_ harness: CommandHarness, _ run: String = "run", _ options: [String] = long) throws {
        let started = try harness.run(["train", harness.data, "--output", run, "--detach"] + options)
        #expect(started.code == 0, "\(started.error)")
        #expect(started.output.contains("frostline attach \(run)"), "\(started.output)")
    }

    private static func process(_ harness: CommandHarness, _ run: String = "run") throws -> Int32 {
        let text = try String(contentsOfFile: "\(harness.folder)/\(run)/lock", encoding: .utf8)
        return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    private static func steps(_ harness: CommandHarness, _ run: String = "run") throws -> [JSON] {
        try DecisionKeysTests.metrics("\(harness.folder)/\(run)").filter { $0["kind"]?.text == "step" }
    }

    private static func requireEveryStepOnce(_ harness: CommandHarness, _ run: String = "run") throws {
        let numbers = try steps(harness, run).compactMap { $0["step"]?.int }
        #expect(numbers == Array(1...max(1, numbers.count)))
    }

    private static func attached(_ harness: CommandHarness, _ width: UInt16 = 120, _ height: UInt16 = 40) throws
        -> PseudoTerminal
    {
        try #require(try PseudoTerminal(["attach", "run"], folder: harness.folder, width: width, height: height))
    }

    /// A word with a colour of its own stands apart.
    private static func shows(_ terminal: PseudoTerminal, words: String) -> Bool {
        terminal.shows(within: 60) { $0.split(separator: " ").joined(separator: " ").contains(words) }
    }

    @Test func `a run in the background answers tell, and wait ends with its exit code`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        try Self.detached(harness)
        func tell(_ words: String...) throws -> CommandHarness.Result { try harness.run(["tell", "run"] + words) }
        // Also while a head trains from the cache, where each save is of a step long past once it is written.
        #expect(try tell("save").output.hasPrefix("saved step"))
        #expect(try tell("freeze", "fc.bias").output.contains("1 of 62 parameters train"))
        let answer = try tell("strategy", "partial", "--json")
        #expect(
            JSON.parse(Data(answer.output.utf8))?["trainable"]?.items?.count == 17, "\(answer.output)\(answer.error)")
        let probe = try tell("probe", "--json")
        #expect(
            JSON.parse(Data(probe.output.utf8))?["groups"]?.items?.isEmpty == false, "\(probe.output)\(probe.error)")
        #expect(try tell("rate", "0.5").output.contains("learning rate 0.0005"))
        #expect(try tell("pause").output.hasPrefix("paused after step"))
        #expect(try tell("save").output.hasPrefix("saved step"))
        #expect(try tell("validate").output.hasPrefix("validated after step"))
        #expect(try tell("resume").output.hasPrefix("resumed with step"))
        for (words, mention) in [
            (["freeze", "nothing"], "matches a parameter"), (["rate", "0"], "above 0"), (["dance"], "one of freeze"),
            (["pause", "now"], "nothing more"), (["strategy", "best"], "head"),
        ] {
            let refused = try harness.run(["tell", "run"] + words)
            #expect(refused.code == 1 && refused.error.contains(mention), "\(words): \(refused.error)")
        }
        let waiting = try Child(CommandHarness.program.path, ["wait", harness.folder + "/run"])
        usleep(300_000)
        #expect(waiting.isRunning)
        let stopped = try tell("stop")
        #expect(stopped.code == 0 && stopped.output.hasPrefix("stopped after"), "\(stopped.error)")
        #expect(waiting.code == 0)
        // Once `wait` has ended, the folder is the caller's.
        let left = try FileManager.default.contentsOfDirectory(atPath: harness.folder + "/run")
        #expect(!left.contains("socket") && !left.contains("lock"), "\(left)")
        #expect(try harness.run(["wait", "run"]).code == 0)
        let late = try tell("pause")
        #expect(
            late.code == 1 && late.error.contains("has ended") && late.error.contains("--resume run"), "\(late.error)")
        try Self.requireEveryStepOnce(harness)
        let log = try String(contentsOfFile: harness.folder + "/run/log.txt", encoding: .utf8)
        #expect(log.contains("asked to pause") && log.contains("stopped after"))
        #expect(!FileManager.default.fileExists(atPath: harness.folder + "/run/socket"))
    }

    @Test func `what is wrong at the start is said where the run was started`() throws {
        let harness = try CommandHarness(pictures: 2)
        defer { harness.remove() }
        let batch = try harness.run(
            [
                "train", harness.data, "--output", "run", "--detach", "--from-scratch", "--strategy", "full",
                "--batch-size", "1",
                "--image-size", "32",
            ])
        #expect(batch.code == 1 && batch.error.contains("BatchNorm") || batch.error.contains("layer"), "\(batch.error)")
        let folder = try harness.run(["train", "nowhere", "--detach", "--from-scratch"])
        #expect(folder.code == 1 && folder.error.contains("no such folder"), "\(folder.error)")
    }

    @Test func `two dashboards see each other's marks, D and q leave the run alone, Q stops it after a question`()
        throws
    {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        try Self.detached(harness, "run", Self.long + ["--strategy", "full"])
        let (first, second) = (try Self.attached(harness), try Self.attached(harness, 80, 24))
        try #require(Self.shows(first, words: "2 dashboards"))
        try #require(Self.shows(second, words: "11.2 M of 11.2 M train"))
        second.press("1")
        #expect(Self.shows(second, words: "1.0 K of 11.2 M train"))
        #expect(Self.shows(first, words: "1.0 K of 11.2 M train"))
        first.press("L")
        let requester = try NSRegularExpression(pattern: "from step \\d+ on \\(.* on pts/\\d+\\)")
        #expect(first.shows { requester.firstMatch(in: $0, range: NSRange($0.startIndex..., in: $0)) != nil })
        first.press("L\u{1B}")
        second.press("D")
        #expect(second.wait() == 0)
        first.press("q")
        #expect(first.wait() == 0)
        let third = try Self.attached(harness)
        // It knows of the change from the record.
        third.press("L")
        try #require(third.shows("froze conv1", within: 60))
        let plain = try #require(try PseudoTerminal(["attach", "run", "--plain"], folder: harness.folder))
        // Its first words come with what the commands need.
        var said = ""
        func says(_ text: String) -> Bool {
            let end = Date().addingTimeInterval(20)
            while !said.contains(text), Date() < end {
                usleep(20_000)
                said += plain.take()
            }
            return said.contains(text)
        }
        try #require(says("classes: cats, dogs"), "\(said)")
        plain.press("pause\n")
        #expect(says("Paused after step"), "\(said)")
        plain.press("quit\n")
        #expect(says("goes on in process"), "\(said)")
        #expect(plain.wait() == 0)
        #expect(third.shows("paused"))
        third.press("Q")
        #expect(third.shows("ends the run"))
        third.press("n")
        usleep(300_000)
        let engine = try Self.process(harness)
        #expect(third.isRunning && kill(engine, 0) == 0)
        third.press("Q")
        #expect(third.shows("ends the run"))
        third.press("y")
        #expect(third.wait() == 0)
        #expect(try harness.run(["wait", "run"]).code == 0)
        let freezes = try DecisionKeysTests.metrics(harness.folder + "/run").filter { $0["kind"]?.text == "freeze" }
        #expect(freezes.count == 1)
        try Self.requireEveryStepOnce(harness)
    }

    /// Epochs of some length, so that there is a middle.
    private static let measured = [
        "--from-scratch", "--image-size", "64", "--batch-size", "4", "--epochs", "6", "--threads", "2", "--strategy",
        "full", "--augment", "standard",
    ]

    @Test(arguments: ["D", "hang-up"])
    func `a run that its terminal leaves computes the same bits as one that is never touched`(
        _ way: String
    ) throws {
        let harness = try CommandHarness(pictures: 16)
        defer { harness.remove() }
        let whole = try harness.run(["train", harness.data, "--headless", "--output", "whole"] + Self.measured)
        #expect(whole.code == 0, "\(whole.error)")
        let terminal = try #require(
            try PseudoTerminal(
                ["train", harness.data, "--output", "run"] + Self.measured
                    + (way == "D" ? [] : ["--detach-on-hangup"]), folder: harness.folder))
        let metrics = MetricsTail(folder: harness.folder + "/run")
        let end = Date().addingTimeInterval(60)
        repeat {
            usleep(5000)
            metrics.update()
        } while (metrics.counts["step"] ?? 0) < 8 && Date() < end
        let engine = try #require(terminal.engineIdentifier)
        if way == "D" { terminal.press("D") } else { kill(terminal.processIdentifier, SIGHUP) }
        #expect(terminal.wait() == 0)
        #expect(kill(engine, 0) == 0, "the run has not gone on")
        #expect(try harness.run(["wait", "run"]).code == 0)
        func story(_ run: String) throws -> [String] {
            try DecisionKeysTests.metrics("\(harness.folder)/\(run)").map { line in
                guard case .object(let pairs) = line else { return line.line }
                return JSON.object(pairs.filter { !["milliseconds", "seconds"].contains($0.0) }).line
            }
        }
        #expect(try story("run") == story("whole"))
    }

    @Test func `without the option a terminal that goes away stops the run after a save`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        let terminal = try #require(
            try PseudoTerminal(["train", harness.data, "--output", "run"] + Self.long, folder: harness.folder))
        try #require(terminal.shows("epoch", within: 60))
        kill(terminal.processIdentifier, SIGHUP)
        #expect(terminal.wait() == 0)
        #expect(try harness.run(["wait", "run"]).output.hasPrefix("stopped after"))
    }

    @Test func `clients that are killed or stopped cost no step, and a run that is killed is told of`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        try Self.detached(harness)
        var clients = try (0..<3).map { _ in try Self.attached(harness) }
        for client in clients { #expect(Self.shows(client, words: "3 dashboards")) }
        kill(clients[0].processIdentifier, SIGSTOP)
        let before = try Self.steps(harness).count
        for _ in 0..<3 {
            kill(clients.removeLast().processIdentifier, SIGKILL)
            clients.append(try Self.attached(harness))
            usleep(300_000)
        }
        #expect(try Self.steps(harness).count > before)
        kill(clients[0].processIdentifier, SIGCONT)
        #expect(clients[0].shows("epoch"))
        for client in clients.dropFirst() { kill(client.processIdentifier, SIGKILL) }
        try Self.requireEveryStepOnce(harness)
        let engine = try Self.process(harness)
        kill(engine, SIGKILL)
        #expect(clients[0].wait() == 1)
        let waited = try harness.run(["wait", "run"])
        #expect(waited.code == 1 && waited.error.contains("--resume"), "\(waited.error)")
        let attached = try harness.run(["attach", "run", "--headless"])
        #expect(attached.code == 1 && attached.error.contains("no process trains this run"), "\(attached.error)")
        // Its socket is stale, which the next process knows by the lock.
        let resumed = try harness.run(["train", harness.data, "--resume", "run", "--detach"])
        #expect(resumed.code == 0, "\(resumed.error)")
        #expect(try harness.run(["tell", "run", "stop"]).code == 0)
        try Self.requireEveryStepOnce(harness)
    }
}
