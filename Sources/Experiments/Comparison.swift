import Network
import Foundation
import Ranks
import Support
import Synchronization
import Training
import TrainingEvents

/// One way of training, to be compared with others.
package struct ComparisonArm: Sendable {
    package var name: String
    package var options: RunOptions

    package init(name: String, options: RunOptions) {
        self.name = name
        self.options = options
    }

    /// head, partial and full over the same other options.
    package static func strategies(over base: RunOptions) -> [ComparisonArm] {
        Strategy.allCases.map { strategy in
            var options = base
            options.strategy = strategy
            return ComparisonArm(name: strategy.rawValue, options: options)
        }
    }

    /// Auto over the same other options. It ends by itself, and its first epochs cost next to nothing, so it may have four times
    /// as many.
    package static func auto(over base: RunOptions) -> ComparisonArm {
        var options = base
        options.strategy = .auto
        options.epochs = min(1_000_000, base.epochs * 4)
        return ComparisonArm(name: Strategy.auto.rawValue, options: options)
    }

    /// Every frost line, from fc alone down to everything.
    package static func depths(over base: RunOptions) -> [ComparisonArm] {
        let names = ResNet.resnet18.units.map(\.name)
        return names.indices.reversed().map { cut in
            var options = base
            // Everything has a strategy of its own; conv1's name is part of others'.
            options.strategy = cut == 0 ? .full : .head
            options.freezeRules =
                cut == 0
                ? [] : names[cut..<ResNet.resnet18.head].map { FreezeRule(pattern: "\($0).", frozen: false) }
            return ComparisonArm(name: names[cut], options: options)
        }
    }

    func parametersTrained(classes: Int) -> Int {
        let trainable = options.initialTrainable()
        let trained = ResNet.resnet18.parameters(classes: classes).filter { trainable.contains($0.name) }
        return trained.reduce(0) { $0 + $1.count }
    }
}

/// What one arm reached with one seed.
package struct ArmRun: Sendable, Equatable {
    package var seed: UInt64
    /// At the best epoch.
    package var best: Score
    package var seconds: Double
    /// From the first step to the end of the best epoch.
    package var secondsToBest: Double
    package var peakMemory: Int

    package init(seed: UInt64, best: Score, seconds: Double, secondsToBest: Double, peakMemory: Int) {
        self.seed = seed
        self.best = best
        self.seconds = seconds
        self.secondsToBest = secondsToBest
        self.peakMemory = peakMemory
    }
}

/// All runs of one arm.
package struct ArmResult: Sendable, Equatable {
    package var name: String
    package var parametersTrained: Int
    package var runs: [ArmRun] = []
    /// Why a run of it failed.
    package var failure: String?

    package init(name: String, parametersTrained: Int, runs: [ArmRun] = [], failure: String? = nil) {
        self.name = name
        self.parametersTrained = parametersTrained
        self.runs = runs
        self.failure = failure
    }

    package var accuracies: [Double] { runs.map(\.best.accuracy) }
    package var accuracy: Double { mean { $0.best.accuracy } }
    package var loss: Double { mean { $0.best.loss } }
    package var seconds: Double { mean(\.seconds) }
    package var secondsToBest: Double { mean(\.secondsToBest) }
    package var peakMemory: Int { runs.map(\.peakMemory).max() ?? 0 }

    /// Of the mean accuracy over `count` pictures.
    package func interval(of count: Int) -> Proportion { Proportion(successes: accuracy * Double(count), of: count) }

    private func mean(_ value: (ArmRun) -> Double) -> Double {
        runs.isEmpty ? 0 : runs.reduce(0) { $0 + value($1) } / Double(runs.count)
    }
}

/// Trains every arm with every seed, one after the other, on the same pictures and the same split. Equal features of frozen
/// layers are computed once; an arm's time counts as if it had computed them itself.
package final class Comparison: Sendable {
    private struct State {
        var engine: TrainingEngine?
        var stopped = false
        var results: [ArmResult] = []
    }

    package let mailbox: EventMailbox
    private let pictures: PreparedImages
    private let weights: StartingWeights
    private let arms: [ComparisonArm]
    private let seeds: [UInt64]
    private let group: (any RankGroup)?
    /// Where each run's folder goes; nil keeps nothing.
    private let output: String?
    private let state = Mutex(State())

    package init(
        _ pictures: PreparedImages, weights: StartingWeights, arms: [ComparisonArm], seeds: [UInt64],
        mailbox: EventMailbox, group: (any RankGroup)? = nil, output: String? = nil
    ) {
        self.output = output
        self.pictures = pictures
        self.weights = weights
        self.arms = arms
        self.seeds = seeds
        self.mailbox = mailbox
        self.group = group
    }

    /// In the order of the arms; those that were not reached are absent.
    package var results: [ArmResult] { state.withLock { $0.results } }
    package var isStopped: Bool { state.withLock { $0.stopped } }

    package func send(_ request: CommandRequest) {
        let engine = state.withLock { state in
            if request.command == .stop { state.stopped = true }
            return state.engine
        }
        engine?.send(request)
    }

    /// The outcome is that of the last run.
    package func run() async -> RunOutcome {
        state.withLock { state in
            state.results = arms.map {
                ArmResult(name: $0.name, parametersTrained: $0.parametersTrained(classes: pictures.classes.count))
            }
        }
        var outcome = RunOutcome.none
        for (round, seed) in seeds.enumerated() {
            for (index, arm) in arms.enumerated() where state.withLock({ $0.results[index].failure == nil }) {
                if group.decide(isStopped) { return outcome }
                var options = arm.options
                options.seed = seed
                let phase = Self.phase(arm.name, round: round, of: seeds.count)
                PeakMemory.reset()
                pictures.features?.beginRun()
                var request = RunRequest(
                    data: .prepared(pictures), weights: weights, options: options, output: nil, phase: phase)
                if group.leads, let output {
                    request.output = output + "/" + Self.folderName(arm.name, seed: seeds.count > 1 ? seed : nil)
                }
                request.group = group
                let engine = TrainingEngine(request, mailbox: mailbox)
                state.withLock { $0.engine = engine }
                if isStopped { engine.send(.stop) }
                outcome = await engine.run()
                record(outcome, seed: seed, arm: index)
                if group?.failure != nil { return outcome }
            }
        }
        return outcome
    }

    /// Of an arm's run below the output folder; nothing in it leads elsewhere.
    package static func folderName(_ arm: String, seed: UInt64?) -> String {
        let name = String(arm.map { $0 == "/" || $0.isNewline || $0 == "\0" ? "_" : $0 })
        return (name.hasPrefix(".") ? "_" + name : name) + (seed.map { "-seed-\($0)" } ?? "")
    }

    /// What the run of an arm is called while it is on, `round` counted from 0.
    package static func phase(_ arm: String, round: Int, of rounds: Int) -> String {
        arm + (rounds > 1 ? ", seed \(round + 1) of \(rounds)" : "")
    }

    private func record(_ outcome: RunOutcome, seed: UInt64, arm: Int) {
        // As if it had been alone: features that it found cost it what they cost, and those of others are not its memory.
        let features = pictures.features
        let peak = max(0, PeakMemory.now() - (features?.idleBytes ?? 0))
        let saved = features?.savedSeconds ?? 0
        state.withLock { state in
            state.engine = nil
            // Auto's mask grows as it trains.
            if arms[arm].options.strategy == .auto {
                let sizes = Dictionary(
                    ResNet.resnet18.parameters(classes: pictures.classes.count).map { ($0.name, $0.count) },
                    uniquingKeysWith: { first, _ in first })
                let largest = outcome.freezes.map { $0.trainable.reduce(0) { $0 + (sizes[$1] ?? 0) } }.max() ?? 0
                state.results[arm].parametersTrained = max(state.results[arm].parametersTrained, largest)
            }
            if let failure = outcome.failure {
                state.results[arm].failure = failure
            } else if let summary = outcome.summary, !summary.stopped, let best = summary.best,
                let epoch = summary.bestEpoch
            {
                state.results[arm].runs.append(
                    ArmRun(
                        seed: seed, best: best, seconds: summary.seconds + saved,
                        secondsToBest: outcome.epochs.filter { $0.epoch <= epoch }.reduce(saved) { $0 + $1.seconds },
                        peakMemory: peak))
            }
        }
    }
}

/// The most memory that the process has held since the last reset.
enum PeakMemory {
    /// Has no effect where the system does not allow it; then the peak is that of all runs so far.
    static func reset() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    static func now() -> Int { (ProcFile.number("VmHWM:", in: "/proc/self/status") ?? 0) << 10 }
}
