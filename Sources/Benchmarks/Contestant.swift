import Foundation
import Support

/// What is timed within one process: some steps on a made-up batch.
struct StepWork: Hashable {
    enum Mode: String { case train, eval, cached }

    var strategy: String
    var mode: Mode = .train
    var batchSize = 16
    var imageSize = 224
    var steps = 10
    /// Of each process.
    var threads = 2
    /// Processes that share each batch.
    var ranks = 1

    /// Options that both sides take.
    var options: [String] {
        [
            "--strategy", strategy, "--batch-size", "\(batchSize)", "--image-size", "\(imageSize)", "--steps",
            "\(steps)", "--threads", "\(threads)",
        ] + (ranks > 1 ? ["--ranks", "\(ranks)"] : [])
    }
}

/// What one such process printed.
struct StepFigures {
    let milliseconds: Double
    let peakMemoryMiB: Double
    /// All that it printed.
    let json: JSON

    init(_ outcome: ChildProcess.Outcome, from program: String) throws {
        guard let json = JSON.parse(Data(outcome.output.utf8)), let milliseconds = json["milliseconds"]?.double,
            let peak = json["peakMemoryMiB"]?.double
        else { throw BenchmarkError("\(program): printed no JSON object with milliseconds and peakMemoryMiB.") }
        self.json = json
        self.milliseconds = milliseconds
        peakMemoryMiB = peak
    }
}

/// The two sides, and how each is asked the same question.
struct Contestants {
    var frostline: String
    /// nil where Frostline is timed alone.
    var python: String?
    /// The folder of the Python scripts.
    var scripts: String
    /// Whether both are held to AVX2, to see a processor without AVX-512.
    var avx2 = false

    func frostline(_ work: StepWork) throws -> StepFigures {
        try StepFigures(frostline(["bench", "--json", "--mode", work.mode.rawValue] + work.options), from: frostline)
    }

    /// PyTorch has no cached mode: it is asked for the whole step.
    func pytorch(_ work: StepWork) throws -> StepFigures? {
        try pytorch("pytorch_step.py", ["--mode", work.mode == .eval ? "eval" : "train"] + work.options).map {
            try StepFigures($0, from: "pytorch_step.py")
        }
    }

    func frostline(_ arguments: [String]) throws -> ChildProcess.Outcome {
        try ChildProcess(program: frostline, arguments: arguments + (avx2 ? ["--avx2"] : [])).run()
    }

    func pytorch(_ script: String, _ arguments: [String]) throws -> ChildProcess.Outcome? {
        guard let python else { return nil }
        return try ChildProcess(
            program: python, arguments: [scripts + "/" + script] + arguments,
            environment: avx2 ? ["ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"] : [:]
        ).run()
    }
}
