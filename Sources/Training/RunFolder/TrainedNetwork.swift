import Checkpoints
import Foundation
import Kernels
import Model
import Images
import Support

/// What a run left behind: its weights with everything that is needed to use them on other pictures.
package struct TrainedNetwork: Sendable {
    /// Which of a run's weights are meant.
    package enum Choice: String, Sendable, CaseIterable {
        /// The best at validation; where nothing was validated, the last.
        case best
        case last
    }

    package let checkpoint: Checkpoint
    package let classes: [String]
    package let imageSize: Int
    package let exif: ExifHandling
    /// The folder that the run was trained on, as it was named then; nil for drawn pictures and bare files.
    package let trainedOn: String?
    /// The run's options; nil for bare files.
    package let options: RunOptions?

    /// Opens a run folder, or one file of weights that a run saved.
    ///
    /// Throws `TrainingError.output` for a folder that holds no run, `.weights` for weights that do not fit.
    package static func open(_ path: String, choice: Choice = .best) throws -> TrainedNetwork {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw TrainingError.output(path: path, problem: "no such run; name the folder that --output named.")
        }
        guard isFolder.boolValue else { return try open(file: path, record: nil) }
        let record = try RunFolder.record(of: path)
        let names = choice == .best ? [RunFolder.bestName, RunFolder.lastName] : [RunFolder.lastName]
        guard let name = names.first(where: { FileManager.default.fileExists(atPath: "\(path)/\($0)") }) else {
            throw TrainingError.output(
                path: "\(path)/\(RunFolder.lastName)",
                problem: "no such file: the run has saved no weights yet; let it finish an epoch, or press s.")
        }
        return try open(file: "\(path)/\(name)", record: record)
    }

    private static func open(file: String, record: RunRecord?) throws -> TrainedNetwork {
        let checkpoint = try WeightFiles.open(file)
        func metadata(_ key: String) -> JSON? {
            checkpoint.metadata["frostline." + key].flatMap { JSON.parse(Data($0.utf8)) }
        }
        let recorded = record?.options
        let classes = metadata("classes").flatMap([String].init(json:)) ?? record?.classes ?? []
        guard classes.count > 0, WeightFiles.headOutputs(of: checkpoint) == classes.count else {
            throw TrainingError.weights(
                file: file,
                problem: "it does not say which classes it knows; name a run folder, or a file that a run has saved.")
        }
        let imageSize = metadata("imageSize")?.int ?? recorded?.imageSize ?? 224
        guard (32...1024).contains(imageSize) else {
            throw TrainingError.weights(file: file, problem: "it names a picture size of \(imageSize) pixels.")
        }
        return TrainedNetwork(
            checkpoint: checkpoint, classes: classes, imageSize: imageSize, exif: recorded?.exif ?? .apply,
            trainedOn: record?.data, options: recorded)
    }

    /// The network itself, in memory.
    package func model(threads: Int) throws -> ResNet18 {
        let model = ResNet18(classes: classes.count, pool: WorkerPool(threads: threads))
        _ = try WeightFiles.fill(model, from: checkpoint, head: .keep, seed: 0)
        return model
    }

    /// How a picture becomes the network's input, for the metadata of exported files.
    var preprocessing: JSON {
        let preprocessing = Preprocessing(imageSize: imageSize, exif: exif)
        return .object([
            ("resizeShortSide", .integer(preprocessing.resizedShortSide)),
            ("interpolation", .string("bilinear, antialiased")), ("centerCrop", .integer(imageSize)),
            ("channels", .string("RGB, 0 to 1")),
            ("mean", .array(Preprocessing.mean.map { .number(Double("\($0)") ?? Double($0)) })),
            ("std", .array(Preprocessing.standardDeviation.map { .number(Double("\($0)") ?? Double($0)) })),
            ("exif", .string(exif.rawValue)),
        ])
    }
}
