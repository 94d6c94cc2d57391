import Network
import Foundation

/// What a run's files take on disk at their peak, foreseen from shapes alone. All sizes are bytes.
package struct DiskNeed: Equatable {
    /// last, best and state, and temporary copies of last and state while they are replaced together.
    package var weights: Int
    /// Steps and epochs, to the last epoch that was asked for.
    package var lines: Int
    /// The file of cached features, where it comes to lie beside them.
    package var features: Int
    /// Files of an earlier part of the run, which are replaced.
    private let existing: Int

    private static let float = MemoryLayout<Float>.size
    /// A header with the names of all tensors.
    private static let header = 32 << 10

    package init(
        options: RunOptions, classes: Int, trainingCount: Int, validates: Bool, tensorBoard: Bool, featureBytes: Int,
        existing: Int
    ) {
        let trainable = options.everTrainable()
        let tensors = ResNet.resnet18.tensors(classes: classes)
        let all = tensors.reduce(0) { $0 + $1.count } * Self.float + Self.header
        let trained = tensors.filter { trainable.contains($0.name) }
        let state = all + trained.reduce(0) { $0 + $1.count } * options.momentBuffers * Self.float
        weights = all * (validates ? 3 : 2) + state * 2
        // A name and a number for each gradient norm; as much again for the same figures in TensorBoard's files.
        let line = (200 + 50 * trained.count) * (tensorBoard ? 2 : 1)
        let steps = options.stepsPerEpoch(pictures: trainingCount).multipliedReportingOverflow(by: options.epochs)
        let bytes = steps.partialValue.multipliedReportingOverflow(by: line)
        lines = steps.overflow || bytes.overflow ? Int.max >> 2 : bytes.partialValue
        features = featureBytes
        self.existing = existing
    }

    /// Throws `TrainingError.output` where not even the weights fit.
    package func require(in folder: String, free: Int) throws {
        let need = max(0, weights - existing)
        guard need > free else { return }
        throw TrainingError.output(
            path: folder,
            problem: "the run's weights and state need about \(Self.mebibytes(need)) here, and "
                + "\(Self.mebibytes(free)) are free; free some space, or choose an --output on another disk.")
    }

    /// What may not fit before the run is over; nil where all of it does.
    package func warning(in folder: String, free: Int) -> String? {
        guard max(0, weights + lines - existing) > free - features else { return nil }
        return
            "\(folder): \(Self.mebibytes(free)) are free, and the run may take \(Self.mebibytes(weights)) for weights "
            + "and state, \(Self.mebibytes(lines)) for the lines of all epochs"
            + (features > 0
                ? ", \(Self.mebibytes(features)) for cached features (--cache-dir puts them elsewhere)" : "")
            + "; free some space."
    }

    private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
}

/// The disk that a folder lies on. Sizes are bytes.
package struct AvailableDisk {
    /// What this user may still write.
    package var bytes: Int
    /// 0 where the file system does not count.
    package var total: Int
    private var device: dev_t

    /// nil where the system does not say.
    package static func of(_ folder: String) -> AvailableDisk? {
        var (disk, file) = (statvfs(), stat())
        guard statvfs(folder, &disk) == 0, stat(folder, &file) == 0 else { return nil }
        func bytes(_ blocks: fsblkcnt_t) -> Int {
            let size = Int(clamping: blocks).multipliedReportingOverflow(by: Int(clamping: disk.f_frsize))
            return size.overflow ? .max >> 2 : size.partialValue
        }
        return AvailableDisk(bytes: bytes(disk.f_bavail), total: bytes(disk.f_blocks), device: file.st_dev)
    }

    /// Whether a folder lies on this disk.
    func isSame(as folder: String) -> Bool {
        var file = stat()
        return stat(folder, &file) == 0 && file.st_dev == device
    }
}
