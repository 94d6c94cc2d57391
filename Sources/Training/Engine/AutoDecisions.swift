import Network
import Support
import TrainingEvents

/// `--strategy auto`, at the beginning of each epoch:
///
///     the validation loss fell          this is the best state; a group on trial stays
///     a trial's epochs are over         where it fell by half a standard error the group stays, else back to the best state:
///                                       weights, statistics, optimizer, mask
///     no fall for `patience` epochs     back to the best state, and what `candidates` has first thaws, on trial
///     nothing is left to try            after `patience` epochs without a fall on at a third of the rate; `lastEpochs` later
///                                       the run ends in its best state
///
/// "Fell" is a paired comparison over the validation pictures: a mean of more than one standard error. docs/auto.md has it at
/// length, and what was measured.
extension TrainingEngine {
    /// A head that is trained for long fits its pictures, and what thaws then gains less.
    private static let patience = 3
    /// At the lowered rate, where most of what it brings comes at once.
    private static let lastEpochs = 3
    /// BatchNorm's statistics are those of the new pictures after two or three epochs; before that nothing pays.
    private static let trialEpochs = 4
    /// Standard errors: to be the best state, and to stay at the end of a trial.
    private static let clear = 1.0
    private static let probable = 0.5
    /// Trials that do not pay.
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
        guard let auto = run.progress.auto, !auto.isResting else { return }
        var resting = AutoProgress()
        (resting.isResting, resting.rate) = (true, auto.rate)
        run.progress.auto = resting
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
        run.progress.auto?.decidedEpoch = run.progress.epoch
        guard let latest = run.autoTensors.latest else { return }
        guard let best = run.autoTensors.best else { return run.keepAsBest() }
        guard let fall = AutoTensors.fall(from: best, to: latest) else { return }
        let isLast = auto.trial != nil && auto.trialEpochs <= 1
        if fall.mean > (isLast ? Self.probable : Self.clear) * fall.error {
            if auto.trial != nil { keep(run, fall) }
            run.keepAsBest()
            // What has fitted its pictures gains less from a thaw, so the next comes at once.
            if auto.trial != nil { try thawNext(run, because: nil) }
        } else if auto.trial != nil {
            run.progress.auto?.trialEpochs -= 1
            guard isLast else { return }
            takeBack(run, fall)
            try thawNext(run, because: nil)
        } else if !auto.isLowered {
            run.progress.auto?.stale += 1
            guard auto.stale + 1 >= Self.patience else { return }
            let reason = "no fall in \(Self.patience) epochs (\(Self.numbers(fall)))"
            if !auto.isExhausted {
                try thawNext(run, because: reason)
            } else if auto.rate == 1 {
                lowerRate(run, because: reason)
            } else {
                try end(run, because: reason)
            }
        }
        guard auto.isLowered else { return }
        run.progress.auto?.lastEpochs -= 1
        if auto.lastEpochs <= 1 { try end(run, because: "\(Self.lastEpochs) epochs at a third of the rate") }
    }

    private func keep(_ run: TrainingRun, _ fall: (mean: Double, error: Double)) {
        guard let group = run.progress.auto?.trial else { return }
        run.progress.auto?.trial = nil
        decide(
            AutoDecision(
                .keeps, step: run.progress.step, group: group, fall: fall.mean, fallError: fall.error,
                text: "\(group) stays thawed: the validation loss fell by \(Self.numbers(fall))"))
    }

    private func takeBack(_ run: TrainingRun, _ fall: (mean: Double, error: Double)) {
        guard let auto = run.progress.auto, let group = auto.trial else { return }
        run.returnToBest()
        run.progress.auto?.trial = nil
        run.progress.auto?.rejected.append(group)
        announceMask(run, inMetrics: true)
        decide(
            AutoDecision(
                .takesBack, step: run.progress.step, group: group, fall: fall.mean, fallError: fall.error,
                text: "\(group) is frozen again, as after step \(auto.bestStep): in \(Self.trialEpochs) epochs the "
                    + "validation loss fell by \(Self.numbers(fall))"))
    }

    private func thawNext(_ run: TrainingRun, because reason: String?) throws {
        guard let auto = run.progress.auto else { return }
        if reason != nil { run.returnToBest() }
        guard auto.rejected.count < Self.mostRejections, let next = try run.candidates().first else {
            run.progress.auto?.isExhausted = true
            return
        }
        run.progress.auto?.trial = next.name
        run.progress.auto?.trialEpochs = Self.trialEpochs
        run.progress.auto?.stale = 0
        run.progress.auto?.rate = next.rate
        run.applyMask(run.progress.trainable.union(next.parameters))
        run.copyChanging()
        announceMask(run, inMetrics: true)
        let start = reason.map { $0 + ": " } ?? ""
        let rate = next.rate < 1 ? " at a third of the rate" : ""
        let worth = next.worth
        decide(
            AutoDecision(
                .thaws, step: run.progress.step, group: next.name, fall: worth.fall, fallError: worth.fallError,
                text: "\(start)\(next.name) thaws on trial\(rate); a step should lower the validation loss by "
                    + Self.numbers((worth.fall, worth.fallError))))
    }

    /// A large rate keeps the weights moving about a minimum that a smaller one reaches.
    private func lowerRate(_ run: TrainingRun, because reason: String) {
        run.progress.auto?.rate *= TrainingRun.lowerRate
        run.progress.auto?.lastEpochs = Self.lastEpochs
        decide(
            AutoDecision(
                .lowers, step: run.progress.step, text: "\(reason): on at a third of the rate"))
    }

    private func end(_ run: TrainingRun, because reason: String) throws {
        run.returnToBest()
        run.progress.auto?.isOver = true
        let rejected = run.progress.auto?.rejected ?? []
        let why = rejected.isEmpty ? "nothing is left to thaw" : "\(rejected.joined(separator: ", ")) did not pay"
        decide(AutoDecision(.ends, step: run.progress.step, text: "\(reason): the run ends, \(why)"))
        try save(run)
    }

    private static func numbers(_ fall: (mean: Double, error: Double)) -> String {
        "\(Numbers.short(fall.mean)) ± \(Numbers.short(fall.error))"
    }
}

/// Frozen parameters that may thaw together.
private struct ThawCandidate {
    let name: String
    let parameters: [String]
    /// What then is left of the learning rate.
    var rate = 1.0
    var worth = Worth.blank
}

extension TrainingRun {
    private static let everything = "everything"
    private static let everythingButBatchNorm = "everything but BatchNorm"
    /// Also where BatchNorm keeps its statistics: nothing then holds the maps in their range, and the whole rate undoes what
    /// was learned.
    fileprivate static let lowerRate = 1.0 / 3

    /// What may thaw: the whole, then its parts as the probe ranks them. What did not pay is left out, and so are the parts of
    /// a stage that did not, and what would thaw no convolution.
    fileprivate func candidates() throws -> [ThawCandidate] {
        let network = ResNet.resnet18
        let rejected = progress.auto?.rejected ?? []
        let frozen = model.specs.filter {
            $0.kind == .parameter && !progress.trainable.contains($0.name) && !options.frozenByRule.contains($0.name)
        }
        let convolutions = frozen.filter { !network.isBatchNorm($0.layer) }.map(\.name)
        func mayThaw(_ candidate: ThawCandidate) -> Bool {
            candidate.parameters.contains(where: convolutions.contains)
                && !rejected.contains { candidate.name == $0 || candidate.name.hasPrefix($0 + ".") }
        }
        let parts = Self.groups(of: frozen.map(\.name)).map { ThawCandidate(name: $0, parameters: $1) }
        let wholes = [
            ThawCandidate(name: Self.everything, parameters: frozen.map(\.name)),
            ThawCandidate(name: Self.everythingButBatchNorm, parameters: convolutions, rate: Self.lowerRate),
        ].filter { whole in !parts.contains { $0.parameters == whole.parameters } }
        guard (wholes + parts).contains(where: mayThaw) else { return [] }
        let outcome = try Probe(self).measure()
        func measured(_ candidates: [ThawCandidate]) -> [ThawCandidate] {
            candidates.filter(mayThaw).map { candidate in
                var measured = candidate
                measured.worth = outcome.worth(of: candidate.parameters)
                return measured
            }.filter { $0.worth.reach.isFinite && $0.worth.reach > 0 }
        }
        return measured(wholes) + measured(parts).sorted { $0.worth.outranks($1.worth) }
    }
}
