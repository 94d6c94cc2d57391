import Foundation
import Support
import Training

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
            [
                files.pictures, "--weights", files.weights, "--strategy", strategy, "--epochs", "\(epochs)",
                "--batch-size", "\(batchSize)", "--image-size", "\(imageSize)", "--threads", "\(threads)",
                "--workers", "\(workers)", "--output", output,
            ])?.seconds
    }

    /// Milliseconds of a head epoch whose features come from the cache, all that `train` does in one included, and its
    /// steps. Nothing is held out, so that the epoch is training alone.
    func cachedHeadEpoch() throws -> (milliseconds: Double, steps: Int) {
        let output = newFolder()
        defer { try? FileManager.default.removeItem(atPath: output) }
        _ = try contestants.frostline(
            training("head", epochs: 8, output: output) + ["--validation-split", "0"])
        let path = output + "/metrics.jsonl"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let lines = text.split(separator: "\n").compactMap { JSON.parse(Data($0.utf8)) }
        // The first epoch fills the cache.
        let later = lines.filter { $0["epoch"]?.int ?? 0 > 1 }
        let seconds = later.filter { $0["kind"]?.text == "epoch" }.compactMap { $0["seconds"]?.double }
        let steps = later.filter { $0["kind"]?.text == "step" && $0["epoch"]?.int == 2 }.count
        guard let median = SideBySide.median(seconds), steps > 0 else {
            throw BenchmarkError("\(path): holds no epoch after the first; the run may have ended early.")
        }
        return (median * 1000, steps)
    }

    private func training(_ strategy: String, epochs: Int, output: String) -> [String] {
        [
            "train", files.pictures, "--weights", files.weights, "--headless", "--strategy", strategy, "--epochs",
            "\(epochs)", "--batch-size", "\(batchSize)", "--image-size", "\(imageSize)", "--threads", "\(threads)",
            "--output", output,
        ]
    }

    private func newFolder() -> String { folder + "/run-\(UUID().uuidString)" }
}
