import Network
import Checkpoints
import Foundation
import Kernels
import Model
import Ranks
import Support
import TrainingEvents

/// Everything that a run has before its first step.
struct OpenRun {
    let run: TrainingRun
    /// nil keeps nothing.
    let folder: RunFolder?
    let record: RunRecord
    /// Whether metrics.jsonl lacks the mask that a resumed run begins with.
    let recordsFirstMask: Bool
}

/// How a run is opened: what is cheap to refuse is refused before anything is made or decoded; then come the folder, the
/// pictures, the weights.
struct RunOpening {
    let request: RunRequest
    /// Gets progress, notices and warnings.
    let post: @Sendable (TrainingEvent) -> Void
    let isCancelled: () -> Bool

    private var options: RunOptions { request.options }

    /// What the weights come from.
    private enum Source {
        case random
        case checkpoint(Checkpoint)
        case saved(Checkpoint, RunProgress)
        /// This is another rank than 0, which gets all of rank 0's.
        case rankZero
    }

    private var isFollower: Bool { !request.group.leads }

    /// Of this process's part in a batch, beside the other ranks of this machine.
    private func requireMemory() throws {
        var available = AvailableMemory.now()
        if let group = request.group { available?.bytes /= group.ranksHere }
        try MemoryNeed(options: options, classes: 2).require(
            batchSize: options.batchSize, available: available, ranks: request.group?.count ?? 1)
    }

    func open() throws -> OpenRun {
        let began = Timestamp.now
        try Self.requireSoundKernels()
        try options.validate()
        try requireMemory()
        post(.progress(WorkProgress(.weights, done: 0, total: 1)))
        let source = isFollower ? .rankZero : try openSource()
        let folder = try openFolder()
        if let group = request.group {
            post(.notice("\(group.count) ranks train together, on \(group.machines.joined(separator: ", "))"))
        }
        let sets = try openImages()
        try RankStart.requireSame(options, sets, data: request.data, request.group)
        let earlier = request.resume ? try folder.map { try RunFolder.record(of: $0.path) } : nil
        if let earlier {
            try earlier.requireSameImages(sets, data: request.data)
            for warning in [earlier.versionWarning, earlier.kernelWarning].compactMap({ $0 }) {
                post(.warning(warning))
            }
        }
        let pool = WorkerPool(threads: options.threads)
        let model = ResNet18(classes: sets.classes.count, pool: pool)
        if let folder { try requireDisk(folder, sets) }
        if case .saved(let checkpoint, let progress) = source {
            // A position beyond the pictures would be read beyond their order.
            guard progress.position <= sets.training.count, progress.excluded.count < sets.training.count else {
                throw TrainingError.weights(
                    file: checkpoint.path,
                    problem: "it is at picture \(progress.position) of \(sets.training.count); the file is damaged, "
                        + "start anew from last.safetensors.")
            }
        }
        var (progress, recordsFirstMask) = try fill(model, from: source, folder)
        if case .checkpoint(let checkpoint) = source,
            let warning = StatisticsFit(model, sets, options)?.warning(file: checkpoint.path)
        {
            post(.warning(warning))
        }
        if let group = request.group {
            try model.shareTensors(group)
            progress = RunProgress(metadata: try group.agree(on: progress.metadata)) ?? progress
        }
        post(.progress(WorkProgress(.weights, done: 1, total: 1)))
        let run = TrainingRun(
            options: options, sets: sets, model: model, pool: pool, progress: progress, folder: folder?.path,
            group: request.group)
        if case .saved(let checkpoint, _) = source {
            try run.restoreOptimizer(from: checkpoint)
            try run.restoreAuto(from: checkpoint)
        }
        if let group = request.group { try run.shareOptimizer(group) }
        post(
            .dataset(
                DatasetDescription(
                    classes: sets.classes, trainingCount: sets.training.count, validationCount: sets.validation.count,
                    skippedCount: sets.skippedCount, stepsPerEpoch: run.stepsPerEpoch)))
        // A resumed run began from the weights that its first part names.
        var record = try RunRecord(request: request, sets: sets, earlier: earlier)
        record.started = began
        try folder?.write(record)
        return OpenRun(run: run, folder: folder, record: record, recordsFirstMask: recordsFirstMask)
    }

    /// Some builds of OpenBLAS are wrong on some processors.
    static func requireSoundKernels() throws {
        if let problem = BLAS.problem { throw TrainingError.refused(problem) }
    }

    /// Throws where the run's files cannot fit on the disk, and warns where they may not.
    private func requireDisk(_ folder: RunFolder, _ sets: ImageSets) throws {
        guard let disk = AvailableDisk.of(folder.path), disk.total > 0 else { return }
        let cacheFolder = options.cacheFolder ?? folder.path
        var featureBytes = 0
        let plan = options.initialPlan
        // Less than the budget fits into memory; more than the room on the disk is not cached.
        var rule = options.cacheRule
        rule.budget = options.cacheDiskLimit ?? FeatureFile.free(in: cacheFolder) ?? 0
        let images = sets.training.count * options.cachedVariants + sets.validation.count
        if disk.isSame(as: cacheFolder),
            let size = try? rule.size(plan, imageSize: options.imageSize, classes: sets.classes.count, images: images),
            size.all > options.cacheBudget
        {
            featureBytes = size.all
        }
        let need = DiskNeed(
            options: options, classes: sets.classes.count, trainingCount: sets.training.count,
            validates: sets.validation.count > 0, tensorBoard: request.tensorBoard, featureBytes: featureBytes,
            existing: folder.existingBytes)
        try need.require(in: folder.path, free: disk.bytes)
        if let warning = need.warning(in: folder.path, free: disk.bytes) { post(.warning(warning)) }
    }

    // MARK: Weights

    private func openSource() throws -> Source {
        if request.resume, let output = request.output,
            FileManager.default.fileExists(atPath: "\(output)/\(RunFolder.stateName)")
        {
            return try Self.openState(of: output)
        }
        guard let checkpoint = try request.weights.open() else { return .random }
        try requireSameStart(checkpoint.path)
        return .checkpoint(checkpoint)
    }

    private static func openState(of output: String) throws -> Source {
        let path = output + "/" + RunFolder.stateName
        let checkpoint = try Checkpoint.open(path)
        guard let progress = RunProgress(metadata: checkpoint.metadata) else {
            throw TrainingError.weights(
                file: path,
                problem: "not the state of a run that this version can continue; start anew from last.safetensors.")
        }
        return .saved(checkpoint, progress)
    }

    /// A run that begins again must begin from the same weights.
    private func requireSameStart(_ path: String) throws {
        guard request.resume, let output = request.output,
            let hash = try RunFolder.record(of: output).weightsHash, try hash != RunRecord.hash(ofFile: path)
        else { return }
        throw TrainingError.weights(
            file: path, problem: "this is no longer the file that the run began from; put it back, or start a new run.")
    }

    /// Fills the model and cuts metrics.jsonl back to where the run goes on.
    private func fill(
        _ model: ResNet18, from source: Source, _ folder: RunFolder?
    ) throws -> (progress: RunProgress, recordsFirstMask: Bool) {
        if case .rankZero = source { return (RunProgress(), false) }
        if case .saved(let checkpoint, let progress) = source {
            _ = try WeightFiles.fill(model, from: checkpoint, head: .keep, seed: options.seed)
            let mask = try folder?.rewindMetrics(to: progress.step, epoch: progress.epoch)
            return (progress, progress.trainable != (mask ?? options.initialTrainable()))
        }
        if case .checkpoint(let checkpoint) = source {
            checkpoint.notes.forEach { post(.notice($0)) }
            let kept = try WeightFiles.fill(model, from: checkpoint, head: options.head, seed: options.seed)
            post(
                .notice(
                    kept
                        ? "the checkpoint's fc with \(model.classes) outputs is kept"
                        : "a new fc with \(model.classes) outputs is drawn from seed \(options.seed)"))
        } else {
            _ = try WeightFiles.fill(model, from: nil, head: options.head, seed: options.seed)
        }
        if request.resume {
            _ = try folder?.rewindMetrics(to: 0, epoch: 1)
            post(.notice("the run was ended before its first save, so it begins again"))
        }
        return (RunProgress(beginning: options), false)
    }

    // MARK: Folder and pictures

    private func openFolder() throws -> RunFolder? {
        let folder = try request.output.map {
            try RunFolder($0, resume: request.resume, systemWrite: request.systemWrite)
        }
        if let folder { request.folderOpened?(folder.path) }
        if let stale = folder?.staleProcess {
            post(.notice("process \(stale) was ended while it was at work in this run folder; its lock is taken over"))
        }
        return folder
    }

    private func openImages() throws -> ImageSets {
        let sets = try ImageSets.open(
            request.data, options: options, warn: { post(.warning($0)) },
            progress: { [post] done, total in post(.progress(WorkProgress(.pictures, done: done, total: total))) },
            isCancelled: isCancelled, group: request.group)
        guard sets.training.count > 0 else {
            throw TrainingError.data("\(request.data.description): no training pictures are left.")
        }
        if let patience = options.patience, sets.validation.count == 0 {
            throw TrainingError.option(
                "--patience", found: "\(patience)",
                expected: "validation pictures, which --validation-split or val/ gives")
        }
        if options.strategy == .auto {
            if sets.validation.count < 2 {
                throw TrainingError.option(
                    "--strategy", found: "auto",
                    expected: "validation pictures to decide by, which --validation-split or val/ gives")
            }
            if let group = request.group, group.count > 1 {
                throw TrainingError.option(
                    "--strategy", found: "auto on \(group.count) ranks", expected: "head, partial or full there")
            }
        }
        // PyTorch refuses such a batch when it meets it, at the end of the first epoch; this says so before it begins.
        let last = sets.training.count % options.batchSize
        try options.initialPlan.requireValuesForStatistics(
            batch: last == 0 ? options.batchSize : last, imageSize: options.imageSize)
        return sets
    }
}
