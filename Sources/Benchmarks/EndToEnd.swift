import Foundation
import Support

/// Whole runs as processes: decode, train, validate, save.
struct EndToEnd {
    let contestants: Contestants
    let files: BenchmarkFiles
    /// A folder for what the runs write.
    let folder: String
    let batchSize: Int
    let imageSize: Int
    let threads: Int
    var epochs = 5

    /// Seconds of `frostline train` from start to exit.
    func frostline(_ strategy: String) throws -> Double {
        let output = newFolder()
        defer { try? FileManager.default.removeItem(atPath: output) }
        return try contestants.frostline(training(strategy, epochs: epochs, output: output)).seconds
    }

    /// Seconds of the PyTorch script from start to exit, with pictures decoded in `workers` processes of their own.
    func pytorch(_ strategy: String, workers: Int) throws -> Double? {
        let output = newFolder()
        defer { try? FileManager.default.removeItem(atPath: output) }
        return try contestants.pytorch(
            "pytorch_finetune.py",
            [files.pictures] + options(strategy, epochs: epochs, output: output) + ["--workers", "\(workers)"])?.seconds
    }

    /// Milliseconds of a head epoch whose features come from the cache, all that `train` does in one included, and its
    /// steps: what a run of 2000 epochs more takes more by the wall clock, since 200 take no longer than starts differ.
    /// Nothing is held out, so that an epoch is training alone.
    func cachedHeadEpoch() throws -> (milliseconds: Double, steps: Int) {
        let short = try headRun(epochs: 10)
        let long = try headRun(epochs: 2010)
        let steps = long.steps - short.steps
        guard long.seconds > short.seconds, steps > 0 else {
            throw BenchmarkError("2010 head epochs took no longer than 10; keep the machine idle and try again.")
        }
        return ((long.seconds - short.seconds) * 1000 / 2000, steps / 2000)
    }

    /// Seconds from start to exit, and the steps in metrics.jsonl.
    private func headRun(epochs: Int) throws -> (seconds: Double, steps: Int) {
        let output = newFolder()
        defer { try? FileManager.default.removeItem(atPath: output) }
        let seconds = try contestants.frostline(
            training("head", epochs: epochs, output: output) + ["--validation-split", "0"]
        ).seconds
        let text = (try? String(contentsOfFile: output + "/metrics.jsonl", encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n").compactMap { JSON.parse(Data($0.utf8)) }
        return (seconds, lines.count { $0["kind"]?.text == "step" })
    }

    private func training(_ strategy: String, epochs: Int, output: String) -> [String] {
        ["train", files.pictures, "--headless"] + options(strategy, epochs: epochs, output: output)
    }

    /// Options that both sides take.
    private func options(_ strategy: String, epochs: Int, output: String) -> [String] {
        [
            "--weights", files.weights, "--strategy", strategy, "--epochs", "\(epochs)", "--batch-size", "\(batchSize)",
            "--image-size", "\(imageSize)", "--threads", "\(threads)", "--output", output,
        ]
    }

    private func newFolder() -> String { folder + "/run-\(UUID().uuidString)" }
}
