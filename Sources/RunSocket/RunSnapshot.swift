import TrainingEvents

/// What a dashboard that comes later has to know besides metrics.jsonl: the latest event of each kind that says how
/// things are, and the latest messages.
struct RunSnapshot {
    private var opened: TrainingEvent?
    private var dataset: TrainingEvent?
    private var freeze: TrainingEvent?
    private var cache: TrainingEvent?
    private var proof: TrainingEvent?
    private var costs: TrainingEvent?
    private var mistakes: TrainingEvent?
    private var learningRate: TrainingEvent?
    private var progress: TrainingEvent?
    /// Only while the run is paused.
    private var paused: TrainingEvent?
    var isPaused: Bool { paused != nil }
    private var dashboards: TrainingEvent?
    private var ending: TrainingEvent?
    private var messages: [TrainingEvent] = []
    /// Commands about the mask that are not answered yet, oldest first.
    private var asked: [(id: CommandID, event: TrainingEvent)] = []
    private var step: PostedEvent?
    /// Where the record ends that these events belong to.
    private(set) var metricsEnd: Int?

    private static let messageLimit = 100

    mutating func take(_ posted: PostedEvent) {
        if let place = posted.place { metricsEnd = place.end }
        let event = posted.event
        switch event {
        case .opened:
            let dashboards = dashboards
            self = RunSnapshot()
            (opened, self.dashboards, metricsEnd) = (event, dashboards, posted.place?.end)
        case .dataset: dataset = event
        case .freeze(let report):
            freeze = event
            settle(report.answers)
        case .refused(_, let id):
            settle(id)
            keep(event)
        case .cache: cache = event
        case .proof: proof = event
        case .costs: costs = event
        case .mistakes: mistakes = event
        case .learningRate: learningRate = event
        case .progress: progress = event
        case .paused: paused = event
        case .resumed: paused = nil
        case .asked(let request, _): if let id = request.id, request.command.changesMask { asked.append((id, event)) }
        case .dashboards: dashboards = event
        case .finished, .failed: ending = event
        case .saved, .warning, .notice: keep(event)
        case .step:
            progress = nil
            step = posted
        case .epoch, .validation, .notFinite, .inspection: break
        }
    }

    private mutating func settle(_ id: CommandID?) { if let id { asked.removeAll { $0.id == id } } }

    private mutating func keep(_ event: TrainingEvent) {
        messages.append(event)
        if messages.count > Self.messageLimit { messages.removeFirst() }
    }

    /// In the order in which a dashboard must take them. The history in metrics.jsonl belongs behind the second.
    var events: [PostedEvent] {
        let place = metricsEnd.map { MetricsPlace(begin: $0, end: $0) }
        let opening = [opened, dataset].compactMap { $0 }.map { PostedEvent($0) }
        let standing = [freeze, cache, proof, costs, mistakes, learningRate].compactMap { $0 } + messages
        let present = asked.map(\.event) + [paused, progress, dashboards, ending].compactMap { $0 }
        return opening + (standing + present).map { PostedEvent($0, at: place) } + [step].compactMap { $0 }
    }
}
