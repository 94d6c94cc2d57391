import Model
import TrainingEvents

/// What the engine does when it is asked, between two steps.
extension TrainingEngine {
    /// Carries out what was sent since the last step; while paused and no single step is owed, waits for more.
    func obey(_ run: TrainingRun) async throws {
        while true {
            for command in inbox.drain() { try obey(command, run) }
            if wantsValidation, !stopping {
                // After the commands that came with it: masks that come meanwhile must not overtake them.
                wantsValidation = false
                validateNow(run)
                continue
            }
            if !paused || stopping || singleSteps > 0 { return }
            await inbox.wait()
        }
    }

    private func obey(_ command: TrainingCommand, _ run: TrainingRun) throws {
        switch command {
        case .setFrozen, .strategy, .pattern, .mask: changeMask(command, run)
        case .scaleLearningRate(let by): scaleRate(by, run)
        case .stepOnce:
            if !paused { journal.post(.paused(step: run.progress.step, reason: .singleStep)) }
            paused = true
            singleSteps += 1
        case .validate: wantsValidation = true
        case .inspect(let name):
            inspected = name
            inspect(run, atOnce: true)
        case .watch: watched = true
        case .pause:
            paused = true
            journal.post(.paused(step: run.progress.step, reason: saveFailures.pauseReason))
        case .resume:
            paused = false
            singleSteps = 0
            journal.post(.resumed(step: run.progress.step + 1))
            if saveFailures.clear() {
                journal.retry()
                if saves != nil { try save(run) }
            }
        case .save:
            if saves != nil {
                try save(run)
            } else {
                journal.post(.warning("this run keeps no files; nothing was saved"))
            }
        case .stop: stopping = true
        }
    }

    /// During validation only masks and rates change; what else was sent waits for the next step.
    private func obeyMasks(_ run: TrainingRun) {
        for command in inbox.drain() {
            switch command {
            case .setFrozen, .strategy, .pattern, .mask: changeMask(command, run)
            case .scaleLearningRate(let by): scaleRate(by, run)
            default: inbox.send(command)
            }
        }
    }

    /// After the last step: waits for a person who made room, or who gives up.
    func wantsAnotherTry(_ run: TrainingRun) async -> Bool {
        journal.post(.paused(step: run.progress.step, reason: saveFailures.pauseReason))
        while true {
            for command in inbox.drain() {
                if command == .stop { return false }
                if command == .resume {
                    journal.post(.resumed(step: run.progress.step))
                    return true
                }
            }
            await inbox.wait()
        }
    }

    // MARK: The mask

    private func changeMask(_ command: TrainingCommand, _ run: TrainingRun) {
        let names = run.model.parameters.map(\.name)
        var trainable = run.progress.trainable
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
            if matched.isEmpty { journal.post(.warning("'\(pattern)' matches no parameter")) }
            if frozen { trainable.subtract(matched) } else { trainable.formUnion(matched) }
        default: return
        }
        setMask(trainable, run)
    }

    /// Carries out the epoch's `--thaw` rules, once, also where the run was resumed in between.
    func thaw(_ run: TrainingRun) {
        let epoch = run.progress.epoch
        guard run.progress.thawedEpoch < epoch else { return }
        run.progress.thawedEpoch = epoch
        let names = run.model.parameters.map(\.name)
        var trainable = run.progress.trainable
        for rule in run.options.recipe.thawRules where rule.epoch == epoch {
            trainable.formUnion(names.filter(ParameterPattern(rule.pattern).matches))
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
    private func setMask(_ trainable: Set<String>, _ run: TrainingRun, inMetrics: Bool = true) {
        let isNew = trainable != run.progress.trainable
        if isNew { run.applyMask(trainable) }
        announceMask(run, inMetrics: isNew && inMetrics)
    }

    /// Says which mask holds from the next step on; `inMetrics` is false where metrics.jsonl need not be told.
    func announceMask(_ run: TrainingRun, inMetrics: Bool) {
        let report = FreezeReport(
            step: run.progress.step + 1, trainable: run.trainableNames, frostLine: run.frostLine)
        freezes.append(report)
        journal.record(.freeze(report), inMetrics: inMetrics)
        journal.post(.cache(run.cacheStatus))
    }

    // MARK: While a person watches

    func validate(_ run: TrainingRun) -> Score? {
        let tally = watched ? ValidationTally(classes: run.sets.classes.count) : nil
        let score = run.validate(tally: tally) { [self] done in
            journal.post(.progress(WorkProgress(.validation, done: done, total: run.sets.validation.count)))
            obeyMasks(run)
            return !inbox.stopRequested
        }
        warnOfValidation(run)
        if score != nil, let tally { journal.post(.mistakes(tally.report(of: run))) }
        return score
    }

    private func validateNow(_ run: TrainingRun) {
        guard run.sets.validation.count > 0 else {
            journal.post(.warning("there are no validation pictures; --validation-split 0.2 holds some out"))
            return
        }
        guard let score = validate(run) else { return }
        journal.record(.validation(ValidationReport(step: run.progress.step, score: score)))
    }

    func scaleRate(_ by: Double, _ run: TrainingRun, inMetrics: Bool = true) {
        guard by.isFinite, by > 0 else { return }
        run.progress.rateFactor = min(1e6, max(1e-6, run.progress.rateFactor * by))
        let step = run.progress.step + 1
        journal.record(
            .learningRate(
                LearningRateReport(step: step, factor: run.progress.rateFactor, rate: run.learningRate(step: step))),
            inMetrics: inMetrics)
    }

    func measureLayers(_ run: TrainingRun) {
        guard watched, !isMeasured else { return }
        isMeasured = true
        journal.post(.progress(WorkProgress(.measuring, done: 0, total: 1)))
        if let costs = LayerMeasurement.costs(of: run, isCancelled: { inbox.stopRequested }) {
            journal.post(.costs(costs))
        }
        journal.post(.progress(WorkProgress(.measuring, done: 1, total: 1)))
    }

    /// Looking closely reads every weight, so not after each of many quick steps.
    func inspect(_ run: TrainingRun, atOnce: Bool) {
        guard let inspected, atOnce || paused || lastInspection.duration(to: .now) > .milliseconds(400) else { return }
        if let report = run.inspect(inspected) { journal.post(.inspection(report)) }
        lastInspection = .now
    }

    func rollBack(_ run: TrainingRun, step: Int) {
        journal.record(.notFinite(NotFiniteReport(step: step, weightsOfStep: keeper.restore(run))))
        paused = true
        singleSteps = 0
        journal.post(.paused(step: run.progress.step, reason: .lossNotFinite))
    }
}
