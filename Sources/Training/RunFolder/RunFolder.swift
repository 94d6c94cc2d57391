import Foundation
import Support
import TrainingEvents

/// A run's folder: its files, and how each is written.
///
///     run.json            every option, the classes, file hashes, versions; rewritten at the end with the result
///     metrics.jsonl       append-only, one object a line, on disk (not only in a buffer) after each step
///     last.safetensors    weights after the last saved step;  best.safetensors  at the best validation
///     state.safetensors   everything that `--resume` needs
package final class RunFolder {
    package let path: String
    private var metrics: Int32 = -1
    /// The length of metrics.jsonl in bytes, with the lines that could not be written yet.
    private(set) var metricsEnd = 0
    private let lock: RunLock
    let systemWrite: AtomicFile.SystemWrite
    /// Lines that could not be written yet, oldest first. A disk that stays full for days must not fill the memory too, so
    /// beyond `mostUnwritten` bytes lines are lost, and counted.
    private var unwritten: [UInt8] = []
    private let mostUnwritten: Int
    private var lostLines = 0
    /// The longest run.json and metrics.jsonl that are read; a million classes, a million steps.
    static let mostDescription = 64 << 20
    static let mostMetrics = 4 << 30

    /// The process that was killed while it was at work here, where there was one.
    var staleProcess: Int? { lock.stale }

    package static let descriptionName = "run.json"
    package static let metricsName = "metrics.jsonl"
    package static let lastName = "last.safetensors"
    package static let bestName = "best.safetensors"
    package static let stateName = "state.safetensors"

    /// Makes the folder for a new run, or opens that of a run to be resumed.
    ///
    /// Throws `TrainingError.output` where it cannot be made or written, or where a new run would fall on an old one.
    package init(
        _ path: String, resume: Bool, mostUnwritten: Int = 64 << 20,
        systemWrite: @escaping AtomicFile.SystemWrite = AtomicFile.systemWrite
    ) throws {
        self.path = path
        self.mostUnwritten = mostUnwritten
        self.systemWrite = systemWrite
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        if manager.fileExists(atPath: path, isDirectory: &isFolder) {
            guard isFolder.boolValue else {
                throw TrainingError.output(path: path, problem: "this is a file; --output must name a folder.")
            }
            lock = try RunLock(folder: path)
            // A process that was killed at once leaves no more than an empty list of metrics.
            let size = (try? manager.attributesOfItem(atPath: "\(path)/\(Self.metricsName)"))?[.size] as? Int ?? 0
            let holdsRun =
                size > 0
                || [Self.descriptionName, Self.lastName].contains { manager.fileExists(atPath: "\(path)/\($0)") }
            if holdsRun && !resume {
                throw TrainingError.output(
                    path: path,
                    problem: "this folder already holds a run; choose another --output, or continue it with --resume.")
            }
        } else if resume {
            throw TrainingError.output(path: path, problem: "no such run folder; --resume continues a run that exists.")
        } else {
            do { try manager.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
                throw TrainingError.output(
                    path: path, problem: "cannot make the run folder (\(Self.reason(error))); choose another --output.")
            }
            lock = try RunLock(folder: path)
        }
        for name in [Self.descriptionName, Self.lastName, Self.bestName, Self.stateName] {
            AtomicFile.removeUnfinished(of: "\(path)/\(name)")
        }
        metrics = try Self.openMetrics(file(Self.metricsName))
        metricsEnd = Self.length(metrics)
    }

    private static func length(_ descriptor: Int32) -> Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func openMetrics(_ name: String) throws -> Int32 {
        // Without waiting: a pipe of this name would have the run wait for its reader.
        let descriptor = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o644)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            let reason = descriptor < 0 ? systemMessage(errno) : "it is not a regular file"
            if descriptor >= 0 { close(descriptor) }
            throw TrainingError.output(path: name, problem: "cannot be written (\(reason)); choose another --output.")
        }
        return descriptor
    }

    deinit { if metrics >= 0 { close(metrics) } }

    package func file(_ name: String) -> String { path + "/" + name }

    /// Bytes of the files that an earlier part of the run has left.
    var existingBytes: Int {
        [Self.metricsName, Self.lastName, Self.bestName, Self.stateName].reduce(0) { sum, name in
            var status = stat()
            return stat(file(name), &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }

    /// Appends one line, after those that could not be written before. Where the system refuses, the line is kept, to be
    /// written with the next one or with `retry`.
    package func append(_ record: JSON) throws(SaveFailure) {
        if isFull { try? retry() }
        if isFull {
            lostLines += 1
        } else {
            let line = Array((record.line + "\n").utf8)
            unwritten += line
            metricsEnd += line.count
        }
        try retry()
    }

    private var isFull: Bool { unwritten.count >= mostUnwritten }

    /// How many lines were lost since the last call.
    package func takeLostLines() -> Int {
        defer { lostLines = 0 }
        return lostLines
    }

    /// Writes what could not be written so far.
    package func retry() throws(SaveFailure) {
        let (count, code) = unwritten.withUnsafeBytes { writeAll($0, to: metrics, by: systemWrite) }
        unwritten.removeFirst(count)
        guard code != 0 else { return }
        throw SaveFailure(
            "\(file(Self.metricsName)): lines could not be written (\(systemMessage(code))) and "
                + (isFull ? "no more can be kept, so later ones are lost. " : "are kept. ") + FileError.advice(code),
            code: code)
    }

    func write(_ record: RunRecord) throws {
        try AtomicFile.write(Array(record.json.pretty.utf8), to: file(Self.descriptionName))
    }

    /// Cuts metrics.jsonl back to what had happened by `step`: later steps are about to be repeated, and a line that a
    /// kill cut in half is no line. `epoch` is the one that is to be finished, though its last step may be done: what was
    /// said of its end is repeated as well. Returns the mask that its last freeze line names.
    package func rewindMetrics(to step: Int, epoch: Int) throws -> Set<String>? {
        let name = file(Self.metricsName)
        let data = try RegularFile.read(name, limit: Self.mostMetrics)
        var mask: Set<String>?
        var kept = Data()
        for line in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            guard let record = JSON.parse(Data(line)) else { continue }
            let event = TrainingEvent(metricsLine: record)
            let isRepeated =
                switch event {
                case .step(let report)?: report.step > step
                // A mask for the next step may have come after the save; the saved one is written again.
                case .freeze(let report)?: report.step > step
                case .validation(let report)?: report.step > step
                case .probe(let report)?: report.step > step
                case .decision(let decision)?: decision.step > step
                case .learningRate(let report)?: report.step > step + 1
                case .notFinite(let report)?: report.step > step + 1
                case .epoch(let report)?: report.epoch >= epoch
                default: false
                }
            if isRepeated { continue }
            if case .freeze(let report)? = event { mask = Set(report.trainable) }
            kept += line
            kept.append(UInt8(ascii: "\n"))
        }
        if kept != data {
            try AtomicFile.write(Array(kept), to: name)
            let reopened = try Self.openMetrics(name)
            close(metrics)
            metrics = reopened
        }
        metricsEnd = Self.length(metrics)
        return mask
    }

    /// run.json of the run in `path`. Throws `TrainingError.output` where there is no readable run.
    package static func record(of path: String) throws -> RunRecord {
        let name = path + "/" + descriptionName
        let data: Data
        do { data = try RegularFile.read(name, limit: mostDescription) } catch {
            throw TrainingError.output(path: path, problem: "\(error) Name the folder of an earlier run.")
        }
        guard let record = JSON.parse(data).flatMap(RunRecord.init(json:)) else {
            throw TrainingError.output(path: name, problem: "this is not what Frostline writes; the run is of no use.")
        }
        return record
    }

    /// The options that the run in `path` was started with. Throws `TrainingError.output` where there is no readable run.
    package static func recordedOptions(of path: String) throws -> RunOptions { try record(of: path).options }

    /// Throws `TrainingError.option` where these starting weights are named for the run in `path`, and are not those that it
    /// began from.
    package static func requireSameStart(
        of path: String, weights: String?, key: String? = nil, fromScratch: Bool
    ) throws {
        func refusal(_ expected: String) -> TrainingError { .option("--resume", found: path, expected: expected) }
        let record = try record(of: path)
        let began = record.weights
        if fromScratch, let began { throw refusal("no --from-scratch: the run began from \(began)") }
        if let key, key != record.checkpointKey {
            throw refusal(
                record.checkpointKey.map { "--checkpoint-key \($0), as the run began" }
                    ?? "no --checkpoint-key: the run began without it")
        }
        guard let weights else { return }
        guard let began, let hash = record.weightsHash else {
            throw refusal("no --weights: the run began from random weights")
        }
        guard try RunRecord.hash(ofFile: weights) == hash else {
            throw refusal("the weights that the run began from (\(began)), or none")
        }
    }

    private static func reason(_ error: any Error) -> String {
        let error = error as NSError
        if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError, underlying.domain == NSPOSIXErrorDomain {
            return systemMessage(Int32(underlying.code))
        }
        return error.localizedDescription
    }

    /// The first `runs/NAME-N` that is not there yet.
    package static func next(named name: String, in folder: String = "runs") -> String {
        var number = 1
        while FileManager.default.fileExists(atPath: "\(folder)/\(name)-\(number)") { number += 1 }
        return "\(folder)/\(name)-\(number)"
    }
}
