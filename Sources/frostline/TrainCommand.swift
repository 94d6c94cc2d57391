import ArgumentParser
import Foundation
import Training
import TrainingEvents

struct TrainCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Fine-tune on an image folder.",
        discussion: """
            DATA holds a folder per class, with pictures below it at any depth; with train/ and val/ in it, those are \
            the splits. Where standard output is a terminal the dashboard opens, elsewhere plain lines are printed.
            """)

    @Argument(help: "The image folder.") var data: String
    @OptionGroup var start: StartArguments
    @OptionGroup var training: RunArguments
    @Option(help: "The run folder. (default: the next free runs/NAME-N)") var output: String?
    @Option(help: "Continue the run in this folder, with its options.") var resume: String?
    @Flag(help: "Also write TensorBoard's event files into the run folder.") var tensorboard = false
    @Flag(help: "Print plain lines even where standard output is a terminal.") var headless = false

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    @OptionGroup(title: "Interface") var interface: InterfaceArguments

    func run() throws {
        var request = try makeRequest()
        request.tensorBoard = tensorboard
        request.pausesWhereSavingFails = JobRunner.showsDashboard(headless: headless)
        let mailbox = EventMailbox()
        let engine = TrainingEngine(request, mailbox: mailbox)
        let job = Job(mailbox: mailbox, send: engine.send) { await engine.run() }
        try JobRunner.run(job, headless: headless, interface: interface).requireSuccess()
    }

    private func makeRequest() throws -> RunRequest {
        try StartArguments.requireFolder(data)
        if let resume { return try resumed(from: resume) }
        let options = try training.options(over: RunArguments.machineDefaults())
        let weights = try start.start()
        let name = URL(fileURLWithPath: data).standardizedFileURL.lastPathComponent
        return RunRequest(
            data: .folder(data), weights: weights, options: options, output: output ?? RunFolder.next(named: name))
    }

    /// The recorded options, which the command line may repeat but not contradict, except where it makes no difference
    /// to what was done so far.
    private func resumed(from path: String) throws -> RunRequest {
        let isSame = output == nil || output == path
        try TrainingError.require(isSame, "--output", output ?? "", "nothing, or the folder of --resume")
        let recorded = try RunFolder.recordedOptions(of: path)
        var base = RunArguments.machineDefaults()
        base.adopt(recorded)
        let wanted = try training.options(over: base)
        try wanted.requireContinuation(of: base, in: path)
        try RunFolder.requireSameStart(of: path, weights: start.weights, fromScratch: start.fromScratch)
        return RunRequest(
            data: .folder(data), weights: try RunFolder.record(of: path).start, options: wanted, output: path,
            resume: true)
    }
}
