import Network
import Checkpoints
import Foundation
import Model
import Support

/// A run's result in the format that a file's ending names.
package enum RunExport {
    /// The formats, by the ending of the file.
    package enum Format: String, Sendable, CaseIterable { case safetensors, pth, onnx, csv }

    /// Throws `TrainingError.option` for an ending that is none of the four.
    package static func format(of file: String) throws -> Format {
        let ending = (file as NSString).pathExtension.lowercased()
        if ending == "pt" { return .pth }
        guard let format = Format(rawValue: ending) else {
            throw TrainingError.option(
                "FILE", found: file, expected: "a name that ends in .safetensors, .pth, .onnx or .csv")
        }
        return format
    }

    /// Writes `file`, atomically. Returns a sentence that says what is in it.
    package static func write(_ run: String, choice: TrainedNetwork.Choice, to file: String) throws -> String {
        let format = try format(of: file)
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: file, isDirectory: &isFolder), isFolder.boolValue {
            throw TrainingError.output(path: file, problem: "this is a folder; name a file in it.")
        }
        if format == .csv {
            let table = try MetricsTable(of: run)
            try AtomicFile.write(Array(table.text.utf8), to: file)
            return "\(file): \(table.rowCount) rows from \(run)/\(RunFolder.metricsName)"
        }
        let network = try TrainedNetwork.open(run, choice: choice)
        let names = JSON.array(network.classes.map(JSON.string)).line
        switch format {
        case .safetensors:
            try SafetensorsWriter.write(
                try entries(network),
                metadata: [
                    "format": "pt", "frostline.model": "resnet18", "frostline.classes": names,
                    "frostline.imageSize": "\(network.imageSize)",
                    "frostline.preprocessing": network.preprocessing.line,
                ], to: file)
        case .pth: try TorchWriter.write(try entries(network), to: file)
        case .onnx:
            try OnnxFile.write(
                network.checkpoint, blocks: ResNet.resnet18.blocks.map { ($0.name, $0.first.stride) },
                imageSize: network.imageSize, version: frostlineVersion,
                metadata: [("classes", names), ("preprocessing", network.preprocessing.line)], to: file)
        case .csv: break
        }
        return "\(file): ResNet18 with \(network.classes.count) classes, from \(network.checkpoint.path)"
    }

    /// All 122 tensors in torchvision's order, as float32 and int64.
    private static func entries(_ network: TrainedNetwork) throws -> [SafetensorsWriter.Entry] {
        try ResNet.resnet18.tensors(classes: network.classes.count).map { spec in
            let stored = network.checkpoint[spec.name]
            if spec.kind == .batchesTracked {
                return SafetensorsWriter.Entry(
                    name: spec.name, shape: [], data: .integers([try stored?.integers().first ?? 0]))
            }
            guard let stored else {
                throw TrainingError.weights(
                    file: network.checkpoint.path, problem: "the tensor \(spec.name) is missing.")
            }
            return SafetensorsWriter.Entry(name: spec.name, shape: spec.shape, data: .floats(try stored.floats()))
        }
    }
}
