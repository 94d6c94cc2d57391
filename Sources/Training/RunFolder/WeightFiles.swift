import Network
import Checkpoints
import Foundation
import Model
import Support

/// Where pretrained weights are looked for, and how a checkpoint becomes a model.
package enum WeightFiles {
    /// The torch hub's cache folders, in PyTorch's own order of precedence.
    package static func searchedFolders(environment: [String: String] = ProcessInfo.processInfo.environment) -> [String]
    {
        if let home = environment["TORCH_HOME"], !home.isEmpty { return ["\(home)/hub/checkpoints"] }
        if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty { return ["\(cache)/torch/hub/checkpoints"] }
        let home = environment["HOME"] ?? NSHomeDirectory()
        return ["\(home)/.cache/torch/hub/checkpoints"]
    }

    /// The newest `resnet18-*.pth` there.
    package static func newestPretrained() -> String? {
        var found: [(path: String, date: Date)] = []
        for folder in searchedFolders() {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where name.hasPrefix("resnet18-") && name.hasSuffix(".pth") {
                let path = "\(folder)/\(name)"
                let attributes = try? FileManager.default.attributesOfItem(atPath: path)
                found.append((path, attributes?[.modificationDate] as? Date ?? .distantPast))
            }
        }
        return found.max { ($0.date, $0.path) < ($1.date, $1.path) }?.path
    }

    /// Where torchvision's own file comes from.
    package static let source = "https://download.pytorch.org/models/resnet18-f37072fd.pth"

    /// The error where there is no weights file at all.
    package static var notFoundMessage: String {
        "no pretrained weights: none were given with --weights, and no resnet18-*.pth is in "
            + searchedFolders().joined(separator: " or ")
            + ". `frostline weights --download` fetches torchvision's resnet18-f37072fd.pth; without a network, get it from "
            + "\(source) and put it there or name it with --weights; --from-scratch starts from random weights on purpose."
    }

    package static func expectations(classes: Int) -> [TensorExpectation] {
        ResNet.resnet18.tensors(classes: classes).map {
            TensorExpectation(name: $0.name, shape: $0.shape, isOptional: $0.kind == .batchesTracked)
        }
    }

    /// How a checkpoint's fc fits: its number of outputs, or nil where it has no usable fc.
    package static func headOutputs(of checkpoint: Checkpoint) -> Int? {
        guard let weight = checkpoint["fc.weight"], let bias = checkpoint["fc.bias"], weight.shape.count == 2,
            weight.shape[1] == ResNet.resnet18.featureCount, bias.shape == [weight.shape[0]]
        else { return nil }
        return weight.shape[0]
    }

    /// Whether everything but fc fits ResNet18, fc itself being free to have any number of outputs or to be absent.
    /// Throws `TrainingError.weights` listing what does not.
    package static func requireFit(_ checkpoint: Checkpoint) throws {
        let fit = checkpoint.fit(
            to: expectations(classes: headOutputs(of: checkpoint) ?? 1000).filter { !ResNet.resnet18.isHead($0.name) })
        // An fc of another form is an extra here, and it is replaced anyway.
        if !fit.missing.isEmpty || !fit.shapeMismatches.isEmpty || fit.hasExtraLayers {
            throw TrainingError.weights(
                file: checkpoint.path,
                problem: "these are not the weights of a ResNet18:\n"
                    + fit.report().map { "  " + $0 }.joined(separator: "\n"))
        }
        if !fit.nonFinite.isEmpty {
            throw TrainingError.weights(
                file: checkpoint.path,
                problem: "some weights are NaN or infinite: \(fit.nonFinite.prefix(8).joined(separator: ", ")); "
                    + "the file is damaged or comes from a run that diverged.")
        }
    }

    /// Opens a checkpoint that holds a ResNet18, whatever its fc.
    /// Throws `CheckpointError`, or `TrainingError.weights` where it is no ResNet18.
    static func open(_ path: String, key: String? = nil) throws -> Checkpoint {
        let checkpoint = try Checkpoint.open(path, key: key)
        try requireFit(checkpoint)
        return checkpoint
    }

    /// A quick check before a dashboard opens. Throws `TrainingError.weights`.
    package static func requireReadable(_ path: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw TrainingError.weights(
                file: path, problem: "no such file; --weights names a .pth or .safetensors file.")
        }
        if isFolder.boolValue {
            throw TrainingError.weights(
                file: path, problem: "this is a folder; --weights names a .pth or .safetensors file.")
        }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw TrainingError.weights(file: path, problem: "cannot be read; its permissions do not allow it.")
        }
    }

    /// Fills the model from the checkpoint, or draws all of it from the seed. Returns whether the checkpoint's fc was kept.
    static func fill(_ model: ResNet18, from checkpoint: Checkpoint?, head: HeadChoice, seed: UInt64) throws -> Bool {
        guard let checkpoint else {
            model.initialise(seed: seed)
            return false
        }
        let outputs = headOutputs(of: checkpoint)
        if head == .keep && outputs != model.classes {
            throw TrainingError.option(
                "--head", found: "keep",
                expected: "a checkpoint whose fc has \(model.classes) outputs; that of \(checkpoint.path) has "
                    + (outputs.map(String.init) ?? "none"))
        }
        let keeps = head != .new && outputs == model.classes
        for spec in model.specs {
            if ResNet.resnet18.isHead(spec.name) && !keeps { continue }
            guard let stored = checkpoint[spec.name] else { continue }
            if spec.kind == .batchesTracked {
                try model.loadBatchesTracked(spec.name, stored.integers().first ?? 0)
            } else {
                try model.load(spec.name, floats: stored.floats())
            }
        }
        if !keeps { model.drawHead(seed: seed) }
        model.weightsChanged()
        return keeps
    }
}

extension StartingWeights {
    /// What is said of the file that is meant, for commands without a run's events; nothing where it cannot be read, which
    /// the training itself refuses.
    package var notes: [String] {
        guard case .file(let path, let key) = self else { return [] }
        return (try? Checkpoint.open(path, key: key).notes) ?? []
    }

    /// The checkpoint that is meant; nil where the weights are drawn.
    func open() throws -> Checkpoint? {
        switch self {
        case .file(let path, let key): try WeightFiles.open(path, key: key)
        case .random: nil
        }
    }
}

extension ResNet18 {
    /// A hash of the tensor's present bits.
    func contentHash(_ name: String) -> UInt64 {
        if let parameter = parameter(name) {
            return ContentHash.of(
                UnsafeRawBufferPointer(
                    start: UnsafeRawPointer(parameter.values.pointer), count: parameter.values.count * 4))
        }
        return export(name).withUnsafeBytes { ContentHash.of($0) }
    }
}
