import ArgumentParser
import Training

extension TrainedNetwork.Choice: ExpressibleByArgument {}

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a run's weights or metrics for other programs.",
        discussion: """
            The ending of FILE says what is written: .safetensors, .pth (torchvision loads it with weights_only=True and \
            strict=True), .onnx (opset 17, classes and preprocessing in its metadata) or .csv (metrics.jsonl as a table).
            """)

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .runFolders) var folder: String
    @Argument(help: "The file to write.", completion: .file()) var file: String
    @Option(help: "best (at validation) or last. (default: best)") var weights: TrainedNetwork.Choice = .best

    func run() throws { StandardStreams.line(try RunExport.write(folder, choice: weights, to: file)) }
}
