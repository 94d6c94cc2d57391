import ArgumentParser
import Foundation
import Training
import TrainingEvents

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Fine-tune on an image folder.",
        discussion: """
            DATA holds a folder per class, with pictures below it at any depth; with train/ and val/ in it, those are \
            the splits. Where standard output is a terminal the dashboard opens, elsewhere plain lines are printed.
            """)

    @Argument(help: "The image folder.") var data: String
    @Option(
        help:
            "A .pth (any container of torch.save) or .safetensors file with a ResNet18. (default: the newest resnet18-*.pth in the torch hub's cache)"
    )
    var weights: String?
    @Flag(help: "Start from random weights on purpose.") var fromScratch = false
    @OptionGroup var training: RunArguments
    @Option(help: "The run folder. (default: the next free runs/NAME-N)") var output: String?
    @Option(help: "Continue the run in this folder, with its options.") var resume: String?
    @Flag(help: "Print plain lines even where standard output is a terminal.") var headless = false

    func run() throws {
        let outcome: RunOutcome
        do {
            var request = try makeRequest()
            request.pausesWhereSavingFails = JobRunner.showsDashboard(headless: headless)
            let mailbox = EventMailbox()
            let engine = TrainingEngine(request, mailbox: mailbox)
            let job = Job(mailbox: mailbox, send: engine.send) { await engine.run() }
            outcome = try JobRunner.run(job, headless: headless)
        } catch let error as ExitCode {
            throw error
        } catch {
            throw failure(StandardStreams.visible("\(error)"))
        }
        if let message = outcome.failure { throw failure(StandardStreams.visible(message)) }
    }

    private func makeRequest() throws -> RunRequest {
        try Self.requireFolder(data)
        if let resume { return try resumed(from: resume) }
        let options = try training.options(over: RunArguments.machineDefaults())
        if fromScratch, weights != nil {
            throw TrainingError.option("--from-scratch", found: "with --weights", expected: "one of the two")
        }
        let start: StartingWeights
        if fromScratch {
            start = .random
        } else if let weights {
            start = .file(weights)
        } else if let found = WeightFiles.newestPretrained() {
            start = .file(found)
        } else {
            throw TrainingError.data(WeightFiles.notFoundMessage)
        }
        if case .file(let path) = start { try WeightFiles.requireReadable(path) }
        let name = URL(fileURLWithPath: data).standardizedFileURL.lastPathComponent
        return RunRequest(
            data: .folder(data), weights: start, options: options, output: output ?? RunFolder.next(named: name))
    }

    /// The recorded options, which the command line may repeat but not contradict, except where it makes no difference
    /// to what was done so far.
    private func resumed(from path: String) throws -> RunRequest {
        if let output, output != path {
            throw TrainingError.option("--output", found: output, expected: "nothing, or the folder of --resume")
        }
        let recorded = try RunFolder.recordedOptions(of: path)
        var base = RunArguments.machineDefaults()
        base.adopt(recorded)
        var wanted = try training.options(over: base)
        let free: [WritableKeyPath<RunOptions, Int>] = [\.epochs, \.threads, \.cacheBudget]
        var comparable = wanted
        for key in free { comparable[keyPath: key] = base[keyPath: key] }
        comparable.recipe.saveEvery = base.recipe.saveEvery
        comparable.recipe.patience = base.recipe.patience
        if comparable != base {
            throw TrainingError.option(
                "--resume", found: "with other options than \(path) was started with",
                expected: "the same options (only --epochs, --patience, --save-every, --threads and --cache-memory may "
                    + "differ)")
        }
        if let problem = try RunFolder.differentStart(of: path, weights: weights, fromScratch: fromScratch) {
            throw TrainingError.option("--resume", found: path, expected: problem)
        }
        wanted.head = .automatic
        return RunRequest(data: .folder(data), weights: .random, options: wanted, output: path, resume: true)
    }

    /// Refuses before a dashboard opens what a glance can tell.
    private static func requireFolder(_ path: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw TrainingError.data("\(path): no such folder; DATA must hold a folder of pictures per class.")
        }
        guard isFolder.boolValue else {
            throw TrainingError.data("\(path): this is a file; DATA must be a folder that holds a folder per class.")
        }
    }
}
