import ArgumentParser
import Foundation
import Ranks
import RunSocket
import Terminal
import Training
import TrainingEvents

struct TrainCommand: ComputingCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Fine-tune on an image folder.",
        discussion: """
            DATA holds a folder per class, with pictures below it at any depth; with train/ and val/ in it, those are \
            the splits. Where standard output is a terminal the dashboard opens, elsewhere plain lines are printed.
            """)

    @Argument(help: "The image folder.", completion: .directory) var data: String
    @OptionGroup var start: StartArguments
    @OptionGroup var training: RunArguments
    @Option(help: "The run folder. (default: the next free runs/NAME-N)", completion: .directory) var output: String?
    @Option(help: "Continue the run in this folder, with its options.", completion: .runFolders) var resume: String?
    @Flag(help: "Also write TensorBoard's event files into the run folder.") var tensorboard = false
    @Flag(help: "Print plain lines even where standard output is a terminal.") var headless = false
    @Flag(help: "Train in the background, without a terminal; `frostline attach` opens the dashboard.")
    var detach = false
    @Flag(
        inversion: .prefixedNo,
        help:
            "Where the terminal goes away, leave the run alone instead of stopping it. (default: --no-detach-on-hangup)"
    )
    var detachOnHangup: Bool?

    @OptionGroup var processes: RankArguments

    @OptionGroup(title: "Processor") var processor: ProcessorArguments

    @OptionGroup(title: "Interface") var interface: InterfaceArguments

    func run() throws {
        let ranks = try processes.toStart()
        if let place = RankLaunch.place {
            RankProcesses.prepare(place)
            return try trainHere(owner: EngineProcess.owner())
        }
        if let owner = EngineProcess.owner() { return try trainHere(owner: owner) }
        if detach { return try startDetached(ranks ?? 1) }
        if !interface.plain, JobRunner.showsDashboard(headless: headless) {
            return try trainBehindDashboard(ranks ?? 1)
        }
        if let ranks { return try trainInRanks(ranks) }
        try trainHere(owner: nil)
    }

    // MARK: Where it runs

    /// The engine in this process, with plain lines.
    /// - Parameter owner: the connection to the process that has started this one.
    private func trainHere(owner: Int32?) throws {
        let group = try RankLaunch.group()
        if let group, !group.isFirst { return try follow(group) }
        var request = try makeRequest()
        if let group {
            request.options = try request.options.agreed(group)
            request.group = group
        }
        request.tensorBoard = tensorboard
        request.pausesWhereSavingFails = owner != nil && !detach
        let survivesHangUp = InterfaceSettings.survivesHangUp(detachOnHangup)
        // There is no dashboard that could leave: nothing happens at all.
        if owner == nil, survivesHangUp { ProcessSignals.ignore(.hangUp) }
        let server = RunServer()
        let mailbox = EventMailbox(listener: server)
        request.folderOpened = { folder in
            if owner != nil { RunLog.move(into: folder) }
            server.listen(in: folder)
        }
        let engine = TrainingEngine(request, mailbox: mailbox)
        let run = RunServer.Run(
            mailbox: mailbox, send: engine.send, waitingCommands: { engine.waitingCommands })
        server.start(run, owner: owner, survivesOwner: survivesHangUp && !detach)
        // Commands that are typed here are the attached dashboards' business too.
        let job = Job(
            mailbox: mailbox, send: { $0.id == nil ? engine.send($0) : run.pass($0) }, body: { await engine.run() })
        let outcome = try JobRunner.run(job, headless: true, interface: owner == nil ? interface : nil)
        server.finish()
        try outcome.requireSuccess()
    }

    /// The engine of a rank other than 0, which has all but the pictures from rank 0 and says nothing.
    private func follow(_ group: any RankGroup) throws {
        let options = try training.options(over: RunArguments.machineDefaults()).agreed(group)
        try StartArguments.requireFolder(data)
        var request = RunRequest(data: .folder(data), weights: .random, options: options, output: nil)
        request.group = group
        let mailbox = EventMailbox()
        let engine = TrainingEngine(request, mailbox: mailbox)
        try mailbox.follow({ await engine.run() }) { _ in false }?.requireSuccess()
    }

    /// The engine in several processes, whose lines are printed here.
    private func trainInRanks(_ ranks: Int) throws {
        // What can be refused is refused once.
        _ = try makeRequest()
        if InterfaceSettings.survivesHangUp(detachOnHangup) { ProcessSignals.ignore(.hangUp) }
        let code = try RankLauncher(ranks: ranks, readsInput: interface.plain).run()
        if code != 0 { throw ExitCode(code) }
    }

    /// The engine in a process of its own, and a dashboard that is attached to it.
    private func trainBehindDashboard(_ ranks: Int) throws {
        // What can be refused is refused before a screen is opened.
        _ = try makeRequest()
        let survivesHangUp = InterfaceSettings.survivesHangUp(detachOnHangup)
        let engine = EngineProcess(purpose: .dashboard, ranks: ranks)
        let job = Job(
            mailbox: engine.mailbox, send: engine.send, body: { await engine.run() }, tie: .started,
            leave: engine.leave, abort: engine.abort)
        let outcome = try JobRunner.run(
            job, headless: headless, interface: interface, survivesHangUp: survivesHangUp)
        if engine.hasLeft { Self.sayWhereItGoesOn(engine.output, engine.processIdentifier) }
        try outcome.requireSuccess()
    }

    /// Waits until the run has all that it needs for its first step, and leaves it.
    private func startDetached(_ ranks: Int) throws {
        _ = try makeRequest()
        ProcessSignals.prepareForRun()
        let engine = EngineProcess(purpose: .script, ranks: ranks)
        let outcome = engine.mailbox.follow({ await engine.run() }) { event in
            switch event {
            case .freeze: engine.leave()
            case .warning(let text): StandardStreams.warning(text)
            default: break
            }
            return false
        }
        if engine.hasLeft { return Self.sayWhereItGoesOn(engine.output, engine.processIdentifier) }
        try outcome?.requireSuccess()
    }

    private static func sayWhereItGoesOn(_ output: String?, _ process: Int) {
        guard let output else { return }
        StandardStreams.line("\(output) goes on in process \(process); its lines are in \(output)/\(RunLog.name)")
        StandardStreams.line("  frostline attach \(output)       its dashboard, from any terminal")
        StandardStreams.line("  frostline tell \(output) stop    ends it after a save")
    }

    // MARK: What to run

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
        try RunFolder.requireSameStart(
            of: path, weights: start.weights, key: start.checkpointKey, fromScratch: start.fromScratch)
        return RunRequest(
            data: .folder(data), weights: try RunFolder.record(of: path).start, options: wanted, output: path,
            resume: true)
    }
}
