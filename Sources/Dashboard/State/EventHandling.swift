import Support
import TUI
import TrainingEvents

extension DashboardState {
    mutating func handle(_ event: TrainingEvent) {
        switch event {
        case .opened(let description):
            open(description)
            messages.status = nil
        case .progress(let work): run.progress = work
        case .dataset(let description):
            run.dataset = description
            layers.tree.setOutputs(description.classes.count)
        case .step(let report):
            run.take(report)
            charts.loss.append(report.loss, at: report.step)
            charts.accuracy.append(report.accuracy, at: report.step)
            gradients.take(report, layers.tree)
            decisions.take(report, isSteady: isCacheSteady)
        case .epoch(let report):
            run.take(report)
            decisions.take(report)
            if let validation = report.validation { charts.append(validation: validation, at: report.step) }
        case .freeze(let report): take(report)
        case .cache(let status): layers.cache = status
        case .proof(let report):
            layers.proof = report
            if let first = report.broken.first {
                let more = report.broken.count > 1 ? " and \(report.broken.count - 1) more" : ""
                record(.error, "frozen bits changed: \(first)\(more), found at step \(report.step)")
            }
        case .paused(_, let reason):
            if !run.isPaused { record(.notice, "paused" + reason.suffix) }
            run.take(reason)
            // The log has it as the warning that came before.
            if case .saveFailed(_, let message) = reason {
                messages.standingError = Message(kind: .error, text: message)
            }
        case .resumed:
            if run.isPaused { record(.notice, "goes on") }
            run.pauseReason = nil
            messages.standingError = nil
            run.pausePending = false
        case .refused(let reason, let id):
            layers.pending.settle(id)
            if id == run.saveRequest { run.saveRequest = nil }
            record(.warning, reason)
        case .saved(let report):
            run.saveRequest = nil
            if run.progress?.work == .saving { run.progress = nil }
            record(.success, "saved \(report.path) at step \(report.step)" + report.bestSuffix)
        case .learningRate(let report):
            run.rateFactor = report.factor
            charts.markRate(report.step, Numbers.rate(report.rate))
            record(.notice, "learning rate \(Numbers.rate(report.rate)) from step \(report.step)")
        case .validation(let report):
            if run.progress?.work == .validation { run.progress = nil }
            charts.append(validation: report.score, at: report.step)
            record(
                .success,
                "validated after step \(report.step): loss \(Numbers.fixed(report.score.loss, 3)), accuracy "
                    + Numbers.percent(report.score.accuracy))
        case .decision(let decision):
            run.auto = decision.choice == .rests ? .resting : decision.choice == .ends ? .off : .inCharge
            record(.notice, decision.text)
            if let label = decision.chartLabel { charts.mark(decision.step, label) }
        case .probe(let report):
            if run.progress?.work == .probing { run.progress = nil }
            decisions.probe = report
            record(.success, report.sentence)
        case .mistakes(let report): decisions.mistakes = report
        case .notFinite(let report):
            decisions.take(report)
            charts.loss.append(.nan, at: report.step)
            charts.mark(report.step, "back to step \(report.weightsOfStep)")
            record(
                .error,
                "the loss of step \(report.step) is not a number; the weights of step \(report.weightsOfStep) are back")
        case .costs(let costs): decisions.costs = costs
        // Another dashboard may look at another parameter.
        case .inspection(let report):
            if [nil, report.name].contains(decisions.inspecting) { decisions.inspection = report }
        case .asked(let request, let requester): take(request, by: requester)
        case .dashboards(let all): run.dashboards = all
        case .ranks(let report): run.ranks = report
        case .story(let report): take(report)
        case .warning(let text): record(.warning, text)
        case .notice(let text): record(.notice, text)
        case .finished(let summary):
            run.phase = .finished(summary)
            messages.standingError = nil
            endRun()
        case .failed(let text):
            run.phase = .failed(text)
            record(.error, text)
            endRun()
        }
    }

    private mutating func endRun() {
        run.progress = nil
        dialogs.prompt = nil
        dialogs.confirmation = nil
        run.pauseReason = nil
        forgetRequests()
    }

    /// A new run: its charts, counters and mask start afresh, the cursor and the folds stay where they were.
    private mutating func open(_ description: RunDescription) {
        forgetRequests()
        var fresh = RunState()
        fresh.description = description
        fresh.phase = .preparing
        (fresh.tie, fresh.isStopping, fresh.jobEnded) = (run.tie, run.isStopping, run.jobEnded)
        fresh.dashboards = run.dashboards
        run = fresh
        let pending = layers.pending
        layers = LayerState(description.parameters, trainable: description.trainable)
        layers.pending = pending
        gradients = GradientState(layers.tree)
        charts.begin()
        decisions = DecisionState()
        selection.begin(layers.tree)
        dialogs.confirmation = nil
        dialogs.search = DialogState.Search(line: dialogs.search.line)
        settings.rightScroll = 0
        messages.standingError = nil
    }

    private mutating func take(_ report: FreezeReport) {
        let trainable = Set(report.trainable)
        let predicted = costModel.predictedMilliseconds(layers.tree.names.map { !trainable.contains($0) })
        let requester = layers.pending.requester(of: report.answers).map { " (\($0.label))" } ?? ""
        let changed = layers.take(report)
        if layers.hasMask {
            let label = layers.tree.name([("thawed", changed.thawed), ("froze", changed.frozen)], settings.glyphs)
            if !label.isEmpty {
                record(.notice, label + " from step \(report.step) on" + requester)
                charts.mark(report.step, label)
                decisions.maskChanged(
                    step: report.step, label: label, predicted: predicted,
                    thawed: changed.frozen.isEmpty ? layers.tree.groups(of: changed.thawed) : [])
            }
        }
        layers.hasMask = true
    }

    /// A command of another dashboard, or of a script.
    private mutating func take(_ request: CommandRequest, by requester: Requester) {
        guard requester.client != 0 else { return }
        var wish = request.command.wish
        if request.command.changesMask {
            let (frozen, changed) = layers.effect(of: request.command)
            if !changed.isEmpty { wish = "to " + changeText(changed) }
            if let id = request.id { layers.pending.add(frozen, id: id, by: requester) }
        }
        record(.notice, "\(requester.label) asked \(wish)")
    }

    /// Whether steps take what they will go on to take: nothing is being filled into the cache.
    private var isCacheSteady: Bool {
        guard case .on(_, _, let cached, _)? = layers.cache else { return true }
        return cached >= (run.dataset?.trainingCount ?? 0)
    }
}

extension SaveReport {
    /// What follows the saved step in a message, where best weights were written too.
    var bestSuffix: String {
        guard let bestStep else { return "" }
        return bestStep == step ? ", the best so far" : ", and the best weights, of step \(bestStep)"
    }
}
