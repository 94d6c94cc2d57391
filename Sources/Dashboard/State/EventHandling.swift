import Network
import TUI
import TrainingEvents

extension DashboardState {
    mutating func receive(_ event: TrainingEvent) {
        switch event {
        case .opened(let description):
            open(description)
            status = nil
        case .progress(let work): progress = work
        case .dataset(let description):
            dataset = description
            tree.setOutputs(description.classes.count)
        case .step(let report): take(report)
        case .epoch(let report): take(report)
        case .freeze(let report): take(report)
        case .cache(let status): cache = status
        case .proof(let report):
            proof = report
            if let first = report.broken.first {
                let more = report.broken.count > 1 ? " and \(report.broken.count - 1) more" : ""
                log(.error, "frozen bits changed: \(first)\(more), found at step \(report.step)")
            }
        case .paused(_, let reason): take(reason)
        case .resumed:
            if isPaused { log(.notice, "goes on") }
            pauseReason = nil
            standingError = nil
            pausePending = false
        case .refused(let report):
            pending.settle(report.answers)
            if report.answers == saveRequest { saveRequest = nil }
            log(.warning, report.reason)
        case .saved(let report):
            saveRequest = nil
            if progress?.work == .saving { progress = nil }
            log(.success, "saved \(report.path) at step \(report.step)" + report.bestSuffix)
        case .learningRate(let report): take(report)
        case .validation(let report): take(report)
        case .mistakes(let report): deciding.mistakes = report
        case .notFinite(let report): take(report)
        case .costs(let costs): deciding.costs = costs
        case .inspection(let report): deciding.inspection = report
        case .warning(let text): log(.warning, text)
        case .notice(let text): log(.notice, text)
        case .finished(let summary):
            phase = .finished(summary)
            standingError = nil
            endRun()
        case .failed(let text):
            phase = .failed(text)
            log(.error, text)
            endRun()
        }
    }

    mutating func log(_ kind: Message.Kind, _ text: String) {
        messages.append(Message(kind: kind, text: text, step: lastStep?.step))
        if messages.count > Self.messageLimit { messages.removeFirst(messages.count - Self.messageLimit) }
        if kind == .error { standingError = messages.last }
    }

    private mutating func take(_ reason: PauseReason) {
        if !isPaused { log(.notice, "paused" + reason.suffix) }
        // A pause that is asked for afterwards does not hide what stopped the run.
        if pauseReason?.isFailure != true || reason.isFailure { pauseReason = reason }
        // The log has it as the warning that came before.
        if case .saveFailed(_, let message) = reason { standingError = Message(kind: .error, text: message) }
        epochMilliseconds = nil
        pausePending = false
    }

    private mutating func endRun() {
        progress = nil
        prompt = nil
        deciding.confirmation = nil
        pauseReason = nil
        forgetRequests()
    }

    /// A new run: its charts, counters and mask start afresh, the cursor and the folds stay where they were.
    private mutating func open(_ description: RunDescription) {
        run = description
        phase = .preparing
        dataset = nil
        progress = nil
        lastStep = nil
        lastEpoch = nil
        best = nil
        firstStep = 0
        recentMilliseconds = nil
        epochMilliseconds = 0
        millisecondsBesideSteps = 0
        pauseReason = nil
        standingError = nil
        frostLine = nil
        cache = nil
        proof = nil
        hasMask = false
        forgetRequests()
        loss = Series()
        accuracy = Series()
        validationLoss = Series()
        validationAccuracy = Series()
        marks = []
        view.window = nil
        view.cursor = nil

        tree = LayerTree(description.parameters)
        let trainable = Set(description.trainable)
        frozen = tree.parameters.map { !trainable.contains($0.name) }
        frozenSince = [Int](repeating: 0, count: frozen.count)
        totalNorm = Series()
        norms = [Series](repeating: Series(capacity: 1024), count: tree.nodes.count)
        recent = [Float](repeating: .nan, count: tree.nodes.count * Self.recentCount)
        recentEnd = 0
        updateRatios = [Double](repeating: .nan, count: frozen.count)
        deciding.begin(nodes: tree.nodes.count)
        nameStrategy()
        if !hasFolds, !tree.nodes.isEmpty {
            // The stages open, their blocks closed: what one freezes is in sight, and still fits 24 rows.
            hasFolds = true
            for root in tree.roots where tree.nodes[root].children.contains(where: { !tree.nodes[$0].children.isEmpty })
            {
                unfolded.insert(tree.nodes[root].path)
            }
        }
        layRows()
    }

    private mutating func nameStrategy() {
        let names = parameterNames
        strategy = Strategy.named(by: Set(frozen.indices.filter { !frozen[$0] }.map { names[$0] }), of: names)
    }

    private mutating func take(_ report: StepReport) {
        if case .preparing = phase { phase = .running }
        if progress?.work != .saving { progress = nil }
        if lastStep == nil {
            let before = report.step.subtractingReportingOverflow(max(1, report.stepInEpoch))
            firstStep = max(0, before.overflow ? 0 : before.partialValue)
        }
        lastStep = report
        loss.append(report.loss, at: report.step)
        accuracy.append(report.accuracy, at: report.step)
        if report.milliseconds.isFinite, report.milliseconds >= 0 {
            // About the last ten steps, so the remaining time follows a change of the mask quickly.
            recentMilliseconds = recentMilliseconds.map { $0 + 0.1 * (report.milliseconds - $0) } ?? report.milliseconds
            if let spent = epochMilliseconds { epochMilliseconds = spent + report.milliseconds }
        }

        var squares = [Double](repeating: -1, count: tree.nodes.count)
        for parameter in frozen.indices {
            let name = tree.parameters[parameter].name
            updateRatios[parameter] = report.updateRatios[name] ?? .nan
            guard let norm = report.gradientNorms[name] else { continue }
            var node: Int? = tree.leaf[parameter]
            while let number = node {
                squares[number] = (squares[number] == -1 ? 0 : squares[number]) + norm * norm
                node = tree.nodes[number].parent
            }
        }
        let total = tree.roots.reduce(0.0) { $0 + max(0, squares[$1]) }.squareRoot()
        if total > 0 || total.isNaN { totalNorm.append(total, at: report.step) }
        for node in squares.indices {
            let norm = squares[node] == -1 ? .nan : squares[node].squareRoot()
            // A frozen row has no line, and none has to be kept for it.
            if norm.isFinite || !norms[node].slots.isEmpty { norms[node].append(norm, at: report.step) }
            recent[node * Self.recentCount + recentEnd] = Float(norm)
        }
        if !squares.isEmpty { recentEnd = (recentEnd + 1) % Self.recentCount }
        note(report)
    }

    private mutating func take(_ report: EpochReport) {
        if progress?.work == .validation { progress = nil }
        lastEpoch = report
        if let spent = epochMilliseconds, report.seconds.isFinite {
            millisecondsBesideSteps = max(0, report.seconds * 1000 - spent)
        }
        epochMilliseconds = 0
        note(report)
        if report.isBest { best = report }
        if let validation = report.validation {
            validationLoss.append(validation.loss, at: report.step)
            validationAccuracy.append(validation.accuracy, at: report.step)
        }
    }

    private mutating func take(_ report: FreezeReport) {
        let trainable = Set(report.trainable)
        let predicted = predictedMilliseconds(tree.parameters.map { !trainable.contains($0.name) })
        var thawed: Set<Int> = []
        var froze: Set<Int> = []
        for parameter in frozen.indices {
            let isFrozen = !trainable.contains(tree.parameters[parameter].name)
            if isFrozen == frozen[parameter] { continue }
            frozen[parameter] = isFrozen
            if isFrozen {
                froze.insert(parameter)
                frozenSince[parameter] = report.step
            } else {
                thawed.insert(parameter)
            }
        }
        frostLine = report.frostLine
        pending.settle(report.answers)
        if !froze.isEmpty || !thawed.isEmpty { nameStrategy() }

        if hasMask {
            var parts: [String] = []
            if !thawed.isEmpty { parts.append("thawed " + tree.name(thawed, glyphs)) }
            if !froze.isEmpty { parts.append("froze " + tree.name(froze, glyphs)) }
            if !parts.isEmpty {
                log(.notice, parts.joined(separator: ", ") + " from step \(report.step) on")
                marks.append(ChartMark(step: report.step, label: parts.joined(separator: ", ")))
                noteChange(step: report.step, label: parts.joined(separator: ", "), predicted: predicted)
                if marks.count > Self.markLimit { marks.removeFirst(marks.count - Self.markLimit) }
            }
        }
        hasMask = true
    }
}

extension SaveReport {
    /// What follows the saved step in a message, where best weights were written too.
    var bestSuffix: String {
        guard let bestStep else { return "" }
        return bestStep == step ? ", the best so far" : ", and the best weights, of step \(bestStep)"
    }
}
