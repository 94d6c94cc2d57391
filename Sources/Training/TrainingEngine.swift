import Checkpoints
import Foundation
import Kernels
import Model
import TrainingEvents

/// Trains one run. Commands go in through `send` and take hold between two steps; everything that happens comes out of
/// the mailbox. The actor has a thread of its own, so a run of hours blocks nobody.
public actor TrainingEngine {
    private let executor: EngineExecutor
    private nonisolated let inbox = CommandInbox()
    private nonisolated let mailbox: EventMailbox
    private let request: RunRequest
    private let options: RunOptions
    private var freezes: [FreezeReport] = []
    private var paused = false
    private var stopping = false
    private var warnedPictures: Set<Int> = []
    /// Whether metrics.jsonl must be told the mask that a resumed run begins with.
    private var recordsFirstMask = false
    private var lastProblem: String?
    private var tensorBoard: TensorBoardLog?
    private var epochs: [EpochReport] = []
    private var lastSave = ContinuousClock.now
    /// What could not be written, and was said.
    private let trouble = SaveTrouble()
    /// A person watches and can be asked.
    private var watched = false
    private var isMeasured = false
    /// Steps that run although the run is paused.
    private var singleSteps = 0
    private var wantsValidation = false
    private var inspected: String?
    private var lastInspection = ContinuousClock.now - .seconds(1)
    private var keeper = GoodWeights()

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public init(_ request: RunRequest, mailbox: EventMailbox) {
        self.request = request
        options = request.options
        self.mailbox = mailbox
        executor = EngineExecutor(name: "frostline-engine")
    }

    /// Asks for something; never waits. The answer is an event.
    public nonisolated func send(_ command: TrainingCommand) { inbox.send(command) }

    /// Trains to the end, or to a stop, or to a failure; the last event is `.finished` or `.failed`.
    public func run() async -> RunOutcome {
        mailbox.post(.opened(RunDescription(request)))
        do {
            let summary = try await train()
            mailbox.post(.finished(summary))
            return RunOutcome(summary: summary, failure: nil, freezes: freezes, epochs: epochs)
        } catch {
            let message = "\(error)"
            mailbox.post(.failed(message))
            return RunOutcome(summary: nil, failure: message, freezes: freezes, epochs: epochs)
        }
    }

    // MARK: The run

    private func train() async throws -> RunSummary {
        let began = ContinuousClock.now
        let (run, folder, description) = try prepare()
        let saver = folder.map { folder in
            SaveQueue(folder: folder.path) {
                [mailbox, inbox, trouble, pauses = request.pausesWhereSavingFails] result in
                switch result {
                case .success(let report): mailbox.post(.saved(report))
                case .failure(let failure):
                    trouble.note()
                    if pauses { inbox.send(.pause) }
                    mailbox.post(.warning("\(failure.message) \(Self.advice(pauses))"))
                }
            }
        }
        var last: Score?
        if let folder, request.tensorBoard {
            tensorBoard = try TensorBoardLog(
                run: folder.path, resumingAt: request.resume ? run.progress.step + 1 : nil)
        }
        announceMask(run, folder: recordsFirstMask ? folder : nil)
        if run.progress.rateFactor != 1 { scaleRate(1, run, nil) }
        lastSave = .now
        epochs: while run.progress.epoch <= options.epochs, !isOutOfPatience(run.progress) {
            let epochBegan = ContinuousClock.now
            thaw(run, folder)
            let feed = run.trainingFeed()
            while true {
                replayMasks(run)
                try await obey(run, folder, saver)
                if stopping || options.stepLimit.map({ run.progress.step >= $0 }) == true { break epochs }
                measureLayers(run)
                let report: StepReport?
                do {
                    if watched { keeper.prepare(run) }
                    report = try run.step(feed)
                } catch TrainingError.notFinite(let step) where watched {
                    rollBack(run, folder, step: step)
                    continue
                }
                guard let report else { break }
                if watched { keeper.note(run, loss: report.loss) }
                singleSteps = max(0, singleSteps - 1)
                mailbox.post(.step(report))
                record(.step(report), in: folder)
                warnOfPictures(run, feed)
                if feed.filledCache { mailbox.post(.cache(run.cacheStatus)) }
                if let saver, isSaveDue(run.progress) { try save(run, saver, best: nil) }
                inspect(run, atOnce: false)
                if let pace = options.pace {
                    let spent = Duration.milliseconds(report.milliseconds)
                    if spent < pace { try? await Task.sleep(for: pace - spent) }
                }
                // Other jobs of this actor run here.
                await Task.yield()
            }
            guard run.progress.seen > 0 else {
                throw TrainingError.data("\(request.data.description): no training picture can be read any more.")
            }
            let validation = validate(run, folder)
            if inbox.stopRequested && validation == nil && run.sets.validation.count > 0 {
                // Stopped while validating: the epoch's steps are saved, its validation is not recorded.
                stopping = true
                break
            }
            last = validation ?? last
            try finishEpoch(run, folder, saver, validation: validation, began: epochBegan)
        }
        let stopped = run.progress.epoch <= options.epochs && !isOutOfPatience(run.progress)
        if let folder, let saver {
            if stopped { try save(run, saver, best: nil) }
            mailbox.post(.progress(WorkProgress(.saving, done: 0, total: 1)))
            while let failure = saver.finish() {
                guard request.pausesWhereSavingFails, !stopping, await wantsAnotherTry(run) else {
                    throw TrainingError.output(path: folder.path, problem: failure)
                }
                try save(run, saver, best: nil)
            }
            if let problem = folder.retry() { mailbox.post(.warning(problem)) }
        }
        let summary = RunSummary(
            steps: run.progress.step, epochs: run.progress.epoch - 1, stopped: stopped,
            seconds: began.duration(to: .now) / .seconds(1), bestEpoch: run.progress.bestEpoch, best: run.progress.best,
            last: last, output: request.output)
        if let folder { try folder.writeDescription(description.json(result: summary)) }
        return summary
    }

    private func finishEpoch(
        _ run: TrainingRun, _ folder: RunFolder?, _ saver: SaveQueue?, validation: Score?,
        began: ContinuousClock.Instant
    ) throws {
        let isBest = validation.map { Self.isBetter($0, than: run.progress.best) } ?? false
        if isBest {
            run.progress.best = validation
            run.progress.bestEpoch = run.progress.epoch
        }
        let report = EpochReport(
            epoch: run.progress.epoch, step: run.progress.step, training: run.progress.trainingScore,
            validation: validation, seconds: began.duration(to: .now) / .seconds(1), isBest: isBest)
        run.progress.beginNextEpoch()
        epochs.append(report)
        mailbox.post(.epoch(report))
        show {
            try $0.writeHistograms(run.model.parameters, trainable: run.progress.trainable, step: report.step)
        }
        record(.epoch(report), in: folder)
        mailbox.post(.cache(run.cacheStatus))
        if let saver {
            try save(run, saver, best: isBest ? report.epoch : nil)
        } else {
            try prove(run)
        }
    }

    /// Higher accuracy, or the same with lower loss.
    static func isBetter(_ score: Score, than best: Score?) -> Bool {
        guard let best else { return true }
        return (score.accuracy, -score.loss) > (best.accuracy, -best.loss)
    }

    // MARK: Preparing

    private func prepare() throws -> (TrainingRun, RunFolder?, RunRecord) {
        BLAS.prepare()
        guard BLAS.selfCheck() else {
            throw TrainingError.refused(
                "OpenBLAS \(BLAS.version) (\(BLAS.coreName)) computes wrong products on this processor; set "
                    + "OPENBLAS_CORETYPE=Haswell in the environment, or install another build of it.")
        }
        try options.validate()
        let need = MemoryNeed(options: options, classes: 2)
        if let refusal = need.refusal(batchSize: options.batchSize, available: .now()) {
            throw TrainingError.refused(refusal)
        }
        // What is cheap to refuse is refused before anything is made or decoded.
        mailbox.post(.progress(WorkProgress(.weights, done: 0, total: 1)))
        var checkpoint: Checkpoint?
        var resumed: (checkpoint: Checkpoint, progress: RunProgress)?
        if request.resume, let output = request.output,
            FileManager.default.fileExists(atPath: "\(output)/\(RunFolder.stateName)")
        {
            resumed = try Self.openState(of: output)
        } else if case .file(let path) = request.weights {
            let opened = try Checkpoint.open(path)
            try WeightFiles.requireFit(opened)
            try requireSameStart(path)
            checkpoint = opened
        }
        let folder = try request.output.map { try RunFolder($0, resume: request.resume) }
        if let stale = folder?.staleProcess {
            mailbox.post(
                .notice("process \(stale) was ended while it was at work in this run folder; its lock is taken over"))
        }
        let sets = try PictureSets.open(
            request.data, options: options, warn: { mailbox.post(.warning($0)) },
            progress: { [mailbox] done, total in
                mailbox.post(.progress(WorkProgress(.pictures, done: done, total: total)))
            },
            isCancelled: { inbox.stopRequested })
        try requireSensible(sets)
        let earlier = request.resume ? folder?.description() : nil
        if let earlier {
            try RunRecord.requireSamePictures(earlier, sets: sets, data: request.data).map {
                mailbox.post(.warning($0))
            }
        }
        let pool = WorkerPool(threads: options.threads)
        let model = ResNet18(classes: sets.classes.count, pool: pool)
        var progress = RunProgress()
        progress.trainable = options.initialTrainable()
        if let resumed {
            progress = resumed.progress
            _ = try WeightFiles.load(resumed.checkpoint, into: model, head: .keep, seed: options.seed)
            let mask = try folder?.rewindMetrics(to: progress.step, epoch: progress.epoch)
            recordsFirstMask = progress.trainable != (mask ?? options.initialTrainable())
        } else if let checkpoint {
            checkpoint.notes.forEach { mailbox.post(.notice($0)) }
            let kept = try WeightFiles.load(checkpoint, into: model, head: options.head, seed: options.seed)
            mailbox.post(
                .notice(
                    kept
                        ? "the checkpoint's fc with \(sets.classes.count) outputs is kept"
                        : "a new fc with \(sets.classes.count) outputs is drawn from seed \(options.seed)"))
        } else {
            model.initialise(seed: options.seed)
        }
        if request.resume, resumed == nil {
            _ = try folder?.rewindMetrics(to: 0, epoch: 1)
            mailbox.post(.notice("the run was ended before its first save, so it begins again"))
        }
        mailbox.post(.progress(WorkProgress(.weights, done: 1, total: 1)))
        let run = TrainingRun(
            options: options, sets: sets, model: model, pool: pool, progress: progress, folder: folder?.path)
        if let resumed { try run.restoreOptimizer(from: resumed.checkpoint) }
        mailbox.post(
            .dataset(
                DatasetDescription(
                    classes: sets.classes, trainingCount: sets.training.count, validationCount: sets.validation.count,
                    skippedCount: sets.skippedCount, stepsPerEpoch: run.stepsPerEpoch)))
        // A resumed run began from the weights that its first part names.
        let description = RunRecord(request: request, sets: sets, earlier: earlier)
        if let folder { try folder.writeDescription(description.json(result: nil)) }
        return (run, folder, description)
    }

    /// A run that begins again must begin from the same weights.
    private func requireSameStart(_ path: String) throws {
        guard request.resume, let output = request.output,
            let hash = try RunFolder.record(of: output)["weightsHash"]?.text, hash != RunRecord.hash(ofFile: path)
        else { return }
        throw TrainingError.weights(
            file: path, problem: "this is no longer the file that the run began from; put it back, or start a new run.")
    }

    private static func openState(of output: String) throws -> (Checkpoint, RunProgress) {
        let path = output + "/" + RunFolder.stateName
        let checkpoint = try Checkpoint.open(path)
        guard let progress = RunProgress(metadata: checkpoint.metadata) else {
            throw TrainingError.weights(
                file: path,
                problem: "not the state of a run that this version can continue; start anew from last.safetensors.")
        }
        return (checkpoint, progress)
    }

    private func requireSensible(_ sets: PictureSets) throws {
        guard sets.training.count > 0 else {
            throw TrainingError.data("\(request.data.description): no training pictures are left.")
        }
        if let patience = options.recipe.patience, sets.validation.count == 0 {
            throw TrainingError.option(
                "--patience", found: "\(patience)",
                expected: "validation pictures, which --validation-split or val/ gives")
        }
        // PyTorch refuses such a batch when it meets it, at the end of the first epoch; this says so before it begins.
        let last = sets.training.count % options.batchSize
        let plan = TrainingPlan(trainable: options.initialTrainable(), frozenBatchNorm: options.frozenBatchNorm)
        if let refusal = plan.refusal(batch: last == 0 ? options.batchSize : last, imageSize: options.imageSize) {
            throw TrainingError.refused(refusal)
        }
    }

    // MARK: Commands

    /// Carries out what was sent since the last step; while paused and no single step is owed, waits for more.
    private func obey(_ run: TrainingRun, _ folder: RunFolder?, _ saver: SaveQueue?) async throws {
        while true {
            for command in inbox.drain() {
                switch command {
                case .setFrozen, .strategy, .pattern, .mask: changeMask(command, run, folder)
                case .scaleLearningRate(let by): scaleRate(by, run, folder)
                case .stepOnce:
                    if !paused { mailbox.post(.paused(step: run.progress.step)) }
                    paused = true
                    singleSteps += 1
                case .validate: wantsValidation = true
                case .inspect(let name):
                    inspected = name
                    inspect(run, atOnce: true)
                case .watch: watched = true
                case .pause:
                    paused = true
                    mailbox.post(.paused(step: run.progress.step))
                case .resume:
                    paused = false
                    singleSteps = 0
                    mailbox.post(.resumed(step: run.progress.step + 1))
                    if trouble.take() {
                        if let problem = folder?.retry() { report(problem) }
                        if let saver { try save(run, saver, best: nil) }
                    }
                case .save:
                    if let saver {
                        try save(run, saver, best: nil)
                    } else {
                        mailbox.post(.warning("this run keeps no files; nothing was saved"))
                    }
                case .stop: stopping = true
                }
            }
            if wantsValidation, !stopping {
                // After the commands that came with it: masks that come meanwhile must not overtake them.
                wantsValidation = false
                validateNow(run, folder)
                continue
            }
            if !paused || stopping || singleSteps > 0 { return }
            await inbox.wait()
        }
    }

    /// During validation only masks change; what else was sent waits for the next step.
    private func obeyMasks(_ run: TrainingRun, _ folder: RunFolder?) {
        for command in inbox.drain() {
            switch command {
            case .setFrozen, .strategy, .pattern, .mask: changeMask(command, run, folder)
            case .scaleLearningRate(let by): scaleRate(by, run, folder)
            default: inbox.send(command)
            }
        }
    }

    private func changeMask(_ command: TrainingCommand, _ run: TrainingRun, _ folder: RunFolder?) {
        let names = run.model.parameters.map(\.name)
        let old = run.progress.trainable
        var trainable = old
        switch command {
        case .setFrozen(let listed, let frozen):
            let known = listed.filter(names.contains)
            if frozen { trainable.subtract(known) } else { trainable.formUnion(known) }
        case .strategy(let strategy):
            trainable = Set(names.filter(strategy.trains))
        case .mask(let listed):
            trainable = Set(listed.filter(names.contains))
        case .pattern(let pattern, let frozen):
            let matched = names.filter(pattern.matches)
            if matched.isEmpty { mailbox.post(.warning("'\(pattern)' matches no parameter")) }
            if frozen { trainable.subtract(matched) } else { trainable.formUnion(matched) }
        default: return
        }
        if trainable != old { run.applyMask(trainable) }
        announceMask(run, folder: trainable != old ? folder : nil)
    }

    /// Says which mask holds from the next step on; `folder` is nil where metrics.jsonl need not be told.
    private func announceMask(_ run: TrainingRun, folder: RunFolder?) {
        let report = FreezeReport(
            step: run.progress.step + 1, trainable: run.trainableNames, frostLine: run.frostLine)
        freezes.append(report)
        mailbox.post(.freeze(report))
        show { try $0.write(.freeze(report)) }
        mailbox.post(.cache(run.cacheStatus))
        record(.freeze(report), in: folder)
    }

    /// Carries out the epoch's `--thaw` rules, once, also where the run was resumed in between.
    private func thaw(_ run: TrainingRun, _ folder: RunFolder?) {
        let epoch = run.progress.epoch
        guard run.progress.thawedEpoch < epoch else { return }
        run.progress.thawedEpoch = epoch
        let names = run.model.parameters.map(\.name)
        var trainable = run.progress.trainable
        for rule in options.recipe.thawRules where rule.epoch == epoch {
            trainable.formUnion(names.filter(ParameterPattern(rule.pattern).matches))
        }
        guard trainable != run.progress.trainable else { return }
        run.applyMask(trainable)
        announceMask(run, folder: folder)
    }

    private func replayMasks(_ run: TrainingRun) {
        for report in options.replay where report.step == run.progress.step + 1 {
            let trainable = Set(report.trainable)
            guard trainable != run.progress.trainable else { continue }
            run.applyMask(trainable)
            announceMask(run, folder: nil)
        }
    }

    // MARK: Ends and saves

    /// Whether `--patience` epochs have gone by since the best validation.
    private func isOutOfPatience(_ progress: RunProgress) -> Bool {
        guard let patience = options.recipe.patience, let best = progress.bestEpoch else { return false }
        return progress.epoch - 1 - best >= patience
    }

    private static let saveInterval = Duration.seconds(300)

    private func isSaveDue(_ progress: RunProgress) -> Bool {
        guard let every = options.recipe.saveEvery else { return lastSave.duration(to: .now) > Self.saveInterval }
        return every > 0 && progress.step % every == 0
    }

    // MARK: While a person watches

    private func validate(_ run: TrainingRun, _ folder: RunFolder?) -> Score? {
        let tally = watched ? ValidationTally(classes: run.sets.classes.count) : nil
        let score = run.validate(tally: tally) { [self] done in
            mailbox.post(.progress(WorkProgress(.validation, done: done, total: run.sets.validation.count)))
            self.obeyMasks(run, folder)
            return !inbox.stopRequested
        }
        if score != nil, let tally { mailbox.post(.mistakes(tally.report(of: run))) }
        return score
    }

    private func validateNow(_ run: TrainingRun, _ folder: RunFolder?) {
        guard run.sets.validation.count > 0 else {
            mailbox.post(.warning("there are no validation pictures; --validation-split 0.2 holds some out"))
            return
        }
        guard let score = validate(run, folder) else { return }
        let event = TrainingEvent.validation(ValidationReport(step: run.progress.step, score: score))
        mailbox.post(event)
        record(event, in: folder)
    }

    private func scaleRate(_ by: Double, _ run: TrainingRun, _ folder: RunFolder?) {
        guard by.isFinite, by > 0 else { return }
        run.progress.rateFactor = min(1e6, max(1e-6, run.progress.rateFactor * by))
        let step = run.progress.step + 1
        let event = TrainingEvent.learningRate(
            LearningRateReport(step: step, factor: run.progress.rateFactor, rate: run.learningRate(step: step)))
        mailbox.post(event)
        record(event, in: folder)
    }

    private func measureLayers(_ run: TrainingRun) {
        guard watched, !isMeasured else { return }
        isMeasured = true
        mailbox.post(.progress(WorkProgress(.measuring, done: 0, total: 1)))
        if let costs = LayerMeasurement.costs(of: run, isCancelled: { inbox.stopRequested }) {
            mailbox.post(.costs(costs))
        }
        mailbox.post(.progress(WorkProgress(.measuring, done: 1, total: 1)))
    }

    /// Looking closely reads every weight, so not after each of many quick steps.
    private func inspect(_ run: TrainingRun, atOnce: Bool) {
        guard let inspected, atOnce || paused || lastInspection.duration(to: .now) > .milliseconds(400) else { return }
        if let report = run.inspect(inspected) { mailbox.post(.inspection(report)) }
        lastInspection = .now
    }

    private func rollBack(_ run: TrainingRun, _ folder: RunFolder?, step: Int) {
        let event = TrainingEvent.notFinite(NotFiniteReport(step: step, weightsOfStep: keeper.restore(run)))
        mailbox.post(event)
        record(event, in: folder)
        paused = true
        singleSteps = 0
        mailbox.post(.paused(step: run.progress.step))
    }

    // MARK: Writing

    private func record(_ event: TrainingEvent, in folder: RunFolder?) {
        if case .freeze = event {} else { show { try $0.write(event) } }
        guard let folder, let line = event.metricsLine else { return }
        if let problem = folder.append(line) { report(problem) } else { lastProblem = nil }
    }

    /// Writes for TensorBoard. Where that fails, a line says so and the run goes on without it.
    private func show(_ write: (TensorBoardLog) throws -> Void) {
        guard let log = tensorBoard else { return }
        do { try write(log) } catch {
            tensorBoard = nil
            mailbox.post(.warning("\(error) Nothing more is written for TensorBoard; training goes on."))
        }
    }

    /// Says once that lines of metrics.jsonl wait to be written.
    private func report(_ problem: String) {
        trouble.note()
        guard problem != lastProblem else { return }
        lastProblem = problem
        if request.pausesWhereSavingFails { inbox.send(.pause) }
        mailbox.post(.warning("\(problem) \(Self.advice(request.pausesWhereSavingFails))"))
    }

    private static func advice(_ pauses: Bool) -> String {
        pauses
            ? "The last good files stay, and the run pauses: p goes on and tries again."
            : "The last good files stay; training goes on."
    }

    /// After the last step: waits for a person who made room, or who gives up.
    private func wantsAnotherTry(_ run: TrainingRun) async -> Bool {
        _ = trouble.take()
        mailbox.post(.paused(step: run.progress.step))
        while true {
            for command in inbox.drain() {
                if command == .stop { return false }
                if command == .resume {
                    mailbox.post(.resumed(step: run.progress.step))
                    return true
                }
            }
            await inbox.wait()
        }
    }

    /// Checks the frozen tensors' hashes. Throws `TrainingError.frozenChanged`.
    private func prove(_ run: TrainingRun) throws {
        let broken = run.hashes.broken(model: run.model)
        mailbox.post(.proof(FreezeProof(step: run.progress.step, tensorCount: run.hashes.count, broken: broken)))
        if !broken.isEmpty { throw TrainingError.frozenChanged(broken) }
    }

    private func save(_ run: TrainingRun, _ saver: SaveQueue, best epoch: Int?) throws {
        try prove(run)
        lastSave = .now
        let weights = run.exportWeights()
        let metadata = [
            "format": "pt", "frostline.model": "resnet18", "frostline.step": "\(run.progress.step)",
            "frostline.classes": JSON.array(run.sets.classes.map(JSON.string)).line,
            "frostline.imageSize": "\(options.imageSize)",
        ]
        saver.submit(
            Snapshot(
                step: run.progress.step, weights: weights, weightMetadata: metadata,
                optimizer: run.exportOptimizer(), stateMetadata: run.progress.metadata,
                best: epoch.map { (run.progress.step, weights, metadata.merging(["frostline.epoch": "\($0)"]) { $1 }) })
        )
    }

    private func warnOfPictures(_ run: TrainingRun, _ feed: BatchFeed) {
        for failure in feed.failures where warnedPictures.insert(failure.index).inserted {
            run.progress.found(unreadable: failure.index)
            mailbox.post(.warning("\(failure.message); left out"))
        }
    }
}
