import Foundation
import Images
import Model
import Support

/// How a checkpoint's first BatchNorm fits the pictures.
///
/// A network that was trained on pictures of another scale (values from 0 to 1 or 255, say, without ImageNet's mean and standard
/// deviation) loads without an error, and its frozen layers then compute with statistics of other maps. bn1 tells: on five
/// picture sets, from scans to icons on white, its input has 1 to 6 times the variance that two networks hold that were
/// trained on normalised pictures, and 16 to 58 times that of one which was trained on values from 0 to 1.
struct StatisticsFit {
    /// The variance of bn1's input over the one that bn1 holds, the median over its channels.
    let varianceRatio: Double

    private static let mostPictures = 16
    /// Places on each side of a picture.
    private static let places = 8
    private static let greatestRatio = 10.0
    /// Of dull pictures; values from 0 to 255 are a factor of 3000.
    private static let leastRatio = 0.01

    /// Of pictures spread over the training set; nil where none can be read. Draws no random numbers.
    init?(_ model: ResNet18, _ sets: ImageSets, _ options: RunOptions) {
        let count = min(Self.mostPictures, sets.training.count)
        let loader = ImageLoader(
            source: sets.training, order: (0..<count).map { $0 * sets.training.count / count }, batchSize: count,
            preprocessing: Preprocessing(imageSize: options.imageSize, exif: options.exif, augmentation: .none),
            training: false, seed: options.seed, epoch: 0, threads: options.threads, store: sets.trainingStore)
        guard let batch = loader.next() else { return nil }
        let held = model.export("bn1.running_var")
        let found = Self.variances(of: model.export("conv1.weight"), batch, size: options.imageSize)
        guard !held.isEmpty, held.count == found.count else { return nil }
        let epsilon = 1e-5
        let ratios = zip(found, held).map { ($0 + epsilon) / (Double($1) + epsilon) }
        varianceRatio = ratios.sorted()[ratios.count / 2]
    }

    private static let side = 7

    /// By channel, of what conv1 makes of a grid of places where its window lies within the picture.
    private static func variances(of weight: [Float], _ batch: ImageBatch, size: Int) -> [Double] {
        let starts = (0..<places).map { $0 * (size - side) / (places - 1) }
        let corners = (0..<batch.count).flatMap { image in
            starts.flatMap { top in starts.map { left in ((image * size + top) * size + left) * 3 } }
        }
        return (0..<weight.count / (side * side * 3)).map { channel in
            let values = corners.map { Double(product(weight, channel, batch.pixels, corner: $0, size: size)) }
            let mean = values.reduce(0, +) / Double(values.count)
            return max(0, values.reduce(0) { $0 + $1 * $1 } / Double(values.count) - mean * mean)
        }
    }

    /// Of a channel's window [3, 7, 7] and the pixels [height, width, 3] whose first one is at `corner`.
    private static func product(_ weight: [Float], _ channel: Int, _ pixels: [Float], corner: Int, size: Int) -> Float {
        var sum: Float = 0
        for index in 0..<3 * side * side {
            let (colour, row, column) = (index / (side * side), index / side % side, index % side)
            sum += weight[channel * 3 * side * side + index] * pixels[corner + (row * size + column) * 3 + colour]
        }
        return sum
    }

    /// nil where the statistics fit.
    func warning(file: String) -> String? {
        guard varianceRatio > Self.greatestRatio || varianceRatio < Self.leastRatio else { return nil }
        let found = Numbers.short(varianceRatio)
        return
            "\(file): these pictures give bn1 \(found) times the variance that its statistics hold, so the network was "
            + "probably trained on pictures of another scale than ImageNet's mean and standard deviation give. Frozen layers "
            + "keep these statistics: train everything, or put the scale into conv1 and bn1 (docs/checkpoints.md)."
    }
}
