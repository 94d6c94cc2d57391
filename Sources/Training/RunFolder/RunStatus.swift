import Foundation
import Network
import Support
import TrainingEvents

/// What a run folder tells of its run, without disturbing it. Beside path and state all is nil where it is not known: where
/// run.json cannot be read, before the first step, the first epoch, the first end.
package struct RunStatus: Sendable {
    package enum State: String, Sendable, JSONConvertible {
        /// A process is at work in the folder.
        case running
        /// Likewise, and it waits. The folder does not tell: the process has to be asked.
        case paused
        /// All epochs are done.
        case finished
        /// Ended before the last epoch, as was asked for.
        case stopped
        /// Ended with an error.
        case failed
        /// There is no end in run.json, and no process at work: it was killed.
        case interrupted
        /// run.json is not what a run writes.
        case unreadable
    }

    package struct Best: Sendable, Equatable {
        package let epoch: Int
        package let score: Score

        package init(epoch: Int, score: Score) {
            self.epoch = epoch
            self.score = score
        }
    }

    /// The run folder.
    package let path: String
    package var state: State
    /// The process at work in the folder.
    package let process: Int?
    /// The last epoch that was finished, 0 before the first, and how many there are to be.
    package private(set) var epoch: Int?
    package private(set) var epochs: Int?
    package private(set) var step: Int?
    package private(set) var best: Best?
    /// Of the last step.
    package private(set) var imagesPerSecond: Double?
    /// When the run, or its latest resumed part, began.
    package private(set) var started: Timestamp?
    /// When it finished or failed; nil while it runs.
    package private(set) var ended: Timestamp?
    /// The image folder, as it was named.
    package private(set) var data: String?
    /// The strategy whose mask is in force, `custom` where it is none's.
    package private(set) var strategy: String?
    /// Why it failed, or why run.json cannot be read.
    package private(set) var failure: String?

    package init(of path: String) {
        self.path = path
        // Asked before run.json is read: a run writes its end there before it gives the lock back.
        let holder = RunLock.holder(of: path)
        let record: RunRecord
        let replay: RunReplay
        do { (record, replay) = try Self.read(path) } catch {
            (state, process, failure) = (.unreadable, holder?.process, "\(error)")
            return
        }
        let end: State? = record.failure == nil ? record.result.map { $0.stopped ? .stopped : .finished } : .failed
        // A run that was resumed meanwhile has no end any more, but a process.
        let working = holder ?? (end == nil ? RunLock.holder(of: path) : nil)
        process = working?.process
        state = working != nil ? .running : end ?? .interrupted
        (epochs, data, started) = (record.options.epochs, record.data, record.started)
        if working == nil { (ended, failure) = (record.ended, record.failure) }
        addFigures(record, replay)
    }

    /// run.json. Throws what says in a sentence why it is of no use.
    private static func read(_ path: String) throws -> (RunRecord, RunReplay) {
        let name = path + "/" + RunFolder.descriptionName
        let data = try RegularFile.read(name, limit: RunFolder.mostDescription)
        guard let record = JSON.parse(data).flatMap(RunRecord.init(json:)) else {
            throw TrainingError.output(path: name, problem: "this is not what Frostline writes.")
        }
        do { return (record, try RunReplay(record, path: path)) } catch {
            throw TrainingError.output(path: name, problem: "\(error)")
        }
    }

    private mutating func addFigures(_ record: RunRecord, _ replay: RunReplay) {
        let saved = RunProgress.saved(in: path)
        let end = MetricsEnd(of: path, since: saved, replay)
        let mask = end.trainable ?? saved?.trainable ?? record.options.initialTrainable()
        strategy = Strategy.named(by: mask, of: ResNet.resnet18.parameterNames)?.rawValue ?? "custom"
        imagesPerSecond = end.step.map(\.imagesPerSecond).flatMap { $0.isFinite ? $0 : nil }
        if let result = record.result {
            (epoch, step) = (result.epochs, result.steps)
            best = result.bestEpoch.flatMap { epoch in result.best.map { Best(epoch: epoch, score: $0) } }
            return
        }
        epoch = end.epochs.first?.epoch ?? saved.map { $0.epoch - 1 } ?? 0
        step = end.step?.step ?? saved?.step ?? 0
        best = saved?.bestEpoch.flatMap { epoch in saved?.best.map { Best(epoch: epoch, score: $0) } }
        for report in end.epochs.reversed() {
            guard let score = report.validation, score.isBetter(than: best?.score) else { continue }
            best = Best(epoch: report.epoch, score: score)
        }
    }
}

extension RunStatus {
    package var json: JSON {
        let best = best.map { best in JSON.object([("epoch", best.epoch.json)] + best.score.pairs) }
        return .object([
            ("path", path.json), ("state", state.json), ("process", process.json), ("epoch", epoch.json),
            ("epochs", epochs.json), ("step", step.json), ("best", best.json),
            ("imagesPerSecond", imagesPerSecond.json), ("strategy", strategy.json), ("since", started.json),
            ("ended", ended.json), ("failure", failure.json),
        ])
    }
}

/// The end of a metrics.jsonl: what is not in the last save yet, and the last step in any case.
private struct MetricsEnd {
    private(set) var step: StepReport?
    /// Latest first.
    private(set) var epochs: [EpochReport] = []
    /// The mask of the last freeze line.
    private(set) var trainable: Set<String>?

    /// Where there is no save that says how far to read back. A line of a step has up to 3 KiB.
    private static let most = 64 << 20
    private static let stepBeginning = Array(#"{"kind":"step","step":"#.utf8)

    init(of path: String, since saved: RunProgress?, _ replay: RunReplay) {
        var replay = replay
        guard let lines = try? LinesFromEnd(path + "/" + RunFolder.metricsName, limit: Self.most) else { return }
        while let line = lines.next() {
            if step != nil, let number = Self.number(ofStep: line) {
                if let saved, number <= saved.step { return }
                continue
            }
            guard let json = line.withUnsafeBytes({ try? JSON.parse($0) }) else { continue }
            switch replay.event(of: json) {
            case .step(let report)?:
                step = step ?? report
                if let saved, report.step <= saved.step { return }
            case .epoch(let report)?:
                if report.epoch >= saved?.epoch ?? 1 { epochs.append(report) }
            case .freeze(let report)?: trainable = trainable ?? Set(report.trainable)
            default: break
            }
        }
    }

    /// Of a line as Frostline writes it, without reading the rest: a million steps may lie behind the last save.
    private static func number(ofStep line: ArraySlice<UInt8>) -> Int? {
        guard line.starts(with: stepBeginning) else { return nil }
        let digits = line.dropFirst(stepBeginning.count).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
