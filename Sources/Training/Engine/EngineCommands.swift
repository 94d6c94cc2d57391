import Foundation
import Network
import Ranks
import TrainingEvents

/// What the engine does when it is asked, between two steps.
extension TrainingEngine {
    /// Handles what was sent since the last step; while paused and no single step is owed, waits for more.
    /// - Parameter isOver: after the last step, where none can be asked for.
    func handleCommands(_ run: TrainingRun, isOver: Bool = false) async throws {
        while true {
            if !isOver { try agreeOnCommands() }
            while let request = nextCommand(isOver: isOver) { try handle(request, run, isOver: isOver) }
            if wantsValidation, !stopping {
                // After the commands that came with it: masks that come meanwhile must not overtake them.
                wantsValidation = false
                if let score = try validate(run, tallies: true) {
                    journal.record(.validation(ValidationReport(step: run.progress.step, score: score)))
                }
                continue
            }
            if !paused || stopping || singleSteps > 0 { return }
            try saveWaitingEpoch(run)
            // The other ranks wait for what rank 0 has to say.
            if group.leads { await inbox.wait() }
            try group?.requireSound()
        }
    }

    /// Hands what was sent to rank 0 to all ranks, so that each carries it out before the same step.
    private func agreeOnCommands() throws {
        guard let group else { return }
        var sent: [CommandRequest] = []
        while group.isFirst, let request = inbox.next() { sent.append(request) }
        // Before every step: nothing is nothing, and costs one short message.
        let bytes = try group.broadcast(sent.isEmpty ? [] : Array(JSONEncoder().encode(sent)))
        guard !bytes.isEmpty else { return }
        agreed += group.isFirst ? sent : try JSONDecoder().decode([CommandRequest].self, from: Data(bytes))
    }

    /// After the last step rank 0 alone has something left to do.
    private func nextCommand(isOver: Bool) -> CommandRequest? {
        if !agreed.isEmpty { return agreed.removeFirst() }
        return group == nil || isOver ? inbox.next() : nil
    }

    /// Whether a stop was sent; the same answer on every rank, which all must ask at the same time.
    var stopIsWanted: Bool { group.decide(inbox.stopRequested) }

    /// After the last step, where saving failed: pauses, and handles commands as in any pause.
    /// - Returns: whether to try again, as `resume` asks; `stop` gives up.
    func wantsAnotherTry(_ run: TrainingRun) async throws -> Bool {
        singleSteps = 0
        pause(run, saveFailures.pauseReason)
        try await handleCommands(run, isOver: true)
        return !stopping
    }

    /// Pauses, and posts that where it is news.
    private func pause(_ run: TrainingRun, _ reason: PauseReason, always: Bool = false) {
        if !paused || reason != pauseReason || always { journal.post(.paused(step: run.progress.step, reason: reason)) }
        paused = true
        pauseReason = reason
    }

    private func refuse(_ request: CommandRequest, _ reason: String) {
        journal.post(.refused(reason: reason, answers: request.id))
    }

    private func handle(_ request: CommandRequest, _ run: TrainingRun, isOver: Bool) throws {
        switch request.command {
        case .setFrozen, .mask, .scaleLearningRate: change(request, run)
        case .auto:
            if group != nil { return refuse(request, "auto does not run on several ranks") }
            if run.sets.validation.count < 2 {
                return refuse(
                    request, "there are no validation pictures to decide by; --validation-split 0.2 holds some out")
            }
            if isOver || run.progress.auto?.isOver == true { return refuse(request, "the run is over") }
            // Beginning anew would forget a trial, and keep what it thawed.
            if run.progress.auto?.isResting == false { return refuse(request, "auto is in charge already") }
            beginAuto(run)
        case .stepOnce:
            if isOver { return refuse(request, "the last step is done; p tries again to save") }
            if !paused { pause(run, .singleStep) }
            singleSteps += 1
        case .validate:
            if isOver, group != nil { return refuse(request, "the last step is done, and the other ranks have left") }
            if run.sets.validation.count == 0 {
                return refuse(request, "there are no validation pictures; --validation-split 0.2 holds some out")
            }
            wantsValidation = true
        case .probe:
            if isOver { return refuse(request, "the last step is done, and there is nothing left to thaw for") }
            probe(run, answers: request.id)
        case .inspect(let names):
            inspected = names
            inspect(run, atOnce: true)
        case .watch(let wanted):
            // Copies of long ago are not what to go back to.
            if wanted, !watched { rollback = RollbackPoint() }
            watched = wanted
            saveFailures.pauses = wanted
        // A failed save pauses too; where that found the run paused for the same reason, nothing is posted.
        case .pause: pause(run, saveFailures.pauseReason, always: request.id != nil)
        case .resume:
            paused = false
            singleSteps = 0
            journal.post(.resumed(step: run.progress.step + (isOver ? 0 : 1)))
            // After the last step the end saves again.
            if saveFailures.clear(), !isOver {
                journal.retry()
                if saves != nil { try save(run) }
            }
        case .save:
            if saves == nil { return refuse(request, "this run keeps no files; nothing was saved") }
            try save(run)
        case .stop: stopping = true
        }
    }

    /// During validation only masks and rates change; what else was sent waits, in its order, for the next step.
    private func handleChanges(_ run: TrainingRun) {
        func isChange(_ command: TrainingCommand) -> Bool {
            switch command {
            case .setFrozen, .mask, .scaleLearningRate: true
            default: false
            }
        }
        while let request = inbox.next(where: isChange) { change(request, run) }
    }

    /// Changes the mask or the rate.
    private func change(_ request: CommandRequest, _ run: TrainingRun) {
        let command = request.command
        switch command {
        case .scaleLearningRate(let by):
            guard by.isFinite, by > 0 else {
                return refuse(request, "the learning rate is scaled by a finite number above 0")
            }
            scaleRate(by, run)
        case .setFrozen(let listed, _), .mask(let listed):
            let names = run.model.parameters.map(\.name)
            // No name at all is a mask, none that is known is a mistake.
            guard command == .mask(trainable: []) || listed.contains(where: names.contains) else {
                return refuse(request, "no parameter of this network was named")
            }
            let trainable = names.filter { name in
                command.freezes(name).map { !$0 } ?? run.progress.trainable.contains(name)
            }
            restAuto(run)
            setMask(Set(trainable), run, answers: request.id)
        default: break
        }
    }

    // MARK: The mask

    /// Carries out the epoch's `--thaw` rules, once, also where the run was resumed in between.
    func thaw(_ run: TrainingRun) {
        let epoch = run.progress.epoch
        guard run.progress.thawedEpoch < epoch else { return }
        run.progress.thawedEpoch = epoch
        let names = run.model.parameters.map(\.name)
        var trainable = run.progress.trainable
        for rule in run.options.thawRules where rule.epoch == epoch {
            trainable.formUnion(ParameterPattern(rule.pattern).matching(names))
        }
        if trainable != run.progress.trainable { setMask(trainable, run) }
    }

    func replayMasks(_ run: TrainingRun) {
        for report in run.options.replay where report.step == run.progress.step + 1 {
            let trainable = Set(report.trainable)
            if trainable != run.progress.trainable { setMask(trainable, run, inMetrics: false) }
        }
    }

    /// Puts a mask in force and answers, also where it is in force already.
    private func setMask(
        _ trainable: Set<String>, _ run: TrainingRun, inMetrics: Bool = true, answers id: CommandID? = nil
    ) {
        let isNew = trainable != run.progress.trainable
        if isNew { run.applyMask(trainable) }
        announceMask(run, inMetrics: isNew && inMetrics, answers: id)
    }

    /// Posts the mask that holds from the next step on; `inMetrics` is false where metrics.jsonl has it already.
    func announceMask(_ run: TrainingRun, inMetrics: Bool, answers id: CommandID? = nil) {
        let report = FreezeReport(
            step: run.progress.step + 1, trainable: run.trainableNames, frostLine: run.frostLine, answers: id)
        freezes.append(report)
        journal.record(.freeze(report), inMetrics: inMetrics)
        journal.post(.cache(run.cacheStatus))
    }

    // MARK: While the run is watched

    /// Mistakes are reported where they are asked for (`tallies`), and else as often as is worth their time: pictures are
    /// read again for them, which takes longer than a short epoch.
    func validate(_ run: TrainingRun, tallies: Bool) throws -> Score? {
        let counts = watched && group.decide(tallies || now() >= nextMistakes)
        let tally = counts ? ValidationTally(classes: run.sets.classes.count) : nil
        let score = try run.validate(tally: tally) { [self] done in
            journal.post(.progress(WorkProgress(.validation, done: done, total: run.sets.validation.count)))
            // Several ranks change nothing in between.
            if group == nil { handleChanges(run) }
            return !stopIsWanted
        }
        warnOfValidation(run)
        if score != nil, let tally, group.leads {
            let began = now()
            journal.post(.mistakes(tally.report(of: run)))
            nextMistakes = now() + began.duration(to: now()) * 100
        }
        return score
    }

    func scaleRate(_ by: Double, _ run: TrainingRun, inMetrics: Bool = true) {
        run.progress.rateFactor = min(1e6, max(1e-6, run.progress.rateFactor * by))
        let step = run.progress.step + 1
        journal.record(
            .learningRate(
                LearningRateReport(step: step, factor: run.progress.rateFactor, rate: run.learningRate(step: step))),
            inMetrics: inMetrics)
    }

    func measureLayers(_ run: TrainingRun) {
        if watched, measured == nil { _ = layerCosts(run) }
    }

    /// Measured at the first call, by rank 0 alone.
    private func layerCosts(_ run: TrainingRun) -> StepCosts? {
        if let measured { return measured }
        var costs: StepCosts?
        if group.leads {
            journal.post(.progress(WorkProgress(.measuring, done: 0, total: 1)))
            costs = LayerMeasurement.costs(of: run, isCancelled: { inbox.stopRequested })
            if let costs { journal.post(.costs(costs)) }
            journal.post(.progress(WorkProgress(.measuring, done: 1, total: 1)))
        }
        measured = .some(costs)
        return costs
    }

    /// Reports what thawing is worth. Several ranks wait for rank 0, which does it alone.
    func probe(_ run: TrainingRun, answers id: CommandID? = nil) {
        guard group.leads else { return }
        let costs = layerCosts(run)
        journal.post(.progress(WorkProgress(.probing, done: 0, total: 1)))
        do {
            journal.record(.probe(try run.probe(costs: costs, answers: id)))
        } catch {
            journal.post(.refused(reason: "\(error)", answers: id))
        }
        journal.post(.progress(WorkProgress(.probing, done: 1, total: 1)))
    }

    /// Looking closely reads every weight, so not after each of many quick steps.
    func inspect(_ run: TrainingRun, atOnce: Bool) {
        guard group.leads, !inspected.isEmpty,
            atOnce || paused || lastInspection.duration(to: .now) > .milliseconds(400)
        else {
            return
        }
        for name in inspected { if let report = run.inspect(name) { journal.post(.inspection(report)) } }
        lastInspection = .now
    }

    /// Which rank the others wait for, twice a second.
    func reportRanks(_ run: TrainingRun) {
        guard let ranks = run.ranks, ranks.group.isFirst,
            lastRankReport.map({ $0.duration(to: now()) > .milliseconds(500) }) ?? true
        else { return }
        lastRankReport = now()
        journal.post(.ranks(ranks.report))
    }

    func rollBack(_ run: TrainingRun, step: Int) {
        journal.record(.notFinite(NotFiniteReport(step: step, weightsOfStep: rollback.restore(run))))
        paused = true
        singleSteps = 0
        journal.post(.paused(step: run.progress.step, reason: .lossNotFinite))
    }
}
