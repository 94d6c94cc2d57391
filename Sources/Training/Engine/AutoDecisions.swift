import Network
import Support
import TrainingEvents

/// `--strategy auto`, at the beginning of each epoch:
///
///     the validation loss fell          this is the best state; a group on trial stays
///     a trial's epochs are over         where it fell by half a standard error the group stays, else back to the best state:
///                                       weights, statistics, optimizer, mask
///     no fall for `patience` epochs     back to the best state, and the group that pays most thaws, on trial
///     nothing pays                      back to the best state, and the run ends
///
/// "Fell" is a paired comparison over the validation pictures: a mean of more than one standard error. What pays most is
/// what the probe ranks first, which mostly is the next stage from the top (gradual unfreezing). docs/auto.md has it at length.
extension TrainingEngine {
    private static let patience = 5
    private static let trialEpochs = 4
    /// Standard errors: to be the best state, and to stay at the end of a trial.
    private static let clear = 1.0
    private static let probable = 0.5
    /// Trials in a row that do not pay.
    private static let mostRejections = 3

    private func decide(_ decision: AutoDecision) { journal.record(.decision(decision)) }

    /// Puts auto in charge, from the present state on.
    func beginAuto(_ run: TrainingRun) {
        var auto = AutoProgress()
        auto.decidedEpoch = run.progress.epoch
        run.progress.auto = auto
        run.autoTensors = AutoTensors()
        decide(AutoDecision(.begins, step: run.progress.step, text: "auto is in charge"))
    }

    /// A mask was asked for.
    func restAuto(_ run: TrainingRun) {
        guard run.progress.auto?.isResting == false else { return }
        run.progress.auto = AutoProgress()
        run.progress.auto?.isResting = true
        run.autoTensors = AutoTensors()
        decide(
            AutoDecision(
                .rests, step: run.progress.step, text: "auto rests, since a mask was asked for; A gives it back"))
    }

    func decideAuto(_ run: TrainingRun) throws {
        if run.options.strategy == .auto, run.progress.auto == nil { return beginAuto(run) }
        guard let auto = run.progress.auto, !auto.isResting, !auto.isOver, auto.decidedEpoch < run.progress.epoch else {
            return
        }
        let epoch = run.progress.epoch
        run.progress.auto?.decidedEpoch = epoch
        guard let latest = run.autoTensors.latest else { return }
        guard let best = run.autoTensors.best else { return run.keepAsBest() }
        guard let fall = AutoTensors.fall(from: best, to: latest) else { return }
        let numbers = Self.numbers(fall)
        let isLast = auto.trial != nil && auto.trialEpochs <= 1
        if fall.mean > (isLast ? Self.probable : Self.clear) * fall.error {
            if let group = auto.trial {
                run.progress.auto?.trial = nil
                run.progress.auto?.rejected = []
                decide(
                    AutoDecision(
                        .keeps, step: run.progress.step, group: group, fall: fall.mean, fallError: fall.error,
                        text: "\(group) stays thawed: the validation loss fell by \(numbers)"))
                run.keepAsBest()
                // What has fitted its pictures gains nothing from a thaw any more, so the next comes at once.
                return try thawNext(run, because: nil, orEnd: false)
            }
            return run.keepAsBest()
        }
        if let group = auto.trial {
            run.progress.auto?.trialEpochs -= 1
            guard isLast else { return }
            run.returnToBest()
            run.progress.auto?.trial = nil
            run.progress.auto?.rejected.append(group)
            announceMask(run, inMetrics: true)
            decide(
                AutoDecision(
                    .takesBack, step: run.progress.step, group: group, fall: fall.mean, fallError: fall.error,
                    text: "\(group) is frozen again, as after step \(auto.bestStep): in \(Self.trialEpochs) epochs the "
                        + "validation loss fell by \(numbers)"))
            return try thawNext(run, because: nil)
        }
        run.progress.auto?.stale += 1
        if auto.stale + 1 >= Self.patience {
            run.returnToBest()
            try thawNext(run, because: "no fall in \(Self.patience) epochs (\(numbers))")
        }
    }

    private func thawNext(_ run: TrainingRun, because reason: String?, orEnd: Bool = true) throws {
        guard let auto = run.progress.auto else { return }
        let start = reason.map { $0 + ": " } ?? ""
        let candidates = auto.rejected.count < Self.mostRejections ? try run.candidates(leavingOut: auto.rejected) : []
        guard let next = candidates.first else {
            guard orEnd else { return }
            run.progress.auto?.isOver = true
            let why =
                auto.rejected.isEmpty
                ? "nothing is left to thaw" : "\(auto.rejected.joined(separator: ", ")) did not pay"
            decide(AutoDecision(.ends, step: run.progress.step, text: "\(start)the run ends, \(why)"))
            return try save(run)
        }
        run.progress.auto?.trial = next.group.name
        run.progress.auto?.trialEpochs = Self.trialEpochs
        run.progress.auto?.stale = 0
        run.applyMask(run.progress.trainable.union(next.names))
        run.copyChanging()
        announceMask(run, inMetrics: true)
        let worth = next.group.worth
        decide(
            AutoDecision(
                .thaws, step: run.progress.step, group: next.group.name, fall: worth.fall, fallError: worth.fallError,
                text: "\(start)\(next.group.name) thaws on trial; a step should lower the validation loss by "
                    + Self.numbers((worth.fall, worth.fallError))))
    }

    private static func numbers(_ fall: (mean: Double, error: Double)) -> String {
        "\(Numbers.short(fall.mean)) ± \(Numbers.short(fall.error))"
    }
}

extension TrainingRun {
    /// What a probe finds worth thawing, the best first. Parts of a stage that did not pay are left out.
    fileprivate func candidates(leavingOut rejected: [String]) throws -> [(group: ProbeReport.Group, names: [String])] {
        let network = ResNet.resnet18
        return try probe(costs: nil).ranked.compactMap { group in
            guard !rejected.contains(where: { group.name == $0 || group.name.hasPrefix($0 + ".") }) else { return nil }
            let names = model.parameters.map(\.name).filter {
                !progress.trainable.contains($0) && !options.frozenByRule.contains($0)
                    && network.contains($0, in: group.name)
            }
            return names.isEmpty ? nil : (group, names)
        }
    }
}
