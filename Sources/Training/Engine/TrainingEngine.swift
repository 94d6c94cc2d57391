import Checkpoints
import Model
import Network
import Ranks
import Support
import TrainingEvents

/// Trains one run. Commands go in through `send` and take hold between two steps; everything that happens comes out of
/// the mailbox. The actor has a thread of its own, so that a run of hours blocks no other task.
package actor TrainingEngine {
    private let executor: EngineExecutor
    nonisolated let inbox = CommandInbox()
    private nonisolated let mailbox: EventMailbox
    private let request: RunRequest
    let now: @Sendable () -> ContinuousClock.Instant
    /// The last epoch's end, for the first one its first step's start.
    private var epochBegan: ContinuousClock.Instant?
    let saveFailures: SaveFailureMonitor
    let journal: RunJournal
    /// nil where nothing is kept.
    private(set) var saves: RunSaves?
    /// run.json of this run, once it is written. What holds it keeps the run folder locked.
    private var recorded: (folder: RunFolder, record: RunRecord)?
    /// An epoch is over whose frozen tensors are not verified yet, and which is not saved.
    private var epochWaits = false
    private var lastVerification: ContinuousClock.Instant?
    /// Epochs that are shorter than this are verified and saved together, since both cost more than a short epoch's steps.
    private static let epochInterval = Duration.seconds(2)
    private let afterStep: (@Sendable (ResNet18, _ step: Int) -> Void)?

    /// Of this start.
    private var began = ContinuousClock.now
    var freezes: [FreezeReport] = []
    private var epochs: [EpochReport] = []
    private var warnedImages: Set<Int> = []
    private var warnedValidation: Set<Int> = []
    /// A folder that vanished must not fill the log with a line for each picture.
    private static let mostImageWarnings = 20

    var paused = false
    /// Why, as it was last said.
    var pauseReason: PauseReason?
    var stopping = false
    /// Steps that run although the run is paused.
    var singleSteps = 0
    var wantsValidation = false
    /// Commands that all ranks carry out before the next step, where there are several.
    var agreed: [CommandRequest] = []
    var group: (any RankGroup)? { request.group }
    var lastRankReport: ContinuousClock.Instant?
    /// Before this no report of mistakes is made, unless it is asked for.
    var nextMistakes: ContinuousClock.Instant

    /// `watch` was sent.
    var watched = false
    /// What layers take on this machine, once they are measured; nil inside where that was cancelled.
    var measured: StepCosts??
    var inspected: [String] = []
    var lastInspection = ContinuousClock.now - .seconds(1)
    var rollback = RollbackPoint()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - now: what epochs are timed by.
    ///   - afterStep: tests do here what a bug would do to the model.
    package init(
        _ request: RunRequest, mailbox: EventMailbox, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        afterStep: (@Sendable (ResNet18, _ step: Int) -> Void)? = nil
    ) {
        self.request = request
        self.now = now
        nextMistakes = now()
        self.afterStep = afterStep
        self.mailbox = mailbox
        saveFailures = SaveFailureMonitor(mailbox: mailbox, inbox: inbox, pauses: request.pausesWhereSavingFails)
        journal = RunJournal(mailbox, failures: saveFailures)
        executor = EngineExecutor(name: "frostline-engine")
    }

    /// How many commands have been sent and not been looked at yet.
    package nonisolated var waitingCommands: Int { inbox.count }

    /// Asks for something; never waits. The answer is an event.
    package nonisolated func send(_ command: TrainingCommand) { inbox.send(command) }

    /// Asks for something under an id, which the answer names.
    package nonisolated func send(_ request: CommandRequest) { inbox.send(request) }

    /// Trains to the end, or to a stop, or to a failure; the last event is `.finished` or `.failed`.
    package func run() async -> RunOutcome {
        mailbox.post(.opened(RunDescription(request)))
        group?.whenFailed { [inbox] in inbox.wake() }
        do {
            let summary = try await train()
            journal.close()
            recorded = nil
            mailbox.post(.finished(summary))
            return RunOutcome(summary: summary, freezes: freezes, epochs: epochs)
        } catch {
            var message = "\(error)"
            if case TrainingError.notFinite = error { message += " " + whatIsSaved }
            if case TrainingError.notFinite = error {
                // All ranks find it at the same time, and may begin another run together.
            } else if error is RankFailure {
                if !message.hasSuffix(".") { message += "." }
                if recorded != nil { message += " \(whatIsSaved) --resume goes on with any number of ranks." }
            } else {
                group?.fail(message)
            }
            journal.close()
            recordFailure(message)
            mailbox.post(.failed(message))
            return RunOutcome(failure: message, freezes: freezes, epochs: epochs)
        }
    }

    /// Writes into run.json why the run ended, and gives the run folder back. What was refused before the first step is not
    /// written: the folder is then as it was.
    private func recordFailure(_ message: String) {
        guard case (let folder, var record)? = recorded else { return }
        recorded = nil
        record.failure = message
        record.ended = .now
        do { try folder.write(record) } catch {
            // It may be what the run has failed with.
            guard "\(error)" != message else { return }
            mailbox.post(.warning("\(error) It does not say that the run has failed."))
        }
    }

    /// What a failed run leaves, as `--resume` would read it.
    private var whatIsSaved: String {
        guard let output = request.output else { return "This run keeps no files." }
        guard let state = try? Checkpoint.open(output + "/" + RunFolder.stateName),
            let progress = RunProgress(metadata: state.metadata)
        else { return "Nothing of this run was saved." }
        return "\(output) holds the weights of step \(progress.step)."
    }

    // MARK: The loop

    private func train() async throws -> RunSummary {
        let began = ContinuousClock.now
        self.began = began
        let opened = try RunOpening(
            request: request, post: { [mailbox] in mailbox.post($0) }, isCancelled: { [inbox] in inbox.stopRequested }
        ).open()
        let run = opened.run
        recorded = opened.folder.map { ($0, opened.record) }
        try beginRecord(opened)
        // A run that fails must not take a save with it that is on its way to the disk, or waits for its turn.
        defer {
            try? saveWaitingEpoch(run)
            try? saves?.finish()
        }
        var last: Score?
        while !isOver(run) {
            thaw(run)
            try decideAuto(run)
            if isOver(run) { break }
            guard try await trainEpoch(run) else { break }
            guard run.progress.seen > 0 else {
                throw TrainingError.data("\(request.data.description): no training picture can be read any more.")
            }
            let validation = try validate(run, tallies: run.progress.epoch == run.options.epochs)
            if validation == nil, run.sets.validation.count > 0, stopIsWanted {
                // Stopped while validating: the epoch's steps are saved, its validation is not recorded.
                stopping = true
                break
            }
            last = validation ?? last
            if validation != nil { run.autoTensors.latest = run.validationLosses }
            try finishEpoch(run, validation: validation)
        }
        let stopped = !isOver(run)
        try await finishSaves(run, stopped: stopped)
        let summary = RunSummary(
            steps: run.progress.step, epochs: run.progress.epoch - 1, stopped: stopped,
            seconds: began.duration(to: .now) / .seconds(1), bestEpoch: run.progress.bestEpoch, best: run.progress.best,
            last: last, output: request.output)
        var record = opened.record
        record.result = summary
        record.ended = .now
        try opened.folder?.write(record)
        return summary
    }

    /// The steps of an epoch. Returns false where the run is to end before the epoch does.
    private func trainEpoch(_ run: TrainingRun) async throws -> Bool {
        var feed = run.trainingFeed()
        while true {
            replayMasks(run)
            try await handleCommands(run)
            if stopping || run.options.stepLimit.map({ run.progress.step >= $0 }) == true { return false }
            measureLayers(run)
            epochBegan = epochBegan ?? now()
            let report: StepReport?
            do {
                if watched { rollback.prepare(run) }
                report = try run.step(feed)
            } catch TrainingError.notFinite(let step) where watched {
                warnOfImages(run, feed)
                rollBack(run, step: step)
                // The step is done again with the weights that are back, as it is where the run is resumed.
                feed = run.trainingFeed()
                continue
            }
            guard let report else {
                warnOfImages(run, feed)
                return true
            }
            afterStep?(run.model, report.step)
            if watched { rollback.record(run, loss: report.loss) }
            reportRanks(run)
            singleSteps = max(0, singleSteps - 1)
            journal.record(.step(report))
            warnOfImages(run, feed)
            if feed.filledCache { journal.post(.cache(run.cacheStatus)) }
            if let saves, saves.isDue(run) { try save(run) }
            try saveWaitingEpochWhereDue(run)
            inspect(run, atOnce: false)
            try endWhereTimeIsUp(run)
            if let every = run.options.probeEvery, report.step % every == 0 { probe(run) }
            if let pace = run.options.pace {
                let spent = Duration.milliseconds(report.milliseconds)
                if spent < pace { try? await Task.sleep(for: pace - spent) }
            }
            // Other jobs of this actor run here.
            await Task.yield()
        }
    }

    /// `--time-budget`, counted from this start; all ranks stop at rank 0's word.
    private func endWhereTimeIsUp(_ run: TrainingRun) throws {
        guard let budget = run.options.timeBudget, !stopping else { return }
        guard group.decide(began.duration(to: now()) >= .seconds(budget.seconds)) else { return }
        journal.post(.notice("the time budget of \(budget.text) is used up; --resume goes on"))
        stopping = true
    }

    /// Whether all epochs are done, or `--patience` epochs have gone by since the best validation.
    private func isOver(_ run: TrainingRun) -> Bool {
        let progress = run.progress
        if progress.epoch > run.options.epochs || progress.auto?.isOver == true { return true }
        guard let patience = run.options.patience, let best = progress.bestEpoch else { return false }
        return progress.epoch - 1 - best >= patience
    }

    private func finishEpoch(_ run: TrainingRun, validation: Score?) throws {
        let isBest = validation.map { $0.isBetter(than: run.progress.best) } ?? false
        if isBest {
            run.progress.best = validation
            run.progress.bestEpoch = run.progress.epoch
        }
        let end = now()
        let seconds = (epochBegan ?? end).duration(to: end) / .seconds(1)
        epochBegan = end
        let report = EpochReport(
            epoch: run.progress.epoch, step: run.progress.step, training: run.progress.trainingScore,
            validation: validation, seconds: seconds, isBest: isBest)
        run.progress.beginNextEpoch()
        epochs.append(report)
        journal.record(.epoch(report))
        journal.recordHistograms(of: run)
        journal.post(.cache(run.cacheStatus))
        saves?.hold(run, best: isBest ? report.epoch : nil)
        epochWaits = true
        try saveWaitingEpochWhereDue(run)
    }

    private func warnOfImages(_ run: TrainingRun, _ feed: BatchFeed) {
        for failure in feed.failures where warnedImages.insert(failure.index).inserted {
            run.progress.found(unreadable: failure.index)
            warnLeftOut(failure.message)
        }
    }

    /// What the last validation could not read.
    func warnOfValidation(_ run: TrainingRun) {
        for failure in run.validationFailures where warnedValidation.insert(failure.index).inserted {
            warnLeftOut(failure.message)
        }
    }

    private func warnLeftOut(_ message: String) {
        let count = warnedImages.count + warnedValidation.count
        if count <= Self.mostImageWarnings {
            journal.post(.warning("\(message); left out"))
        } else if count == Self.mostImageWarnings + 1 {
            journal.post(.warning("more pictures cannot be read and are left out, without a line for each"))
        }
    }

    // MARK: What is kept

    private func beginRecord(_ opened: OpenRun) throws {
        if let folder = opened.folder {
            saves = RunSaves(folder: folder, mailbox: mailbox, failures: saveFailures)
            let resumed = request.resume ? opened.run.progress.step + 1 : nil
            journal.begin(
                in: folder,
                tensorBoard: request.tensorBoard ? try TensorBoardLog(run: folder.path, resumingAt: resumed) : nil)
        }
        announceMask(opened.run, inMetrics: opened.recordsFirstMask)
        if opened.run.progress.rateFactor != 1 { scaleRate(1, opened.run, inMetrics: false) }
    }

    /// Verifies the frozen tensors and saves, where anything is kept. Throws `TrainingError.frozenChanged`.
    func save(_ run: TrainingRun) throws {
        try verify(run)
        saves?.submit(run)
    }

    /// Verifies and saves the last epoch where that is still to be done. Throws `TrainingError.frozenChanged`.
    func saveWaitingEpoch(_ run: TrainingRun) throws {
        guard epochWaits else { return }
        try verify(run)
        saves?.submitHeld()
    }

    /// The same, unless that was done moments ago.
    private func saveWaitingEpochWhereDue(_ run: TrainingRun) throws {
        guard epochWaits else { return }
        if let lastVerification, lastVerification.duration(to: now()) < Self.epochInterval { return }
        try saveWaitingEpoch(run)
    }

    private func verifyEnd(_ run: TrainingRun) throws { if epochWaits { try verify(run) } }

    /// Compares the frozen tensors' hashes (docs/freezing.md, rule 7).
    private func verify(_ run: TrainingRun) throws {
        epochWaits = false
        lastVerification = now()
        let broken = run.hashes.broken(model: run.model)
        journal.post(.proof(FreezeProof(step: run.progress.step, tensorCount: run.hashes.count, broken: broken)))
        if !broken.isEmpty { throw TrainingError.frozenChanged(broken) }
    }

    /// Waits for the last save; one that fails is tried again as often as it is asked for.
    private func finishSaves(_ run: TrainingRun, stopped: Bool) async throws {
        // The other ranks keep nothing, and may go.
        if let group, !group.isFirst { return try verifyEnd(run) }
        if stopped { try save(run) }
        try saveWaitingEpoch(run)
        guard let saves else { return }
        journal.post(.progress(WorkProgress(.saving, done: 0, total: 1)))
        while true {
            do {
                return try saves.finish()
            } catch {
                guard saveFailures.pauses, !stopping, try await wantsAnotherTry(run) else { throw error }
            }
            try save(run)
        }
    }
}

extension Score {
    /// Higher accuracy, or the same with lower loss.
    func isBetter(than best: Score?) -> Bool {
        guard let best else { return true }
        return (accuracy, -loss) > (best.accuracy, -best.loss)
    }
}
