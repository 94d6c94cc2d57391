import Network
import Checkpoints
import Kernels
import Model
import Images
import Ranks
import Support
import TrainingEvents

/// One run's model, optimizer, mask and caches, and the verbs that move it forward. It knows nothing of threads, events
/// or files being written; `TrainingEngine` drives it.
final class TrainingRun {
    let options: RunOptions
    let sets: ImageSets
    let model: ResNet18
    let optimizer: Optimizer
    let schedule: Schedule
    /// What takes the place of the schedule's rate; a range test sets it.
    var rateOfStep: ((Int) -> Double)?
    private let rateFactors: [String: Double]
    private let lossTerms: LossTerms
    private let accumulator = GradientAccumulator()
    private(set) var plan: TrainingPlan
    /// What a step under the mask may change.
    private(set) var changingSpecs: [TensorSpec] = []
    private var changingTensors: Set<String> = []
    private(set) var hashes = FrozenHashes()
    var progress: RunProgress
    let caches: FeatureCacheSet
    /// What `--strategy auto` compares and goes back to.
    var autoTensors = AutoTensors()
    /// Why nothing is cached.
    private var cacheRefusal: (any Error)?
    let pool: WorkerPool
    /// The ranks that compute each batch together; nil where this process does it all.
    let ranks: RankShare?
    /// Running statistics as they were when this run was opened, for the inspector.
    let openingStatistics: [String: [Float]]
    let openingStep: Int
    /// Tensors that may differ from their last exported copy.
    var touched: Set<String>
    var exported: [String: SafetensorsWriter.Entry] = [:]

    /// `folder`: the run folder, where cached features may go.
    init(
        options: RunOptions, sets: ImageSets, model: ResNet18, pool: WorkerPool, progress: RunProgress,
        folder: String? = nil, group: (any RankGroup)? = nil
    ) {
        self.options = options
        self.sets = sets
        self.model = model
        self.progress = progress
        self.pool = pool
        ranks = group.map { RankShare($0, options: options) }
        model.exchange = ranks?.exchange
        openingStep = progress.step
        openingStatistics = Dictionary(
            uniqueKeysWithValues: model.specs.filter { $0.kind == .runningMean || $0.kind == .runningVar }
                .map { ($0.name, model.export($0.name)) })
        optimizer = Optimizer(options.optimizer, weightDecay: options.weightDecay, pool: pool)
        rateFactors = options.rateFactors
        lossTerms = LossTerms(
            smoothing: options.labelSmoothing, classWeights: options.classWeights(counts: sets.training.countsByClass))
        let stepsPerEpoch = options.stepsPerEpoch(pictures: sets.training.count)
        schedule = Schedule(options.schedule, base: options.learningRate, total: stepsPerEpoch * options.epochs)
        plan = TrainingPlan(trainable: progress.trainable, frozenBatchNorm: options.frozenBatchNorm)
        touched = Set(model.specs.map(\.name))
        caches = FeatureCacheSet(
            trainingCount: sets.training.count, validationCount: sets.validation.count,
            memoryBudget: options.cacheBudget, folder: options.cache ? options.cacheFolder ?? folder : nil,
            diskLimit: options.cacheDiskLimit, shared: sets.features)
        applyMask(progress.trainable)
    }

    /// Of a step that is not an epoch's last.
    var imagesPerStep: Int { min(options.imagesPerStep, sets.training.count) }

    var stepsPerEpoch: Int { options.stepsPerEpoch(pictures: sets.training.count - progress.excluded.count) }

    // MARK: Mask

    /// Puts a mask in force from the next step on (docs/freezing.md, rules 1 to 6).
    func applyMask(_ trainable: Set<String>) {
        // What freezes now is rank 0's. Where that fails, the next step says so.
        if let ranks, ranks.exchange.batchNorm == .local { try? model.shareStatistics(ranks.group) }
        progress.trainable = trainable
        let lowest = plan.lowestTrainableUnit
        plan = TrainingPlan(trainable: trainable, frozenBatchNorm: options.frozenBatchNorm)
        // Maps that backward needs no more are given back, as the preview says.
        if plan.lowestTrainableUnit > lowest { model.releaseWorkspace() }
        changingSpecs = model.specs.filter { spec in
            switch spec.kind {
            case .parameter: trainable.contains(spec.name)
            default: plan.usesBatchStatistics(spec.layer)
            }
        }
        changingTensors = Set(changingSpecs.map(\.name))
        optimizer.keepOnly(trainable)
        hashes.follow(frozen: frozenTensors(), model: model, step: progress.step + 1)
        touched.formUnion(changingTensors)
        planCache()
    }

    /// The unit at which the frozen prefix ends.
    var frostLine: String { ResNet.resnet18.name(ofCut: plan.cut) }

    /// In torchvision's order.
    var trainableNames: [String] { model.parameters.map(\.name).filter(progress.trainable.contains) }

    /// Values were put back: exported copies and transformed weights are stale, and the optimizer's memory is of elsewhere.
    func weightsWereReplaced() {
        model.weightsChanged(everything: true)
        touched.formUnion(changingTensors)
        optimizer.keepOnly([])
    }

    /// The rate of a step: the schedule's, times what was asked for while it ran and what auto has lowered it to.
    func learningRate(step: Int) -> Double {
        schedule.learningRate(step: step) * progress.rateFactor * (progress.auto?.rate ?? 1)
    }

    /// Frozen parameters, and the running statistics of every held BatchNorm.
    private func frozenTensors() -> [String] {
        model.specs.filter { $0.kind != .batchesTracked && !changingTensors.contains($0.name) }.map(\.name)
    }

    // MARK: Cache

    /// Keeps the caches where they are still valid, drops them where not, makes them where they now can be.
    private func planCache() {
        caches.deactivate()
        do {
            try options.cacheRule.requireCacheable(plan)
            let key = FeatureKey(
                cut: plan.cut, weights: weightsHash(below: plan.cut), pictures: sets.identity,
                imageSize: options.imageSize, exif: options.exif, variants: options.cachedVariants)
            let shape = model.featureShape(cut: plan.cut, imageSize: options.imageSize)
            try caches.use(key, floatsPerImage: shape.count, weights: weightsHash(below:))
            cacheRefusal = nil
        } catch { cacheRefusal = error }
    }

    /// Of every tensor that a frozen prefix of `cut` units computes with.
    private func weightsHash(below cut: Int) -> UInt64 {
        hashes.digest(
            of: model.specs.filter { spec in
                spec.kind != .batchesTracked && ResNet.resnet18.unit(of: spec.name).map { $0 < cut } == true
            }.map(\.name))
    }

    /// Where a write to the cache in use has failed, nothing more is cached.
    private func dropFailedCaches() {
        guard let failure = caches.failure else { return }
        cacheRefusal = failure
        caches.clear()
    }

    /// The most bytes of features that can be kept, in memory or in a file.
    var cacheRoom: Int { caches.room }

    /// Features of one cut: of each training image's variants and of each validation picture.
    var featureCount: Int { sets.training.count * options.cachedVariants + sets.validation.count }

    var cacheStatus: CacheStatus {
        if let cacheRefusal { return .off(reason: "\(cacheRefusal)") }
        guard let training = caches.training.first, let validation = caches.validation.first else {
            return .off(reason: "nothing is frozen")
        }
        let total = training.count + validation.count
        return .on(
            frostLine: frostLine, bytesPerImage: training.floatsPerImage * MemoryLayout<Float>.stride,
            cached: ranks.map { min($0.cachedCount, total) } ?? cachedCount, total: total)
    }

    /// Of this process.
    private var cachedCount: Int {
        (caches.training.first?.filledCount ?? 0) + (caches.validation.first?.filledCount ?? 0)
    }

    // MARK: Steps

    /// The feed of the epoch in progress, from where it stands.
    func trainingFeed() -> BatchFeed {
        var order = Array(0..<sets.training.count)
        if options.shuffle {
            var generator = SeededGenerator(seed: options.seed, stream: UInt64(progress.epoch))
            order.shuffle(using: &generator)
        }
        if !progress.excluded.isEmpty { order.removeAll(where: progress.excluded.contains) }
        return feed(sets.training, order: order, position: progress.position, training: true, store: sets.trainingStore)
    }

    private func feed(
        _ source: any ImageSource, order: [Int], position: Int, training: Bool, store: ResizedStore
    ) -> BatchFeed {
        let preprocessing = Preprocessing(
            imageSize: options.imageSize, exif: options.exif, augmentation: training ? options.augmentation : .none)
        let (options, epoch) = (options, progress.epoch)
        let flips = preprocessing.augmentation == .flip
        return BatchFeed(
            source: source, order: order, position: position, batchSize: options.batchSize,
            imageSize: options.imageSize, model: model,
            variant: { flips && Preprocessing.flips(seed: options.seed, epoch: epoch, index: $0) ? 1 : 0 },
            own: ranks?.own
        ) { order in
            ImageLoader(
                source: source, order: order, batchSize: options.batchSize, preprocessing: preprocessing,
                training: training, seed: options.seed, epoch: epoch, threads: options.threads, store: store)
        }
    }

    /// One step over up to `--accumulate` batches, n of them; nil at the end of the epoch. Rules are those of
    /// docs/freezing.md.
    ///
    ///     g = 1/n · Σ ∇loss(batch)                  accumulate, down to the lowest trainable parameter (rules 2 and 5)
    ///     g ← g · min(1, clipNorm / (‖g‖ + 1e-6))   clip
    ///     η, μ = schedule(step)                     η times the rate's factor
    ///     w ← optimizer(w, g, η, μ)                 decay, momentum, update, of what trains (rules 1 and 4)
    ///
    /// Throws `TrainingError.notFinite`, or `.refused` as PyTorch refuses. Then only running statistics may have changed,
    /// and the feed is behind the failed batches; a feed from `trainingFeed` begins with them.
    func step(_ feed: BatchFeed) throws -> StepReport? {
        let start = ContinuousClock.now
        let step = progress.step + 1
        guard let sum = try accumulateGradient(feed, step: step) else { return nil }
        let clipped = options.clipNorm.map { GradientClip.apply(model.parameters, maximum: $0) } ?? [:]
        let rate = rateOfStep?(step) ?? learningRate(step: step)
        let momentum = schedule.momentum(step: step, configured: options.configuredMomentum)
        var norms = optimizer.step(model.parameters, learningRate: rate, momentum: momentum, factors: rateFactors)
        // The norm is the gradient's before clipping (rule 8).
        for (name, norm) in clipped { norms[name]?.gradient = norm }
        model.weightsChanged()
        caches.weightsChanged(from: plan.lowestTrainableUnit)
        touched.formUnion(changingTensors)
        progress.step = step
        progress.lossSum += sum.loss * Double(sum.images)
        progress.correct += sum.correct
        progress.seen += sum.images
        let seconds = start.duration(to: .now) / .seconds(1)
        return StepReport(
            step: step, epoch: progress.epoch,
            stepInEpoch: options.stepsPerEpoch(pictures: progress.position), stepsPerEpoch: stepsPerEpoch,
            loss: sum.loss, accuracy: Double(sum.correct) / Double(sum.images), learningRate: rate,
            images: sum.images, milliseconds: seconds * 1000, gradientNorms: norms.mapValues(\.gradient),
            updateRatios: norms.mapValues { $0.weight > 0 ? $0.update / $0.weight : 0 })
    }

    /// Forward, loss and backward of a step's batches, whose mean gradient is left in the parameters; nil at the end of the
    /// epoch. The loss is the mean over the batches.
    private func accumulateGradient(_ feed: BatchFeed, step: Int) throws -> (loss: Double, correct: Int, images: Int)? {
        var (lossSum, correct, images, passes) = (0.0, 0, 0, 0)
        accumulator.begin()
        while passes < options.accumulate, let pass = try backward(feed, step: step) {
            passes += 1
            lossSum += pass.outcome.loss
            correct += pass.outcome.correct
            images += pass.images
            if options.accumulate > 1 { accumulator.add(model.parameters) }
        }
        progress.position = feed.position
        dropFailedCaches()
        guard passes > 0 else { return nil }
        if options.accumulate > 1 {
            accumulator.finish(model.parameters)
            try ranks?.finishGradients()
        }
        return (lossSum / Double(passes), correct, images)
    }

    /// Forward, loss and backward of the next batch; nil at the end of the epoch.
    private func backward(_ feed: BatchFeed, step: Int) throws -> (outcome: StepOutcome, images: Int)? {
        try feed.next(cut: plan.cut, caches: caches.training) { batch, features in
            try plan.requireValuesForStatistics(
                batch: ranks?.picturesForStatistics(of: batch.wholeLabels.count) ?? batch.labels.count,
                imageSize: options.imageSize)
            var outcome = model.step(
                plan: plan, features: features, labels: batch.labels, imageSize: options.imageSize, terms: lossTerms,
                total: ranks == nil ? nil : lossTerms.total(batch.wholeLabels))
            var images = batch.labels.count
            if let ranks {
                (outcome, images) = try ranks.sum(
                    outcome, of: batch, terms: lossTerms, model: model, feed: feed, cached: cachedCount)
            }
            guard outcome.loss.isFinite else { throw TrainingError.notFinite(step: step) }
            return (outcome: outcome, images: images)
        }
    }

    /// Validation pictures that the last `validate` could not read.
    private(set) var validationFailures: [(index: Int, message: String)] = []

    /// The loss of each validation picture in the last `validate`, NaN where it could not be read; nil without auto.
    private(set) var validationLosses: [Float]?

    /// Loss and accuracy over the validation pictures in eval mode; nil where there are none, or where `between`, which
    /// is called after each batch with the pictures done, says false.
    /// `tally`, where given, counts every prediction. Throws `RankFailure`.
    func validate(tally: ValidationTally? = nil, between: (Int) -> Bool) throws -> Score? {
        guard sets.validation.count > 0 else { return nil }
        if let ranks {
            try requireSameWeights(ranks.group)
            if ranks.exchange.batchNorm == .local { try model.shareStatistics(ranks.group) }
        }
        let feed = feed(
            sets.validation, order: Array(0..<sets.validation.count), position: 0, training: false,
            store: sets.validationStore)
        var (lossSum, correct, seen, done) = (0.0, 0, 0, 0)
        var losses = progress.auto == nil ? nil : [Float](repeating: .nan, count: sets.validation.count)
        while true {
            // The mask may change in between: then the rest runs with the new cut, with the same meaning.
            let cut = plan.cut
            let counted = feed.next(cut: cut, caches: caches.validation) { batch, features in
                let logits = model.evaluate(
                    cut: cut, features: features, count: batch.labels.count, imageSize: options.imageSize)
                let scores = Loss.crossEntropy(logits: logits, labels: batch.labels, classes: model.classes)
                tally?.add(indices: batch.indices, labels: batch.labels, logits: logits)
                for (row, index) in batch.indices.enumerated() where losses != nil {
                    let own = Array(logits[row * model.classes..<(row + 1) * model.classes])
                    losses?[index] = Float(
                        Loss.crossEntropy(logits: own, labels: [batch.labels[row]], classes: model.classes).loss)
                }
                lossSum += scores.loss * Double(batch.labels.count)
                correct += scores.correct
                seen += batch.labels.count
                return batch.wholeLabels.count
            }
            dropFailedCaches()
            guard let counted else { break }
            done += counted
            if !between(done) { return nil }
        }
        if let ranks {
            (lossSum, correct, seen) = try ranks.sum(loss: lossSum, correct: correct, seen: seen, feed: feed)
            try tally?.addUp(over: ranks.group)
        }
        validationFailures = feed.failures
        validationLosses = losses
        guard seen > 0 else { return nil }
        return Score(loss: lossSum / Double(seen), accuracy: Double(correct) / Double(seen))
    }
}
