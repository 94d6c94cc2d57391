import Foundation
import ProcessTestSupport
import Testing

/// Wrong input to `train` and `inspect`: one clear error, no stack trace, a non-zero exit.
@Suite struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        /// Shell commands that spoil the folder, in which `data` lies.
        var setUp = ""
        var arguments: [String] = ["train", "data", "--from-scratch"]
        /// What the error must mention.
        var mentions: [String]
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "no such folder", arguments: ["train", "nowhere", "--from-scratch"],
            mentions: ["nowhere", "no such folder"]),
        Case(
            name: "a file for DATA", setUp: "echo x > file", arguments: ["train", "file", "--from-scratch"],
            mentions: ["file"]),
        Case(name: "no class folders", setUp: "rm -r data/*", mentions: ["data", "class"]),
        Case(
            name: "pictures without class folders", setUp: "mv data/cats/* data/; rm -r data/cats data/dogs",
            mentions: ["data", "class"]),
        Case(name: "one class only", setUp: "rm -r data/dogs", mentions: ["cats"]),
        Case(name: "an empty class", setUp: "rm data/dogs/*", mentions: ["dogs"]),
        Case(
            name: "a class that cannot be read",
            setUp: "for f in data/dogs/*; do echo broken > $f; done", mentions: ["dogs"]),
        Case(
            name: "a run folder that holds a run", setUp: "mkdir run; echo '{}' > run/run.json",
            arguments: ["train", "data", "--from-scratch", "--output", "run"], mentions: ["run", "--resume"]),
        Case(
            name: "a run folder that is a file", setUp: "echo x > run",
            arguments: ["train", "data", "--from-scratch", "--output", "run"], mentions: ["run"]),
        Case(
            name: "a run folder that cannot be made",
            arguments: ["train", "data", "--from-scratch", "--output", "/proc/nothing/run"],
            mentions: ["/proc/nothing/run"]),
        Case(name: "no weights", arguments: ["train", "data"], mentions: ["--weights", "resnet18-f37072fd.pth"]),
        Case(
            name: "weights that do not exist", arguments: ["train", "data", "--weights", "no.pth"], mentions: ["no.pth"]
        ),
        Case(
            name: "weights that are not a checkpoint", setUp: "echo hello > w.pth",
            arguments: ["train", "data", "--weights", "w.pth"], mentions: ["w.pth"]),
        Case(
            name: "empty weights", setUp: ": > w.pth", arguments: ["train", "data", "--weights", "w.pth"],
            mentions: ["w.pth", "empty"]),
        Case(
            name: "weights and from scratch", arguments: ["train", "data", "--from-scratch", "--weights", "w"],
            mentions: ["--from-scratch"]),
        Case(
            name: "a key and from scratch", arguments: ["train", "data", "--from-scratch", "--checkpoint-key", "ema"],
            mentions: ["--from-scratch", "--checkpoint-key"]),
        Case(
            name: "a key that is not in the file",
            arguments: [
                "inspect", CommandHarness.checkpointFixtures + "timm_ema.pth", "--checkpoint-key", "weights_of_mine",
            ], mentions: ["timm_ema.pth", "'weights_of_mine'", "'state_dict', 'state_dict_ema'"]),
        Case(
            name: "training from a key that is not in the file",
            arguments: [
                "train", "data", "--weights", CommandHarness.checkpointFixtures + "lightning.ckpt", "--checkpoint-key",
                "weights_of_mine",
            ], mentions: ["lightning.ckpt", "'weights_of_mine'", "'state_dict'"]),
        Case(
            name: "no epochs", arguments: ["train", "data", "--from-scratch", "--epochs", "0"], mentions: ["--epochs"]),
        Case(
            name: "a batch of nothing", arguments: ["train", "data", "--from-scratch", "--batch-size", "0"],
            mentions: ["--batch-size"]),
        Case(
            name: "a rate that is no number", arguments: ["train", "data", "--from-scratch", "--learning-rate", "nan"],
            mentions: ["--learning-rate"]),
        Case(
            name: "an unknown strategy", arguments: ["train", "data", "--from-scratch", "--strategy", "tail"],
            mentions: ["strategy"]),
        Case(
            name: "a split of everything", arguments: ["train", "data", "--from-scratch", "--validation-split", "1"],
            mentions: ["--validation-split"]),
        Case(
            name: "a pattern that matches nothing",
            arguments: ["train", "data", "--from-scratch", "--freeze", "layer9"], mentions: ["layer9", "layer1"]),
        Case(
            name: "a pattern that is empty", arguments: ["train", "data", "--from-scratch", "--unfreeze", ""],
            mentions: ["--unfreeze"]),
        Case(name: "resuming nothing", arguments: ["train", "data", "--resume", "nothing"], mentions: ["nothing"]),
        Case(
            name: "a cache folder that is a file", setUp: "echo x > file",
            arguments: ["train", "data", "--from-scratch", "--cache-dir", "file"], mentions: ["file", "--cache-dir"]),
        Case(
            name: "a cache folder that cannot be made",
            arguments: ["train", "data", "--from-scratch", "--cache-dir", "/proc/nothing/cache"],
            mentions: ["/proc/nothing/cache", "--cache-dir"]),
        Case(name: "no threads", arguments: ["bench", "--threads", "0"], mentions: ["--threads"]),
        Case(name: "no steps", arguments: ["bench", "--steps", "0"], mentions: ["--steps"]),
        Case(name: "inspecting nothing", arguments: ["inspect", "nothing.pth"], mentions: ["nothing.pth"]),
    ]

    @Test(arguments: cases) func `is refused with one clear error`(_ bad: Case) throws {
        let harness = try CommandHarness()
        defer { harness.remove() }
        if !bad.setUp.isEmpty {
            _ = try Child("/bin/sh", ["-c", bad.setUp], folder: harness.folder).code
        }
        let result = try harness.run(bad.arguments)
        #expect(result.code > 0, "\(result.output)\(result.error)")
        for word in bad.mentions { #expect(result.error.contains(word), "\(word) in: \(result.error)") }
        #expect(!result.error.contains("Fatal error") && !result.error.contains("Stack dump"))
    }
}
