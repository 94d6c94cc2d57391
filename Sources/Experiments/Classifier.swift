import Kernels
import Model
import Images
import Training

/// What the network says about one picture.
package struct Prediction: Sendable, Equatable {
    /// The picture's index in its source.
    package let index: Int
    /// Of each class; empty where the picture could not be read.
    package let probabilities: [Double]
    /// Why the picture could not be read.
    package let problem: String?
    /// What the network saw and where it looked; nil where it was not asked for, or the picture could not be read.
    package var look: Look?

    package init(index: Int, probabilities: [Double], problem: String?, look: Look? = nil) {
        (self.index, self.probabilities, self.problem, self.look) = (index, probabilities, problem, look)
    }

    /// The first of the most probable classes.
    package var best: Int { Self.best(probabilities) }

    static func best(_ probabilities: [Double]) -> Int {
        probabilities.indices.max { (probabilities[$0], -$0) < (probabilities[$1], -$1) } ?? 0
    }

    /// Classes by falling probability.
    package var ranking: [Int] {
        probabilities.indices.sorted { (-probabilities[$0], $0) < (-probabilities[$1], $1) }
    }
}

/// A trained network at work on pictures: decodes ahead on plain threads, computes batch by batch, answers in order.
package final class Classifier {
    private let network: TrainedNetwork
    private let model: ResNet18
    private let threads: Int
    private static let batchSize = 16

    package init(_ network: TrainedNetwork, threads: Int) throws {
        BLAS.prepare()
        self.network = network
        self.threads = threads
        model = try network.model(threads: threads)
    }

    /// Calls `body` with a prediction for every picture, or those at `indices` (rising), in order, those that cannot be read
    /// among them. With `looks` each holds the map of the class that is predicted.
    package func classify(
        _ pictures: some ImageSource, indices: [Int]? = nil, looks: Bool = false, _ body: (Prediction) throws -> Void
    ) rethrows {
        let loader = ImageLoader(
            source: pictures, order: indices ?? Array(0..<pictures.count), batchSize: Self.batchSize,
            preprocessing: Preprocessing(imageSize: network.imageSize, exif: network.exif), training: false, seed: 0,
            epoch: 1, threads: threads, store: nil)
        var failuresSeen = 0
        func reportFailures(before index: Int) throws {
            let failures = loader.failures
            while failuresSeen < failures.count, failures[failuresSeen].index < index {
                let failure = failures[failuresSeen]
                try body(Prediction(index: failure.index, probabilities: [], problem: failure.message))
                failuresSeen += 1
            }
        }
        while let batch = loader.next() {
            let (logits, maps) = compute(batch, looks: looks)
            for (row, index) in batch.indices.enumerated() {
                try reportFailures(before: index)
                let start = row * model.classes
                var prediction = Prediction(
                    index: index, probabilities: Loss.softmax(logits[start..<(start + model.classes)]), problem: nil)
                if maps.indices.contains(row) {
                    let length = network.imageSize * network.imageSize * 3
                    prediction.look = Look(
                        size: network.imageSize,
                        seen: Preprocessing.bytes(ofNormalised: batch.pixels[row * length..<(row + 1) * length]),
                        map: maps[row])
                }
                try body(prediction)
            }
        }
        try reportFailures(before: pictures.count)
    }

    /// Logits, `[count, classes]`, and with `looks` for each picture the map of the class that is predicted.
    private func compute(_ batch: ImageBatch, looks: Bool) -> (logits: [Float], maps: [ClassActivationMap]) {
        batch.pixels.withUnsafeBufferPointer { pixels in
            guard let images = pixels.baseAddress else { return ([], []) }
            guard looks else {
                return (
                    model.evaluate(cut: 0, features: images, count: batch.count, imageSize: network.imageSize), []
                )
            }
            let (logits, maps) = model.evaluateWithMaps(
                images: images, count: batch.count, imageSize: network.imageSize
            ) { _, logits in [Prediction.best(Loss.softmax(logits))] }
            return (logits, maps.compactMap(\.first))
        }
    }
}

/// Pictures by path, without labels.
package struct ListedImages: ImageSource {
    private let paths: [[UInt8]]
    private let exif: ExifHandling
    package let classes: [String] = []

    package init(_ paths: [String], exif: ExifHandling) { self.init(paths.map { Array($0.utf8) }, exif: exif) }

    /// Paths as the system knows them, which need not be UTF-8.
    package init(_ paths: [[UInt8]], exif: ExifHandling) {
        self.paths = paths
        self.exif = exif
    }

    package var count: Int { paths.count }
    package func label(_ index: Int) -> Int { 0 }
    package func name(_ index: Int) -> String { String(decoding: paths[index], as: UTF8.self) }
    package func image(_ index: Int) throws -> Image {
        try ImageDecoder.decode(pathBytes: paths[index], name: name(index), exif: exif)
    }
}
