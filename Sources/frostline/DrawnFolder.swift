import Foundation
import Images
import Support
import Training

/// The demonstration's pictures as image folders, for docs/tutorial.md.
enum DrawnFolder {
    private static let parts: [(folder: String, task: DrawnImages.Task, training: Int, validation: Int)] = [
        ("task-a", .shapesAndTextures, 240, 120), ("task-b", .animals, 32, 120),
    ]

    /// Throws `TrainingError` where the folder exists already, or cannot be written.
    static func write(to folder: String, seed: UInt64) throws {
        guard !FileManager.default.fileExists(atPath: folder) else {
            throw TrainingError.option("--pictures", found: folder, expected: "a folder that does not exist yet")
        }
        for (name, task, training, validation) in parts {
            let images = DrawnImages(task: task, count: training + validation, size: 64, seed: seed)
            for index in 0..<images.count {
                let place =
                    "\(folder)/\(name)/\(index < training ? "train" : "val")/\(images.classes[images.label(index)])"
                guard let bytes = images.image(index).png() else {
                    throw TrainingError.refused("a picture could not be written as PNG, for want of memory")
                }
                do {
                    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
                    try Data(bytes).write(to: URL(fileURLWithPath: place + "/" + String(format: "%03d.png", index)))
                } catch {
                    throw TrainingError.output(
                        path: place, problem: "cannot be written (\(error.localizedDescription)).")
                }
            }
            StandardStreams.line(
                "\(folder)/\(name): \(training) pictures to train with, \(validation) to validate with")
        }
    }
}
