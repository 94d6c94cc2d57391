import Images
import Ranks

/// The pictures of a run, readable ones only.
struct ImageSets {
    var classes: [String]
    var training: any ImageSource
    var validation: any ImageSource
    var skippedCount: Int
    var trainingStore: ResizedStore
    var validationStore: ResizedStore
    /// Tells these pictures from others.
    var identity: UInt64
    /// Where runs on these pictures leave features for each other.
    var features: SharedFeatureCache?

    /// Below this many, every picture is decoded once before the first step, so that what cannot be read is known (and
    /// the work is kept where it is deterministic). Above, a bad picture is left out when it is met.
    static let checkedLimit = 5000

    /// Opens the data. `progress(done, total)` is called now and then (total 0 while folders are listed); where `isCancelled`
    /// says so, checking ends early. With a `group`, each rank decodes those that it is the first to be given later on.
    static func open(
        _ data: TrainingData, options: RunOptions, warn: (String) -> Void,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void, isCancelled: () -> Bool,
        group: (any RankGroup)? = nil
    ) throws -> ImageSets {
        func stores(for count: Int) -> (ResizedStore, ResizedStore) {
            // Pictures come in random order: where few of them would be found again, that is much memory for little.
            let bytes = options.imageSize * options.imageSize * 3
            let budget = count <= options.pictureBudget / bytes * 4 ? options.pictureBudget : 0
            return (ResizedStore(budget: budget / 5 * 4), ResizedStore(budget: budget / 5))
        }
        switch data {
        case .prepared(let pictures): return pictures.sets
        case .drawn(let training, let validation):
            let stores = stores(for: training.count + validation.count)
            return ImageSets(
                classes: training.classes, training: training, validation: validation, skippedCount: 0,
                trainingStore: stores.0, validationStore: stores.1,
                identity: identity(of: [training, validation], below: nil))
        case .folder(let path):
            let folder = try ImageFolder.open(
                path, validationSplit: options.validationSplit, seed: options.seed, exif: options.exif,
                progress: { progress($0, 0) })
            folder.warnings.forEach(warn)
            var (training, validation, skippedCount) = (folder.training, folder.validation, folder.skippedCount)
            let total = training.count + validation.count
            let stores = stores(for: total)
            let preprocessing = Preprocessing(
                imageSize: options.imageSize, exif: options.exif, augmentation: options.augmentation)
            func readable(
                _ pictures: FolderImages, _ store: ResizedStore, training: Bool, offset: Int
            ) throws -> FolderImages {
                let own = group.map {
                    RankAssignment(ranks: $0.count).pictures(bestAt: $0.rank, of: pictures.count)
                }
                var bad = ImageLoader.check(
                    source: pictures, indices: own, preprocessing: preprocessing, training: training,
                    threads: options.threads, store: store,
                    progress: { progress(offset + $0 * (group?.count ?? 1), total) }, isCancelled: isCancelled)
                if let group { bad = try UnreadablePicture.all(bad, group) }
                for failure in bad.prefix(20) { warn("\(failure.message); left out") }
                if bad.count > 20 { warn("… and \(bad.count - 20) more pictures that cannot be read; left out") }
                skippedCount += bad.count
                return bad.isEmpty ? pictures : pictures.removing(bad.map(\.index))
            }
            if total <= checkedLimit {
                training = try readable(folder.training, stores.0, training: true, offset: 0)
                validation = try readable(folder.validation, stores.1, training: false, offset: folder.training.count)
                // Classes that lost every picture would be columns that nothing can ever teach.
                if let empty = training.emptyClasses.first {
                    throw TrainingError.data(
                        "\(path)/\(empty): none of this class's training pictures can be read; "
                            + "replace them, or remove the folder.")
                }
            }
            if group.leads {
                let same = DuplicateImages.find(training: training, validation: validation, isCancelled: isCancelled)
                same.warnings.forEach(warn)
            }
            return ImageSets(
                classes: folder.classes, training: training, validation: validation, skippedCount: skippedCount,
                trainingStore: stores.0, validationStore: stores.1,
                identity: identity(of: [training, validation], below: path))
        }
    }
}
