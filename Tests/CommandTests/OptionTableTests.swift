import Foundation
import Testing

/// Every numeric option of every command at values that make no sense: refused by its name, or known to be allowed.
@Suite struct OptionTableTests {
    static let values = ["0", "-1", "nan", "inf", "-inf", "1e308", "9223372036854775808", "", "٣", "0x10", "1,5"]

    struct Command: Sendable, CustomTestStringConvertible {
        let words: [String]
        let options: [String]
        var testDescription: String { words[0] }
    }

    static let commands = [
        Command(
            words: ["train", "data", "--from-scratch", "--output", "out"],
            options: [
                "epochs", "batch-size", "learning-rate", "momentum", "weight-decay", "image-size", "validation-split",
                "seed", "threads", "cache-memory", "patience", "label-smoothing", "clip-norm", "accumulate",
                "learning-rate-decay-per-stage", "save-every", "ranks", "lr=fc", "lr=layer9", "thaw",
            ]),
        Command(
            words: ["find-lr", "data", "--from-scratch"], options: ["from", "to", "steps", "orders", "batch-size"]),
        Command(words: ["compare", "data", "--from-scratch"], options: ["seeds", "epochs"]),
        Command(words: ["evaluate", "run", "data"], options: ["worst", "threads"]),
        Command(words: ["predict", "run", "data/cats/0.ppm"], options: ["threads"]),
        Command(words: ["bench"], options: ["batch-size", "image-size", "steps", "threads"]),
        Command(words: ["demonstration", "--headless"], options: ["threads", "seed"]),
    ]

    /// What is odd and yet means something; `0x10` is a number to Swift's Double.
    static let allowed: [String: Set<String>] = [
        "learning-rate": ["1e308", "9223372036854775808", "0x10"], "momentum": ["0"],
        "weight-decay": ["0", "1e308", "9223372036854775808", "0x10"], "validation-split": ["0"],
        "seed": ["0", "9223372036854775808"], "cache-memory": ["0"], "label-smoothing": ["0"],
        "clip-norm": ["1e308", "9223372036854775808", "0x10"], "save-every": ["0"],
        "lr=fc": ["0", "1e308", "9223372036854775808", "0x10"], "from": ["0x10"],
        "to": ["1e308", "9223372036854775808", "0x10"], "worst": ["0"],
    ]

    @Test(arguments: commands) func `is refused by its name`(_ command: Command) throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        if command.words.contains("run") {
            _ = try harness.run(["train", "data", "--from-scratch", "--output", "run"] + CommandHarness.quick)
        }
        for option in command.options {
            for value in Self.values where Self.allowed[option]?.contains(value) != true {
                let result = try harness.run(command.words + ["--\(option)=\(value)"])
                let name = "--" + (option.split(separator: "=").first ?? "")
                #expect(result.code > 0, "--\(option)=\(value): \(result.output)\(result.error)")
                #expect(result.error.contains(name), "--\(option)=\(value): \(result.error)")
                #expect(!result.error.contains("Fatal error"), "--\(option)=\(value)")
            }
        }
        #expect(!FileManager.default.fileExists(atPath: harness.folder + "/out"))
    }

    @Test func `what is odd and allowed runs, or ends with advice`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        let start = ["train", "data", "--from-scratch"] + CommandHarness.quick
        let odd = try harness.run(
            start + [
                "--momentum=0", "--weight-decay=0", "--validation-split=0", "--seed=9223372036854775808",
                "--cache-memory=0", "--label-smoothing=0", "--clip-norm=1e308", "--save-every=0", "--lr=fc.bias=0",
            ])
        #expect(odd.code == 0, "\(odd.error)")
        for huge in ["--learning-rate=1e308", "--lr=fc=1e308", "--weight-decay=1e308"] {
            let result = try harness.run(start + [huge])
            #expect(result.code == 1 && result.error.contains("not a finite number"), "\(huge): \(result.error)")
        }
        let frozen = try harness.run(start + ["--freeze", "*"])
        #expect(frozen.code == 0 && frozen.output.contains("0 of 62 parameters train"), "\(frozen.error)")
    }

    static let contradictions = [
        ["--seed=1"], ["--batch-size=2"], ["--learning-rate=0.5"], ["--strategy", "full"], ["--optimizer", "adamw"],
        ["--schedule", "cosine"], ["--image-size=64"], ["--augment", "flip"], ["--no-shuffle"],
        ["--validation-split=0.5"], ["--freeze", "fc"], ["--unfreeze", "layer4"], ["--momentum=0"],
        ["--weight-decay=0"],
        ["--exif", "ignore"], ["--frozen-batchnorm", "track"], ["--no-cache"], ["--head", "new"],
        ["--label-smoothing=0.1"], ["--class-weights", "balanced"], ["--clip-norm=1"], ["--accumulate=2"],
        ["--learning-rate-decay-per-stage=0.5"], ["--lr=fc=1"], ["--thaw=1:fc"], ["--from-scratch", "--weights", "x"],
        ["--output", "other"], ["--weights", "data/cats/0.ppm"],
    ]

    @Test func `a resumed run with contradicting options is refused, and left as it was`() throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        _ = try harness.run(["train", "data", "--from-scratch", "--output", "run"] + CommandHarness.quick)
        func record() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: harness.folder + "/run/run.json")) }
        let before = try record()
        for contradiction in Self.contradictions {
            let result = try harness.run(["train", "data", "--resume", "run", "--epochs", "2"] + contradiction)
            #expect(result.code > 0 && result.error.hasPrefix("frostline: --"), "\(contradiction): \(result.error)")
            #expect(try record() == before, "\(contradiction)")
        }
    }
}
