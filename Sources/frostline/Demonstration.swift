import Foundation
import Images
import Support
import Synchronization
import Training
import TrainingEvents

/// The built-in demonstration of transfer learning, on drawn pictures: task A from random weights, unless it was learned
/// before; task B from random weights; task B once more from task A's weights, with the keys live. Both trainings of task B
/// have the same pictures, epochs and steps.
final class Demonstration: Sendable {
    /// Changes with anything that the kept weights of task A depend on.
    private static let edition = 2

    struct Result: Sendable {
        var task: RunSummary
        var fromRandom: RunSummary
        var story: StoryReport
    }

    private struct State {
        var engine: TrainingEngine?
        var act: StoryReport.Act?
        var stopped = false
        var wasWatched = false
        /// p was pressed: also the runs to come wait, each before its first step.
        var isHeld = false
        var result: Result?
    }

    let mailbox = EventMailbox()
    private let threads: Int
    private let seed: UInt64
    private let cacheFolder: String
    /// Whether keys may be pressed meanwhile.
    private let isLive: Bool
    private let state = Mutex(State())

    init(threads: Int, seed: UInt64, cacheFolder: String, isLive: Bool) {
        self.threads = threads
        self.seed = seed
        self.cacheFolder = cacheFolder
        self.isLive = isLive
    }

    var result: Result? { state.withLock { $0.result } }

    func send(_ request: CommandRequest) {
        let (engine, act) = state.withLock { state in
            switch request.command {
            case .stop: state.stopped = true
            case .watch(true): state.wasWatched = true
            case .pause, .stepOnce: state.isHeld = true
            case .resume: state.isHeld = false
            default: break
            }
            return (state.engine, state.act)
        }
        if let refusal = Self.refusal(of: request.command, in: act) {
            return mailbox.post(.refused(reason: refusal, answers: request.id))
        }
        engine?.send(request)
    }

    /// Why a command has to wait for task B's own act: task A is kept for the next start, and the comparison must be fair.
    static func refusal(of command: TrainingCommand, in act: StoryReport.Act?) -> String? {
        switch command {
        case .setFrozen, .mask, .scaleLearningRate, .auto: break
        default: return nil
        }
        switch act {
        case .taskA: return "task A trains every layer, and is kept; freeze and thaw in task B"
        case .fromRandom: return "this run is there to compare with; freeze and thaw in the next one"
        case .taskB, .end, nil: return nil
        }
    }

    /// `$XDG_CACHE_HOME/frostline`, else `~/.cache/frostline`.
    static func defaultCacheFolder(environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty { return cache + "/frostline" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.cache/frostline"
    }

    // MARK: The sequence of runs

    func run() async -> RunOutcome {
        let start: StartingWeights
        var story = StoryReport(act: .taskA, start: "task A", pictures: Self.pictures)
        var size = Self.drawnSize
        if let found = WeightFiles.newestPretrained() {
            start = .file(found)
            story.start = "pretraining"
            size = 224
        } else {
            let kept = "\(cacheFolder)/demonstration-\(Self.edition)-\(seed).safetensors"
            if !FileManager.default.isReadableFile(atPath: kept) {
                begin(.taskA, &story)
                let outcome = await trainTaskA(keepAs: kept)
                if outcome.failure != nil || outcome.summary?.stopped == true { return outcome }
            } else {
                mailbox.post(.notice("task A was learned before: \(kept)"))
            }
            start = .file(kept)
        }

        begin(.fromRandom, &story)
        let random = await run(
            request(
                phase: "task B from random weights", task: .animals, size: size, weights: .random,
                options: randomOptions(size)))
        guard let fromRandom = random.summary, !fromRandom.stopped else { return random }

        begin(.taskB, &story)
        let taskB = await run(
            request(
                phase: "task B after \(story.start)", task: .animals, size: size, weights: start,
                options: taskBOptions(size)))
        guard let task = taskB.summary, !task.stopped else { return taskB }
        story.afterStart = task.last?.accuracy
        story.fromRandom = fromRandom.last?.accuracy
        begin(.end, &story)
        state.withLock { [story] in $0.result = Result(task: task, fromRandom: fromRandom, story: story) }
        return taskB
    }

    private func begin(_ act: StoryReport.Act, _ story: inout StoryReport) {
        story.act = act
        state.withLock { state in
            state.act = act
            state.engine = nil
        }
        mailbox.post(.story(story))
    }

    private func trainTaskA(keepAs path: String) async -> RunOutcome {
        let folder = "\(cacheFolder)/task-a-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var request = request(
            phase: "task A: shapes, textures", task: .shapesAndTextures, size: Self.drawnSize, weights: .random,
            options: taskAOptions())
        request.output = folder
        var outcome = await run(request)
        guard outcome.failure == nil, outcome.summary?.stopped == false else { return outcome }
        do {
            if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
            try FileManager.default.moveItem(atPath: "\(folder)/\(RunFolder.lastName)", toPath: path)
        } catch {
            outcome.failure = "\(path): the weights of task A could not be kept: \(error.localizedDescription)"
        }
        return outcome
    }

    private func run(_ request: RunRequest) async -> RunOutcome {
        let engine = TrainingEngine(request, mailbox: mailbox)
        let now = state.withLock { state in
            state.engine = engine
            return state
        }
        if now.wasWatched { engine.send(.watch(true)) }
        if now.isHeld { engine.send(.pause) }
        if now.stopped { engine.send(.stop) }
        return await engine.run()
    }

    // MARK: The runs

    private static let drawnSize = 64
    /// So few that from random weights hardly anything is learned from them.
    private static let pictures = 32

    private func request(
        phase: String, task: DrawnImages.Task, size: Int, weights: StartingWeights, options: RunOptions
    ) -> RunRequest {
        let (training, validation) = task == .animals ? (Self.pictures, 240) : (1440, 120)
        func drawn(_ count: Int, _ number: UInt64) -> DrawnImages {
            DrawnImages(task: task, count: count, size: size * 8 / 7, seed: seed &* 2 &+ number)
        }
        return RunRequest(
            data: .drawn(training: drawn(training, 1), validation: drawn(validation, 2)), weights: weights,
            options: options, output: nil, phase: phase)
    }

    private func taskAOptions() -> RunOptions {
        var options = base(Self.drawnSize)
        options.strategy = .full
        options.epochs = 5
        options.optimizer = .adamw
        options.schedule = .onecycle
        options.learningRate = 1e-3
        options.weightDecay = 0.01
        return options
    }

    private func taskBOptions(_ size: Int) -> RunOptions {
        var options = base(size)
        options.strategy = .head
        options.learningRate = 2e-3
        options.schedule = .cosine
        // At 224 pixels a validation takes twelve times as long.
        options.epochs = size > Self.drawnSize ? 6 : 12
        // From the cache a step takes a fraction of a millisecond, too short for a key.
        options.pace = isLive ? .milliseconds(20_000 / (options.epochs * Self.pictures / options.batchSize)) : nil
        return options
    }

    /// Task B without transfer: nothing that is random is worth freezing, and of what was tried (docs/demonstration.md) this
    /// did best.
    private func randomOptions(_ size: Int) -> RunOptions {
        var options = taskBOptions(size)
        options.strategy = .full
        options.optimizer = .adamw
        options.learningRate = 3e-4
        options.pace = nil
        return options
    }

    private func base(_ size: Int) -> RunOptions {
        var options = RunArguments.machineDefaults()
        options.threads = threads
        options.seed = seed
        options.batchSize = 8
        options.imageSize = size
        return options
    }
}
