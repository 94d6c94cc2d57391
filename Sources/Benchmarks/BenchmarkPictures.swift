import Foundation
import Images

/// The picture folder and the weights of the end-to-end rows: the caller's, or made here for the time of the benchmark.
struct BenchmarkFiles {
    let pictures: String
    let weights: String
    /// What a reader of the table must know about them.
    let notes: [String]

    static let drawnCount = 240
    private static let drawnSize = 480

    /// Makes in `folder` what was not given.
    static func prepare(
        pictures: String?, weights: String?, in folder: String, contestants: Contestants, threads: Int
    ) throws -> BenchmarkFiles {
        let data = try pictures ?? draw(in: folder + "/pictures")
        let checkpoint = try weights ?? randomWeights(data, in: folder, contestants: contestants, threads: threads)
        let drawn =
            "\(drawnCount) drawn ones of \(drawnSize)×\(drawnSize) as PPM files, which cost next to nothing to decode; "
            + "name a folder of photographs with DATA="
        let notes = [
            "pictures: \(pictures ?? drawn)",
            "weights: \(weights ?? "random ones, written by frostline; name a checkpoint with WEIGHTS=")",
        ]
        return BenchmarkFiles(pictures: data, weights: checkpoint, notes: notes)
    }

    /// The drawn demonstration's animals, a folder per class.
    private static func draw(in folder: String) throws -> String {
        let drawn = DrawnImages(task: .animals, count: drawnCount, size: drawnSize, seed: 1)
        do {
            for name in drawn.classes {
                try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
            }
            for index in 0..<drawn.count {
                let path = "\(folder)/\(drawn.classes[drawn.label(index)])/\(index).ppm"
                try portablePixmap(drawn.image(index)).write(to: URL(fileURLWithPath: path))
            }
        } catch {
            throw BenchmarkError("\(folder): the pictures cannot be written (\(error)); make room, or give DATA=.")
        }
        return folder
    }

    /// Binary PPM: the simplest format that every reader knows.
    static func portablePixmap(_ picture: Image) -> Data {
        Data("P6\n\(picture.width) \(picture.height)\n255\n".utf8) + Data(picture.pixels)
    }

    /// A short run from random weights leaves a file that both sides can start from.
    private static func randomWeights(
        _ data: String, in folder: String, contestants: Contestants, threads: Int
    ) throws -> String {
        let run = folder + "/random"
        _ = try contestants.frostline([
            "train", data, "--from-scratch", "--headless", "--epochs", "1", "--image-size", "32", "--threads",
            "\(threads)", "--output", run,
        ])
        return run + "/last.safetensors"
    }
}
