import Kernels
import Images
import Model
import Ranks
import TrainingEvents

/// The confusion matrix of a validation, and the images on which it was most wrong.
final class ValidationTally {
    /// As many as a large screen shows.
    static let limit = 12
    /// Side of the thumbnails, at most.
    static let side = 48

    private let classes: Int
    private var actual: [Int]
    private var predicted: [Int]
    private var matrix: [Int]
    /// By picture; names and thumbnails come with the report.
    private var worst: [(index: Int, mistake: Mistake)] = []

    init(classes: Int) {
        self.classes = classes
        actual = [Int](repeating: 0, count: classes)
        predicted = actual
        matrix = classes <= MistakesReport.matrixLimit ? [Int](repeating: 0, count: classes * classes) : []
    }

    /// `logits`: `[labels.count, classes]`.
    func add(indices: [Int], labels: [Int], logits: [Float]) {
        for (row, label) in labels.enumerated()
        where (row + 1) * classes <= logits.count && actual.indices.contains(label) {
            let probabilities = Loss.softmax(logits[row * classes..<(row + 1) * classes])
            let best = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
            actual[label] += 1
            predicted[best] += 1
            if !matrix.isEmpty { matrix[label * classes + best] += 1 }
            guard best != label, indices.indices.contains(row) else { continue }
            let mistake = Mistake(
                name: "", actual: label, predicted: best, predictedProbability: probabilities[best],
                actualProbability: probabilities[label], picture: nil)
            // The list is short; equal ones keep the order of the pictures.
            let place = worst.firstIndex { $0.mistake.actualProbability > probabilities[label] } ?? worst.count
            if place < Self.limit { worst.insert((indices[row], mistake), at: place) }
            if worst.count > Self.limit { worst.removeLast() }
        }
    }

    private struct Counts: Codable {
        var actual: [Int]
        var predicted: [Int]
        var matrix: [Int]
        var indices: [Int]
        var mistakes: [Mistake]
    }

    /// Makes it that of all ranks' pictures.
    func addUp(over group: any RankGroup) throws {
        let all = try group.gatherValues(
            Counts(
                actual: actual, predicted: predicted, matrix: matrix, indices: worst.map(\.index),
                mistakes: worst.map(\.mistake)))
        func sum(_ counts: KeyPath<Counts, [Int]>) -> [Int] {
            (0..<(all.first?[keyPath: counts].count ?? 0)).map { place in
                all.reduce(0) { $0 + $1[keyPath: counts][place] }
            }
        }
        (actual, predicted, matrix) = (sum(\.actual), sum(\.predicted), sum(\.matrix))
        let found = all.flatMap { Array(zip($0.indices, $0.mistakes)) }
        worst = found.sorted { ($0.1.actualProbability, $0.0) < ($1.1.actualProbability, $1.0) }
            .prefix(Self.limit).map { (index: $0.0, mistake: $0.1) }
    }

    /// The pictures are read again, and go through the network once more for their maps: most validations begin behind
    /// cached features, where nothing is left of the places in a picture.
    func report(of run: TrainingRun) -> MistakesReport {
        let mistakes = worst.map { index, mistake in
            var mistake = mistake
            mistake.name = run.sets.validation.name(index)
            guard let bytes = Self.seen(index, run),
                let picture = Self.thumbnail(bytes, size: run.options.imageSize)
            else { return mistake }
            mistake.picture = picture
            let heat = Self.heat(of: [mistake.predicted, mistake.actual], in: bytes, run)
            if heat.count == 2 { (mistake.predictedHeat, mistake.actualHeat) = (heat[0], heat[1]) }
            return mistake
        }
        return MistakesReport(
            step: run.progress.step, actual: actual, predicted: predicted, matrix: matrix, mistakes: mistakes)
    }

    /// What the network saw, `[size, size, 3]`; from memory where the resized bytes are kept.
    private static func seen(_ index: Int, _ run: TrainingRun) -> [UInt8]? {
        let size = run.options.imageSize
        if let bytes = run.sets.validationStore.bytes(index, imageSize: size) { return bytes }
        guard let picture = try? run.sets.validation.image(index) else { return nil }
        return Preprocessing(imageSize: size, exif: run.options.exif).evaluated(picture)
    }

    private static func heat(of labels: [Int], in bytes: [UInt8], _ run: TrainingRun) -> [ClassHeat?] {
        var pixels = [Float](repeating: 0, count: bytes.count)
        pixels.withUnsafeMutableBufferPointer { pixels in
            bytes.withUnsafeBufferPointer { bytes in
                if let target = pixels.baseAddress { Preprocessing.normalise(bytes, into: target) }
            }
        }
        let (_, maps) = run.model.evaluateWithMaps(
            images: pixels, count: 1, imageSize: run.options.imageSize
        ) { _, _ in labels }
        return maps.joined().map { ClassHeat(side: $0.side, values: $0.values) }
    }

    /// The picture made small.
    private static func thumbnail(_ bytes: [UInt8], size: Int) -> Thumbnail? {
        guard let whole = Thumbnail(width: size, height: size, pixels: bytes) else { return nil }
        let side = min(side, size)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(side * side * 3)
        for y in 0..<side {
            for x in 0..<side {
                let color = whole.color(x: x, y: y, columns: side, rows: side)
                pixels += [color.red, color.green, color.blue]
            }
        }
        return Thumbnail(width: side, height: side, pixels: pixels)
    }
}
