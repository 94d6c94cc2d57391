import Foundation
import Images
import Support
import Synchronization
import Training
import TrainingEvents

/// The built-in demonstration of transfer learning, on drawn pictures: task A from random weights, task B from task A's
/// weights, and task B once more from random weights with the same steps and the same freezes.
final class Demonstration: Sendable {
    /// Changes with anything that the kept weights of task A depend on.
    private static let edition = 1

    struct Result: Sendable {
        var task: RunSummary
        var fromRandom: RunSummary?
        var start: String
    }

    private struct State {
        var engine: TrainingEngine?
        var stopped = false
        var wasWatched = false
        var result: Result?
    }

    let mailbox = EventMailbox()
    private let threads: Int
    private let cacheFolder: String
    /// Whether keys may be pressed meanwhile.
    private let isLive: Bool
    private let state = Mutex(State())

    init(threads: Int, cacheFolder: String, isLive: Bool) {
        self.threads = threads
        self.cacheFolder = cacheFolder
        self.isLive = isLive
    }

    var result: Result? { state.withLock { $0.result } }

    func send(_ request: CommandRequest) {
        let engine = state.withLock { state in
            if request.command == .stop { state.stopped = true }
            if request.command == .watch(true) { state.wasWatched = true }
            return state.engine
        }
        engine?.send(request)
    }

    /// `$XDG_CACHE_HOME/frostline`, else `~/.cache/frostline`.
    static func defaultCacheFolder(environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty { return cache + "/frostline" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.cache/frostline"
    }

    // MARK: The sequence of runs

    func run() async -> RunOutcome {
        let start: StartingWeights
        let startName: String
        var size = Self.drawnSize
        if let found = WeightFiles.newestPretrained() {
            start = .file(found)
            startName = (found as NSString).lastPathComponent
            size = 224
        } else {
            let kept = "\(cacheFolder)/demonstration-\(Self.edition).safetensors"
            if !FileManager.default.isReadableFile(atPath: kept) {
                let outcome = await trainTaskA(keepAs: kept)
                if outcome.failure != nil || outcome.summary?.stopped == true { return outcome }
            } else {
                mailbox.post(.notice("task A was learned before: \(kept)"))
            }
            start = .file(kept)
            startName = "task A (\(kept))"
        }
        let taskB = await run(
            request(
                phase: "task B: drawn animals", task: .animals, size: size, weights: start, options: taskBOptions(size))
        )
        guard let summary = taskB.summary else { return taskB }
        state.withLock { $0.result = Result(task: summary, fromRandom: nil, start: startName) }
        guard !summary.stopped else { return taskB }
        // To compare: the same training from random weights, with the freezes that were made by keys.
        var options = taskBOptions(size)
        options.pace = nil
        options.replay = Array(taskB.freezes.dropFirst())
        let random = await run(
            request(
                phase: "task B from random weights, to compare", task: .animals, size: size, weights: .random,
                options: options))
        if let other = random.summary, !other.stopped {
            state.withLock { $0.result?.fromRandom = other }
            if let a = summary.last, let b = other.last {
                mailbox.post(
                    .notice(
                        "task B after \(startName.hasPrefix("task A") ? "task A" : startName): accuracy "
                            + "\(Numbers.short(a.accuracy)); from random weights: \(Numbers.short(b.accuracy))"))
            }
        }
        return random.failure == nil ? taskB : random
    }

    private func trainTaskA(keepAs path: String) async -> RunOutcome {
        let folder = "\(cacheFolder)/task-a-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var request = request(
            phase: "task A: shapes and textures, from random weights", task: .shapesAndTextures, size: Self.drawnSize,
            weights: .random, options: taskAOptions())
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
        let (stopped, watched) = state.withLock { state in
            state.engine = engine
            return (state.stopped, state.wasWatched)
        }
        if watched { engine.send(.watch(true)) }
        if stopped { engine.send(.stop) }
        return await engine.run()
    }

    // MARK: The runs

    private static let drawnSize = 64

    private func request(
        phase: String, task: DrawnImages.Task, size: Int, weights: StartingWeights, options: RunOptions
    ) -> RunRequest {
        let (training, validation) = task == .animals ? (240, 120) : (720, 60)
        return RunRequest(
            data: .drawn(
                training: DrawnImages(task: task, count: training, size: size * 8 / 7, seed: 1),
                validation: DrawnImages(task: task, count: validation, size: size * 8 / 7, seed: 2)),
            weights: weights, options: options, output: nil, phase: phase)
    }

    private func taskAOptions() -> RunOptions {
        var options = base(Self.drawnSize)
        options.strategy = .full
        options.epochs = 4
        options.batchSize = 16
        options.optimizer = .adamw
        options.schedule = .onecycle
        options.learningRate = 2e-3
        options.weightDecay = 0.01
        return options
    }

    private func taskBOptions(_ size: Int) -> RunOptions {
        var options = base(size)
        options.strategy = .head
        options.epochs = 30
        options.learningRate = 2e-3
        options.schedule = .cosine
        // From the cache a step takes a fraction of a millisecond, too short for a key.
        options.pace = isLive ? .milliseconds(60) : nil
        return options
    }

    private func base(_ size: Int) -> RunOptions {
        var options = RunArguments.machineDefaults()
        options.threads = threads
        options.imageSize = size
        return options
    }
}
