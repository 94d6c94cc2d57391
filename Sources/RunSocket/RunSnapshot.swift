import TrainingEvents

/// What a dashboard that comes later has to know besides metrics.jsonl: the latest event of each kind that says how
/// things are, and the latest messages.
struct RunSnapshot {
    private var opened: PostedEvent?
    private var dataset: PostedEvent?
    private var freeze: PostedEvent?
    private var cache: PostedEvent?
    private var proof: PostedEvent?
    private var costs: PostedEvent?
    private var mistakes: PostedEvent?
    private var learningRate: PostedEvent?
    private var progress: PostedEvent?
    /// Only while the run is paused.
    private var paused: PostedEvent?
    var isPaused: Bool { paused != nil }
    private var dashboards: PostedEvent?
    private var ranks: PostedEvent?
    private var ending: PostedEvent?
    private var messages: [PostedEvent] = []
    /// Commands about the mask that are not answered yet, oldest first.
    private var asked: [(id: CommandID, posted: PostedEvent)] = []
    private var step: PostedEvent?
    /// Where the record ends that these events belong to.
    private(set) var metricsEnd: Int?

    private static let messageLimit = 100

    mutating func take(_ posted: PostedEvent) {
        // Mistakes may come later than what happened after them.
        if let place = posted.place { metricsEnd = max(metricsEnd ?? 0, place.end) }
        let event = posted.event
        switch event {
        case .opened:
            let dashboards = dashboards
            self = RunSnapshot()
            (opened, self.dashboards, metricsEnd) = (posted, dashboards, posted.place?.end)
        case .dataset: dataset = posted
        case .freeze(let report):
            freeze = posted
            settle(report.answers)
        case .refused(_, let id):
            settle(id)
            keep(posted)
        case .cache: cache = posted
        case .proof: proof = posted
        case .costs: costs = posted
        case .mistakes: mistakes = posted
        case .learningRate: learningRate = posted
        case .progress: progress = posted
        case .paused: paused = posted
        case .resumed: paused = nil
        case .asked(let request, _): if let id = request.id, request.command.changesMask { asked.append((id, posted)) }
        case .dashboards: dashboards = posted
        case .ranks: ranks = posted
        case .finished, .failed: ending = posted
        case .saved, .warning, .notice: keep(posted)
        case .step:
            progress = nil
            step = posted
        // The demonstration has no socket.
        case .epoch, .validation, .notFinite, .inspection, .probe, .decision, .story: break
        }
    }

    private mutating func settle(_ id: CommandID?) { if let id { asked.removeAll { $0.id == id } } }

    private mutating func keep(_ posted: PostedEvent) {
        messages.append(posted)
        if messages.count > Self.messageLimit { messages.removeFirst() }
    }

    /// In the order in which a dashboard must take them. The history in metrics.jsonl belongs behind the second; what has a
    /// line there keeps its place, so that a client that reads the file leaves it out.
    var events: [PostedEvent] {
        let place = metricsEnd.map { MetricsPlace(begin: $0, end: $0) }
        let opening = [opened, dataset].compactMap { $0 }.map { PostedEvent($0.event) }
        let standing = [freeze, cache, proof, costs, mistakes, learningRate].compactMap { $0 } + messages
        let present = asked.map(\.posted) + [paused, progress, dashboards, ranks, ending, step].compactMap { $0 }
        return opening
            + (standing + present).map { PostedEvent($0.event, at: $0.place?.isLine == true ? $0.place : place) }
    }
}
