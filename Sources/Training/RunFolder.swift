import Checkpoints
import Foundation

/// A run's folder: who writes which file, and how.
///
///     run.json            every option, the classes, file hashes, versions; rewritten at the end with the result
///     metrics.jsonl       append-only, one object a line, on disk (not only in a buffer) after each step
///     last.safetensors    weights after the last saved step;  best.safetensors  at the best validation
///     state.safetensors   everything that `--resume` needs
public final class RunFolder {
    public let path: String
    private var metrics: Int32 = -1

    public static let descriptionName = "run.json"
    public static let metricsName = "metrics.jsonl"
    public static let lastName = "last.safetensors"
    public static let bestName = "best.safetensors"
    public static let stateName = "state.safetensors"

    /// Makes the folder for a new run, or opens that of a run to be resumed.
    ///
    /// Throws `TrainingError.output` where it cannot be made or written, or where a new run would fall on an old one.
    public init(_ path: String, resume: Bool) throws {
        self.path = path
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        if manager.fileExists(atPath: path, isDirectory: &isFolder) {
            guard isFolder.boolValue else {
                throw TrainingError.output(path: path, problem: "this is a file; --output must name a folder.")
            }
            let holdsRun = [Self.descriptionName, Self.metricsName, Self.lastName].contains {
                manager.fileExists(atPath: "\(path)/\($0)")
            }
            if holdsRun && !resume {
                throw TrainingError.output(
                    path: path,
                    problem: "this folder already holds a run; choose another --output, or continue it with --resume.")
            }
        } else if resume {
            throw TrainingError.output(path: path, problem: "no such run folder; --resume continues a run that exists.")
        } else {
            do {
                try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
            } catch {
                throw TrainingError.output(
                    path: path, problem: "cannot make the run folder (\(Self.reason(error))); choose another --output.")
            }
        }
        metrics = open(file(Self.metricsName), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard metrics >= 0 else {
            throw TrainingError.output(
                path: file(Self.metricsName),
                problem: "cannot be written (\(String(cString: strerror(errno)))); choose another --output.")
        }
    }

    deinit { if metrics >= 0 { close(metrics) } }

    public func file(_ name: String) -> String { path + "/" + name }

    /// Appends one line. Returns a sentence where it could not be written; the run goes on.
    func append(_ record: JSON) -> String? {
        var bytes = Array((record.line + "\n").utf8)
        while !bytes.isEmpty {
            let written = write(metrics, bytes, bytes.count)
            if written < 0 {
                if errno == EINTR { continue }
                return "\(file(Self.metricsName)): a line could not be written (\(String(cString: strerror(errno)))); "
                    + "free some space, training goes on."
            }
            bytes.removeFirst(written)
        }
        return nil
    }

    /// run.json as it is; nil where there is none that can be read.
    func description() -> JSON? {
        FileManager.default.contents(atPath: file(Self.descriptionName)).flatMap(JSON.parse)
    }

    func writeDescription(_ description: JSON) throws {
        do {
            try AtomicFile.write(Array(description.pretty.utf8), to: file(Self.descriptionName))
        } catch {
            throw TrainingError.output(path: file(Self.descriptionName), problem: "\(error)")
        }
    }

    /// Cuts metrics.jsonl back to what had happened by `step`: later steps are about to be repeated, and a line that a
    /// kill cut in half is no line.
    func rewindMetrics(to step: Int) throws {
        let name = file(Self.metricsName)
        guard let data = FileManager.default.contents(atPath: name) else { return }
        var kept = Data()
        for line in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            guard let record = JSON.parse(Data(line)) else { continue }
            switch record["kind"]?.text {
            case "step": if let at = record["step"]?.int, at > step { continue }
            case "freeze", "learningRate", "notFinite": if let at = record["step"]?.int, at > step + 1 { continue }
            case "epoch", "validation": if let at = record["step"]?.int, at > step { continue }
            default: break
            }
            kept += line
            kept.append(UInt8(ascii: "\n"))
        }
        if kept != data {
            do { try AtomicFile.write(Array(kept), to: name) } catch {
                throw TrainingError.output(path: name, problem: "\(error)")
            }
            close(metrics)
            metrics = open(name, O_WRONLY | O_APPEND | O_CLOEXEC)
        }
    }

    /// The options that the run in `path` was started with. Throws `TrainingError.output` where there is no readable run.
    public static func recordedOptions(of path: String) throws -> RunOptions {
        let name = path + "/" + descriptionName
        guard let data = FileManager.default.contents(atPath: name) else {
            throw TrainingError.output(
                path: name, problem: "cannot be read; --resume needs the folder of an earlier run.")
        }
        guard let json = JSON.parse(data), let recorded = json["options"], let options = RunOptions(json: recorded)
        else {
            throw TrainingError.output(
                path: name, problem: "this is not what Frostline writes; the run cannot be continued.")
        }
        return options
    }

    private static func reason(_ error: any Error) -> String {
        let error = error as NSError
        if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError, underlying.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(underlying.code)))
        }
        return error.localizedDescription
    }

    /// The first `runs/NAME-N` that is not there yet.
    public static func next(named name: String, in folder: String = "runs") -> String {
        var number = 1
        while FileManager.default.fileExists(atPath: "\(folder)/\(name)-\(number)") { number += 1 }
        return "\(folder)/\(name)-\(number)"
    }
}
