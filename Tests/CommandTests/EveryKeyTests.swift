import TUI
import Dashboard
import Foundation
import Testing
import Training

/// Every key that the help lists, pressed on the real program while it trains: something that only this key does must
/// then be on the screen, in the record, or true of the process, and must not have been before.
@Suite(.serialized) struct EveryKeyTests {
    private enum Sign {
        /// Stands on the screen.
        case text(String)
        /// What the screen shows matches this regular expression.
        case pattern(String)
        /// The charts show a window that ends before the latest step.
        case earlierSteps
        /// The row under the cursor begins so.
        case row(String)
        /// What is trainable, by count, in the last freeze line of metrics.jsonl.
        case trainable(Int)
        /// The last line of a kind has this number in a field.
        case line(String, String, Double)
        /// The paused run takes one step, and no more.
        case oneStep
        /// This file of the run folder is replaced.
        case written(String)
        /// Something is drawn where nothing else is.
        case drawn
        case stopped
        case exit(Int32)
    }

    private struct Press {
        let name: String
        /// What has to be typed first.
        var before = ""
        let key: String
        let sign: Sign
        /// What leaves things as the next key wants them.
        var after = ""
    }

    /// As a terminal in application mode sends them.
    private static let (up, down, left, right) = ("\u{1B}OA", "\u{1B}OB", "\u{1B}OD", "\u{1B}OC")

    private static let click = "a click on bn1's arrow"
    private static let arrowClick = "\u{1B}[<0;4;4M\u{1B}[<0;4;4m"

    /// In the order of pressing; the run begins with fc alone trainable.
    private static let presses = [
        Press(name: "last", key: "G", sign: .row("fc")),
        Press(name: "up", key: up, sign: .row("1")),
        Press(name: "page-up", key: "\u{1B}[5~", sign: .row("0")),
        Press(name: "first", key: "g", sign: .row("conv1")),
        Press(name: "page-down", key: "\u{1B}[6~", sign: .row("1")),
        Press(name: "down", before: "g", key: down, sign: .row("bn1")),
        Press(name: "unfold", key: right + down, sign: .row("weight")),
        Press(name: "fold", key: left + left, sign: .row("bn1")),
        Press(name: "enter", before: "gj", key: "\r" + down, sign: .row("weight"), after: "k\r"),
        // Press and release arrive together, as over ssh.
        Press(name: click, key: arrowClick + "j", sign: .row("weight"), after: "k" + arrowClick),
        Press(name: "toggle", before: "g", key: " ", sign: .trainable(3)),
        Press(name: "undo", key: "u", sign: .trainable(2)),
        Press(name: "redo", key: "\u{12}", sign: .trainable(3)),
        Press(name: "strategy-partial", key: "2", sign: .trainable(17)),
        Press(name: "strategy-full", key: "3", sign: .trainable(62)),
        Press(name: "strategy-head", key: "1", sign: .trainable(2)),
        Press(name: "below", before: "gj", key: "b", sign: .trainable(0)),
        Press(name: "above", before: "1Gk", key: "a", sign: .trainable(56)),
        Press(name: "range", before: "1g", key: "Vj ", sign: .trainable(5)),
        Press(name: "pattern", before: "1", key: "f*.bn1.weight\t\r", sign: .trainable(2 + 8)),
        Press(name: "search", before: "1g", key: "/layer\r", sign: .row("layer1")),
        Press(name: "next-match", key: "n", sign: .row("layer2")),
        Press(name: "previous-match", key: "N", sign: .row("layer1")),
        Press(name: "rate-up", key: "+", sign: .line("learningRate", "factor", 1.25)),
        Press(name: "rate-down", key: "-", sign: .line("learningRate", "factor", 1)),
        Press(name: "validate", key: "v", sign: .text("validated after step")),
        Press(name: "worth", before: "1", key: "w", sign: .pattern("thawing .* should")),
        Press(name: "auto", key: "A", sign: .text("auto is in charge"), after: "1"),
        Press(name: "pause", key: "p", sign: .text("paused")),
        Press(name: "step", key: ".", sign: .oneStep),
        Press(name: "mistakes", key: "M", sign: .text("Mistakes"), after: "M"),
        Press(name: "overlay", before: "M", key: "o", sign: .text("heat: predicted class"), after: "ooM"),
        Press(name: "heat", key: "H", sign: .text("by layer"), after: "HH"),
        Press(name: "save", key: "s", sign: .written(RunFolder.lastName)),
        Press(name: "smoothing", key: "m", sign: .text("smoothing strong")),
        Press(name: "scale", key: "y", sign: .text("Loss (log)"), after: "yy"),
        Press(name: "axis", key: "x", sign: .text("the lower axis counts steps")),
        Press(name: "zoom-in", key: "z", sign: .text("following the latest")),
        Press(name: "pan-left", key: "[", sign: .earlierSteps),
        Press(name: "pan-right", key: "]", sign: .text("following the latest")),
        Press(name: "zoom-out", key: "zzZZZ", sign: .text("the whole run")),
        Press(name: "whole-run", before: "z", key: "0", sign: .text("the whole run")),
        Press(name: "chart-cursor", key: "\t", sign: .text("chart cursor: left"), after: "\t"),
        Press(name: "theme", key: "t", sign: .pattern(#"theme .*\(\d+ of \d+\)"#)),
        Press(name: "log", key: "L", sign: .text("Log"), after: "L\u{1B}"),
        Press(name: "palette", key: ":scale linear\r", sign: .text("loss and gradient norms linear")),
        Press(name: "help", key: "?", sign: .text("freeze or thaw the row"), after: "\u{1B}"),
        Press(name: "redraw", key: "\u{0C}", sign: .drawn),
        Press(name: "suspend", key: "\u{1A}", sign: .stopped),
        Press(name: "quit", before: "p", key: "q", sign: .exit(0)),
    ]

    @Test func `the table above has every key of the help`() {
        // Those that leave the run are pressed in AttachTests.
        #expect(
            Set(Self.presses.map(\.name)).union(["interrupt", "detach", "stop-run"])
                == Set(KeyMap.names).union([Self.click]))
    }

    /// The program, in its second epoch.
    private func train(_ harness: CommandHarness) throws -> PseudoTerminal {
        let terminal = try #require(
            try PseudoTerminal(
                ["train", harness.data, "--output", "run"] + DecisionKeysTests.long, folder: harness.folder))
        try #require(terminal.shows("epoch 2", within: 120))
        return terminal
    }

    @Test func `every key of the help does what it says`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        let terminal = try train(harness)
        let metrics = MetricsTail(folder: harness.folder + "/run")
        for press in Self.presses {
            if !press.before.isEmpty { terminal.press(press.before) }
            if let isOnScreen = Self.screenSign(press.sign) {
                // Title and footer: the screen is there as a whole.
                let isAbsent = terminal.shows { $0.contains("frostline") && !isOnScreen($0) }
                try #require(isAbsent, "\(press.name): its sign is there before the key")
            }
            let holds = try sign(of: press, terminal, metrics)
            terminal.press(press.key)
            #expect(holds(), "\(press.name)")
            if !press.after.isEmpty { terminal.press(press.after) }
            try #require(terminal.isRunning || press.name == "quit", "ended at \(press.name)")
        }
    }

    @Test func `^C finishes the step, saves and leaves`() throws {
        let harness = try CommandHarness(pictures: 12)
        defer { harness.remove() }
        let terminal = try train(harness)
        terminal.press("\u{03}")
        #expect(terminal.wait() == 0)
        #expect(FileManager.default.fileExists(atPath: harness.folder + "/run/" + RunFolder.lastName))
    }

    /// The name in the row under the cursor begins so.
    static func cursorRow(is name: String, on screen: String) -> Bool {
        screen.split(separator: "▌").dropFirst().contains {
            $0.prefix(60).split(whereSeparator: { " ▸▾│".contains($0) }).dropFirst().first {
                $0.count > 1 || $0 == "0" || $0 == "1"
            }
            .map(String.init) == name
        }
    }

    /// What tells a sign that is read from the screen.
    private static func screenSign(_ sign: Sign) -> ((String) -> Bool)? {
        switch sign {
        case .text(let text): return { $0.contains(text) }
        case .pattern(let pattern): return { $0.range(of: pattern, options: .regularExpression) != nil }
        case .earlierSteps:
            return { $0.contains("steps ") && $0.contains(" to ") && !$0.contains("following the latest") }
        case .row(let name): return { cursorRow(is: name, on: $0) }
        default: return nil
        }
    }

    /// Requires that the key's sign is not there yet; what comes back waits for it.
    private func sign(of press: Press, _ terminal: PseudoTerminal, _ metrics: MetricsTail) throws -> () -> Bool {
        func soon(_ condition: () -> Bool) -> Bool {
            for _ in 0..<200 {
                metrics.update()
                if condition() { return true }
                Thread.sleep(forTimeInterval: 0.05)
            }
            return false
        }
        func absent(_ condition: @escaping () -> Bool) throws -> () -> Bool {
            metrics.update()
            try #require(!condition(), "\(press.name): its sign is there before the key")
            return { soon(condition) }
        }
        switch press.sign {
        case .text, .pattern, .earlierSteps, .row:
            let isOnScreen = try #require(Self.screenSign(press.sign))
            return { terminal.shows(within: 20, where: isOnScreen) }
        case .trainable(let count): return try absent { metrics.trainable?.count == count }
        case .line(let kind, let field, let value):
            return try absent { metrics.last[kind]?[field]?.double == value }
        case .oneStep:
            metrics.update()
            let steps = metrics.counts["step"] ?? 0
            let hasStepped = try absent { metrics.counts["step"] ?? 0 > steps }
            return {
                guard hasStepped(), terminal.shows("paused") else { return false }
                metrics.update()
                return metrics.counts["step"] == steps + 1
            }
        case .written(let name):
            // An atomic replacement is another file.
            func file() -> UInt64? {
                let attributes = try? FileManager.default.attributesOfItem(atPath: "\(metrics.folder)/\(name)")
                return (attributes?[.systemFileNumber] as? NSNumber)?.uint64Value
            }
            let before = file()
            return try absent { file() != nil && file() != before }
        case .drawn:
            #expect(soon { terminal.take().isEmpty }, "a paused run draws all the time")
            return { soon { terminal.take().contains("frostline") } }
        case .stopped:
            let isStopped = try absent { terminal.isStopped }
            return {
                guard isStopped() else { return false }
                terminal.carryOn()
                return terminal.shows("Layers")
            }
        case .exit(let code): return { terminal.wait() == code }
        }
    }
}
