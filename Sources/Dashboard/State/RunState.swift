import TrainingEvents

/// How a dashboard and its run hang together.
package enum RunTie: Sendable {
    /// The run is in the dashboard's process and ends with it.
    case own
    /// The dashboard started the run in a process of its own: q stops it, D leaves it.
    case started
    /// The run goes on without the dashboard.
    case attached
    /// The dashboard only shows it.
    case readOnly
}

/// What is known of the run itself: what it is, how far it has come, what was asked of it.
package struct RunState: Sendable {
    enum Phase: Sendable, Equatable {
        /// No event has come yet.
        case waiting
        /// A run is open; its first step is still to come.
        case preparing
        case running
        case finished(RunSummary)
        case failed(String)
    }

    var description: RunDescription?
    var dataset: DatasetDescription?
    var phase = Phase.waiting
    var progress: WorkProgress?
    var lastStep: StepReport?
    var lastEpoch: EpochReport?
    /// The step before the first that was seen; a resumed run does not start at 0.
    var firstStep = 0
    /// Running mean of recent steps' duration, for the remaining time.
    var recentMilliseconds: Double?
    /// Milliseconds of this epoch's steps; nil once the epoch held a pause.
    var epochMilliseconds: Double? = 0
    /// What an epoch takes beside its steps, as the last one without a pause did.
    var millisecondsBesideSteps = 0.0
    var rateFactor = 1.0
    /// Who has the mask.
    enum Auto: Sendable { case off, inCharge, resting }
    var auto = Auto.off
    var pauseReason: PauseReason?
    var isPaused: Bool { pauseReason != nil }
    /// p was pressed and the engine has not answered.
    var pausePending = false
    /// The latest s that neither a save nor a refusal has answered.
    var saveRequest: CommandID?
    var isSaving: Bool { saveRequest != nil }
    package var tie = RunTie.own
    /// The dashboards that are attached to it, this one among them as client 0.
    var dashboards: [Requester] = []
    /// The processes that train it together; nil where it is one.
    var ranks: RanksReport?
    /// Whether the run was asked to stop, by q or by a signal.
    package internal(set) var isStopping = false
    var jobEnded = false

    /// Whether the engine would listen to a command.
    var isLive: Bool {
        guard !isStopping, !jobEnded, tie != .readOnly else { return false }
        switch phase {
        case .preparing, .running: return description != nil
        default: return false
        }
    }

    private var hasEnded: Bool {
        switch phase {
        case .finished, .failed: true
        default: false
        }
    }

    var isOver: Bool { hasEnded || jobEnded }

    /// Whether the last run ended and no other follows.
    package var isFinished: Bool { hasEnded && jobEnded }

    var stepsPerEpoch: Int? { (lastStep?.stepsPerEpoch ?? dataset?.stepsPerEpoch).flatMap { $0 > 0 ? $0 : nil } }

    var totalSteps: Int? {
        guard let description, let perEpoch = stepsPerEpoch else { return nil }
        let (total, overflow) = perEpoch.multipliedReportingOverflow(by: description.epochs)
        return overflow || total <= 0 ? nil : total
    }

    /// Steps at their latest pace, and what each epoch adds for its validation.
    var secondsLeft: Double? {
        guard let step = lastStep, let description, let totalSteps, let recentMilliseconds, step.step >= 0,
            step.step <= totalSteps
        else { return nil }
        let epochs = max(0, description.epochs - (lastEpoch?.epoch ?? (step.epoch - 1)))
        return (Double(totalSteps - step.step) * recentMilliseconds + Double(epochs) * millisecondsBesideSteps) / 1000
    }

    func className(_ index: Int) -> String {
        if let classes = dataset?.classes, classes.indices.contains(index) { return classes[index] }
        return "class \(index)"
    }

    mutating func take(_ report: StepReport) {
        if case .preparing = phase { phase = .running }
        if progress?.work != .saving { progress = nil }
        if lastStep == nil {
            let before = report.step.subtractingReportingOverflow(max(1, report.stepInEpoch))
            firstStep = max(0, before.overflow ? 0 : before.partialValue)
        }
        lastStep = report
        guard report.milliseconds.isFinite, report.milliseconds >= 0 else { return }
        // About the last ten steps, so the remaining time follows a change of the mask quickly.
        recentMilliseconds = recentMilliseconds.map { $0 + 0.1 * (report.milliseconds - $0) } ?? report.milliseconds
        if let spent = epochMilliseconds { epochMilliseconds = spent + report.milliseconds }
    }

    mutating func take(_ report: EpochReport) {
        if progress?.work == .validation { progress = nil }
        lastEpoch = report
        if let spent = epochMilliseconds, report.seconds.isFinite {
            millisecondsBesideSteps = max(0, report.seconds * 1000 - spent)
        }
        epochMilliseconds = 0
    }

    mutating func take(_ reason: PauseReason) {
        // A pause that is asked for afterwards does not hide what stopped the run.
        if pauseReason?.isFailure != true || reason.isFailure { pauseReason = reason }
        epochMilliseconds = nil
        pausePending = false
    }
}
