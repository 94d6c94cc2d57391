/// The rounds: in each every row once, the two sides in turn. What two rows of a round need is measured once.
final class Rounds {
    private var number = 0
    private let contestants: Contestants
    private let step: StepWork
    private let runs: EndToEnd?
    private var steps: [StepWork: (frostline: StepFigures, pytorch: StepFigures?)] = [:]
    /// How many DataLoader workers were faster in the first round, by strategy.
    private(set) var workers: [String: Int] = [:]

    /// `step` says batch, size, steps and threads; `runs` is nil where no row needs files.
    init(_ contestants: Contestants, step: StepWork, runs: EndToEnd?) {
        self.contestants = contestants
        self.step = step
        self.runs = runs
    }

    /// `number`: from 0.
    func begin(_ number: Int) {
        self.number = number
        steps = [:]
    }

    func measure(_ row: Row) throws -> SideBySide.Pair {
        switch row {
        case .full: return try milliseconds(work("full"))
        case .partial: return try milliseconds(work("partial"))
        case .head: return try milliseconds(work("head"))
        case .inference: return try milliseconds(work("full", .eval))
        case .cachedPartial:
            // PyTorch's partial step again, unless this round has it already.
            let whole = try pair(work("partial"))
            let cached = try contestants.frostline(work("partial", .cached))
            return (cached.milliseconds, whole.pytorch?.milliseconds)
        case .headEpoch:
            let whole = try pair(work("head"))
            let epoch = try endToEnd.cachedHeadEpoch()
            return (epoch.milliseconds, whole.pytorch.map { $0.milliseconds * Double(epoch.steps) })
        case .runFull: return try run("full")
        case .runPartial: return try run("partial")
        case .runHead: return try run("head")
        case .memory: return try memory(work("full"))
        case .memoryDouble:
            var large = work("full")
            large.batchSize *= 2
            large.steps = min(large.steps, 3)
            return try memory(large)
        }
    }

    private var endToEnd: EndToEnd {
        get throws {
            guard let runs else { throw BenchmarkError("The row needs pictures and weights, which were not made.") }
            return runs
        }
    }

    private func work(_ strategy: String, _ mode: StepWork.Mode = .train) -> StepWork {
        var work = step
        work.strategy = strategy
        work.mode = mode
        return work
    }

    private func milliseconds(_ work: StepWork) throws -> SideBySide.Pair {
        let pair = try pair(work)
        return (pair.frostline.milliseconds, pair.pytorch?.milliseconds)
    }

    private func memory(_ work: StepWork) throws -> SideBySide.Pair {
        let pair = try pair(work)
        return (pair.frostline.peakMemoryMiB, pair.pytorch?.peakMemoryMiB)
    }

    private func pair(_ work: StepWork) throws -> (frostline: StepFigures, pytorch: StepFigures?) {
        if let known = steps[work] { return known }
        let pair = try inTurn({ try contestants.frostline(work) }, { try contestants.pytorch(work) })
        steps[work] = pair
        return pair
    }

    private func run(_ strategy: String) throws -> SideBySide.Pair {
        let runs = try endToEnd
        return try inTurn({ try runs.frostline(strategy) }, { try fastestPyTorch(runs, strategy) })
    }

    /// Decoding in two processes beside the training pays on some machines only: the first round tries both ways.
    private func fastestPyTorch(_ runs: EndToEnd, _ strategy: String) throws -> Double? {
        if let chosen = workers[strategy] { return try runs.pytorch(strategy, workers: chosen) }
        guard let with = try runs.pytorch(strategy, workers: 2), let without = try runs.pytorch(strategy, workers: 0)
        else { return nil }
        workers[strategy] = with <= without ? 2 : 0
        return min(with, without)
    }

    /// The side that begins changes from round to round.
    private func inTurn<A, B>(_ frostline: () throws -> A, _ pytorch: () throws -> B) rethrows -> (
        frostline: A, pytorch: B
    ) {
        if number % 2 == 0 {
            let first = try frostline()
            return (first, try pytorch())
        }
        let first = try pytorch()
        return (try frostline(), first)
    }
}
