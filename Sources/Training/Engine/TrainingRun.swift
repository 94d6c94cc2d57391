import Network
import Checkpoints
import Foundation
import Kernels
import Model
import Images
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
    private(set) var hashes = FrozenHashes()
    var progress: RunProgress
    private let shelf: FeatureShelf
    private var cacheOff: String?
    let pool: WorkerPool
    /// Running statistics as they were when this run was opened, for the inspector.
    let openingStatistics: [String: [Float]]
    let openingStep: Int
    /// Tensors that may differ from their last exported copy.
    private var touched: Set<String>
    private var exported: [String: SafetensorsWriter.Entry] = [:]

    /// `folder`: the run folder, where cached features may go.
    init(
        options: RunOptions, sets: ImageSets, model: ResNet18, pool: WorkerPool, progress: RunProgress,
        folder: String? = nil
    ) {
        self.options = options
        self.sets = sets
        self.model = model
        self.progress = progress
        self.pool = pool
        openingStep = progress.step
        openingStatistics = Dictionary(
            uniqueKeysWithValues: model.specs.filter { $0.kind == .runningMean || $0.kind == .runningVar }
                .map { ($0.name, model.export($0.name)) })
        optimizer = Optimizer(options.optimizer, weightDecay: options.weightDecay, pool: pool)
        rateFactors = options.rateFactors
        lossTerms = LossTerms(
            smoothing: options.recipe.labelSmoothing,
            classWeights: options.recipe.classWeights(counts: sets.training.countsByClass))
        let stepsPerEpoch = options.stepsPerEpoch(pictures: sets.training.count)
        schedule = Schedule(options.schedule, base: options.learningRate, total: stepsPerEpoch * options.epochs)
        plan = TrainingPlan(trainable: progress.trainable, frozenBatchNorm: options.frozenBatchNorm)
        touched = Set(model.specs.map(\.name))
        shelf = FeatureShelf(
            trainingCount: sets.training.count, validationCount: sets.validation.count,
            memoryBudget: options.cacheBudget, folder: options.cache ? options.cacheFolder ?? folder : nil,
            diskLimit: options.cacheDiskLimit, library: sets.features)
        applyMask(progress.trainable)
    }

    var stepsPerEpoch: Int { options.stepsPerEpoch(pictures: sets.training.count - progress.excluded.count) }

    // MARK: Mask

    /// Puts a mask in force from the next step on (docs/freezing.md, rules 1 to 6).
    func applyMask(_ trainable: Set<String>) {
        progress.trainable = trainable
        let lowest = plan.lowestTrainableUnit
        plan = TrainingPlan(trainable: trainable, frozenBatchNorm: options.frozenBatchNorm)
        // Maps that backward needs no more are given back, as the preview says.
        if plan.lowestTrainableUnit > lowest { model.releaseWorkspace() }
        optimizer.keepOnly(trainable)
        hashes.follow(frozen: frozenTensors(), model: model, step: progress.step + 1)
        touched.formUnion(changingTensors())
        planCache()
    }

    /// The unit at which the frozen prefix ends.
    var frostLine: String { ResNet.resnet18.name(ofCut: plan.cut) }

    /// In torchvision's order.
    var trainableNames: [String] { model.parameters.map(\.name).filter(progress.trainable.contains) }

    private func changingTensors() -> [String] { changingSpecs().map(\.name) }

    /// What a step under the mask may change.
    func changingSpecs() -> [TensorSpec] {
        model.specs.filter { spec in
            switch spec.kind {
            case .parameter: progress.trainable.contains(spec.name)
            default: plan.usesBatchStatistics(spec.layer)
            }
        }
    }

    /// Values were put back: exported copies and packed weights are stale, and the optimizer's memory is of elsewhere.
    func weightsWereReplaced() {
        model.weightsChanged(everything: true)
        touched.formUnion(changingTensors())
        optimizer.keepOnly([])
    }

    /// The rate of a step: the schedule's, times what was asked for while it ran.
    func learningRate(step: Int) -> Double { schedule.learningRate(step: step) * progress.rateFactor }

    /// Frozen parameters, and the running statistics of every held BatchNorm.
    private func frozenTensors() -> [String] {
        model.specs.filter { spec in
            switch spec.kind {
            case .parameter: !progress.trainable.contains(spec.name)
            case .runningMean, .runningVar: !plan.usesBatchStatistics(spec.layer)
            case .batchesTracked: false
            }
        }.map(\.name)
    }

    // MARK: Cache

    /// Keeps the caches where they are still valid, drops them where not, makes them where they now can be.
    private func planCache() {
        do throws(FeatureCacheRefusal) { try options.cacheRule.requireCacheable(plan) } catch {
            cacheOff = "\(error)"
            shelf.rest()
            return
        }
        let shape = model.featureShape(cut: plan.cut, imageSize: options.imageSize)
        let key = FeatureKey(
            cut: plan.cut, weights: weightsHash(below: plan.cut), pictures: sets.identity,
            imageSize: options.imageSize, exif: options.exif, variants: options.cachedVariants)
        cacheOff = shelf.use(
            key, floatsPerImage: shape.count, weights: weightsHash(below:))
    }

    /// Of every tensor that a frozen prefix of `cut` units computes with.
    private func weightsHash(below cut: Int) -> UInt64 {
        hashes.digest(
            of: model.specs.filter { spec in
                spec.kind != .batchesTracked && ResNet.resnet18.unit(of: spec.name).map { $0 < cut } == true
            }.map(\.name))
    }

    /// A cache that a disk has failed is given up.
    private func noticeCacheFailure() {
        guard let failure = shelf.failure else { return }
        cacheOff = failure
        shelf.clear()
    }

    /// The most bytes of features that can be kept, in memory or in a file.
    var cacheRoom: Int { shelf.room }

    /// Features of one cut: of each training picture's faces and of each validation picture.
    var featureCount: Int { sets.training.count * options.cachedVariants + sets.validation.count }

    var cacheStatus: CacheStatus {
        if let cacheOff { return .off(reason: cacheOff) }
        guard let training = shelf.training.first, let validation = shelf.validation.first else {
            return .off(reason: "nothing is frozen")
        }
        return .on(
            frostLine: frostLine, bytesPerImage: training.floatsPerImage * MemoryLayout<Float>.stride,
            cached: training.filledCount + validation.filledCount, total: training.count + validation.count)
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
        return feed(
            sets.training, order: order, position: progress.position, training: true, store: sets.trainingStore)
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
            variant: { flips && Preprocessing.flips(seed: options.seed, epoch: epoch, index: $0) ? 1 : 0 }
        ) { order in
            ImageLoader(
                source: source, order: order, batchSize: options.batchSize, preprocessing: preprocessing,
                training: training, seed: options.seed, epoch: epoch, threads: options.threads, store: store)
        }
    }

    /// One step: forward, loss, backward, norms, optimizer. nil at the end of the epoch.
    ///
    /// Throws `TrainingError.notFinite`, or `.refused` as PyTorch refuses. Then only running statistics may have changed,
    /// and the feed is behind the failed batches; a feed from `trainingFeed` begins with them.
    func step(_ feed: BatchFeed) throws -> StepReport? {
        let start = ContinuousClock.now
        let step = progress.step + 1
        var (lossSum, correct, count, passes) = (0.0, 0, 0, 0)
        accumulator.begin()
        while passes < options.recipe.accumulate, let pass = try pass(feed, step: step) {
            passes += 1
            lossSum += pass.outcome.loss
            correct += pass.outcome.correct
            count += pass.count
            if options.recipe.accumulate > 1 { accumulator.add(model.parameters) }
        }
        progress.position = feed.position
        noticeCacheFailure()
        guard passes > 0 else { return nil }
        if options.recipe.accumulate > 1 { accumulator.finish(model.parameters) }
        let outcome = StepOutcome(loss: lossSum / Double(passes), correct: correct)
        let rate = rateOfStep?(step) ?? learningRate(step: step)
        let clipped = options.recipe.clipNorm.map { GradientClip.apply(model.parameters, maximum: $0) }
        var norms = optimizer.step(
            model.parameters, learningRate: rate,
            momentum: schedule.momentum(step: step, configured: options.configuredMomentum), factors: rateFactors)
        // docs/freezing.md, rule 8: the norm is the gradient's before clipping.
        for (name, norm) in clipped ?? [:] { norms[name]?.gradient = norm }
        model.weightsChanged()
        shelf.weightsChanged(from: plan.lowestTrainableUnit)
        touched.formUnion(changingTensors())
        progress.step = step
        progress.lossSum += outcome.loss * Double(count)
        progress.correct += outcome.correct
        progress.seen += count
        let seconds = start.duration(to: .now) / .seconds(1)
        return StepReport(
            step: step, epoch: progress.epoch,
            stepInEpoch: options.stepsPerEpoch(pictures: progress.position), stepsPerEpoch: stepsPerEpoch,
            loss: outcome.loss, accuracy: Double(outcome.correct) / Double(count), learningRate: rate,
            images: count, milliseconds: seconds * 1000, gradientNorms: norms.mapValues(\.gradient),
            updateRatios: norms.mapValues { $0.weight > 0 ? $0.update / $0.weight : 0 })
    }

    /// Forward, loss and backward of the next batch; nil at the end of the epoch.
    private func pass(_ feed: BatchFeed, step: Int) throws -> (outcome: StepOutcome, count: Int)? {
        try feed.next(cut: plan.cut, caches: shelf.training) { batch, features in
            try plan.requireValuesForStatistics(batch: batch.labels.count, imageSize: options.imageSize)
            let outcome = model.step(
                plan: plan, features: features, labels: batch.labels, imageSize: options.imageSize, terms: lossTerms)
            guard outcome.loss.isFinite else { throw TrainingError.notFinite(step: step) }
            return (outcome: outcome, count: batch.labels.count)
        }
    }

    /// Validation pictures that the last `validate` could not read.
    private(set) var validationFailures: [(index: Int, message: String)] = []

    /// Loss and accuracy over the validation pictures in eval mode; nil where there are none, or where `between`, which
    /// is called after each batch with the pictures done, says false.
    /// `tally`, where given, hears of every prediction.
    func validate(tally: ValidationTally? = nil, between: (Int) -> Bool) -> Score? {
        guard sets.validation.count > 0 else { return nil }
        let feed = feed(
            sets.validation, order: Array(0..<sets.validation.count), position: 0, training: false,
            store: sets.validationStore)
        var (lossSum, correct, seen) = (0.0, 0, 0)
        while true {
            // The mask may change in between: then the rest runs with the new cut, with the same meaning.
            let cut = plan.cut
            let counted = feed.next(cut: cut, caches: shelf.validation) { batch, features in
                let logits = model.evaluate(
                    cut: cut, features: features, count: batch.labels.count, imageSize: options.imageSize)
                let scores = Loss.crossEntropy(logits: logits, labels: batch.labels, classes: model.classes)
                tally?.add(indices: batch.indices, labels: batch.labels, logits: logits)
                lossSum += scores.loss * Double(batch.labels.count)
                correct += scores.correct
                return batch.labels.count
            }
            noticeCacheFailure()
            guard let counted else { break }
            seen += counted
            if !between(seen) { return nil }
        }
        validationFailures = feed.failures
        guard seen > 0 else { return nil }
        return Score(loss: lossSum / Double(seen), accuracy: Double(correct) / Double(seen))
    }

    // MARK: Saving

    /// All 122 tensors; what did not change since the last call is not copied again.
    func exportWeights() -> [SafetensorsWriter.Entry] {
        let entries = model.specs.map { spec -> SafetensorsWriter.Entry in
            if !touched.contains(spec.name), let entry = exported[spec.name] { return entry }
            let entry =
                spec.kind == .batchesTracked
                ? SafetensorsWriter.Entry(
                    name: spec.name, shape: [], data: .integers([model.batchesTracked(spec.name)]))
                : SafetensorsWriter.Entry(name: spec.name, shape: spec.shape, data: .floats(model.export(spec.name)))
            exported[spec.name] = entry
            return entry
        }
        touched = []
        return entries
    }

    private static let bufferPrefix = "optimizer"

    /// The optimizer's buffers, in the model's own layout, as `optimizer.INDEX.STEPS.NAME`.
    func exportOptimizer() -> [SafetensorsWriter.Entry] {
        optimizer.states.sorted { $0.key < $1.key }.flatMap { name, state in
            state.moments.enumerated().map { index, buffer in
                SafetensorsWriter.Entry(
                    name: "\(Self.bufferPrefix).\(index).\(state.steps).\(name)", shape: [buffer.count],
                    data: .floats(Array(UnsafeBufferPointer(start: buffer.pointer, count: buffer.count))))
            }
        }
    }

    /// Puts back what `exportOptimizer` wrote. Throws what reading throws, or `.weights` where a buffer does not fit.
    func restoreOptimizer(from checkpoint: Checkpoint) throws {
        var states: [String: OptimizerState] = [:]
        for stored in checkpoint.tensors.sorted(by: { $0.name < $1.name }) {
            let parts = stored.name.split(separator: ".", maxSplits: 3).map(String.init)
            guard parts.count == 4, parts[0] == Self.bufferPrefix, let index = Int(parts[1]), let steps = Int(parts[2])
            else { continue }
            guard let parameter = model.parameter(parts[3]), stored.count == parameter.values.count,
                states[parts[3], default: OptimizerState()].moments.count == index
            else {
                throw TrainingError.weights(
                    file: checkpoint.path, problem: "the optimizer buffer \(stored.name) does not fit this model.")
            }
            let buffer = FloatBuffer(count: stored.count)
            try stored.copyFloats(to: UnsafeMutableBufferPointer(start: buffer.pointer, count: buffer.count))
            states[parts[3], default: OptimizerState()].moments.append(buffer)
            states[parts[3]]?.steps = steps
        }
        for (name, state) in states { optimizer.restore(state, for: name) }
    }
}

extension RunOptions {
    /// How many steps bring `pictures` pictures through. A run.json that somebody edited may hold any number.
    func stepsPerEpoch(pictures: Int) -> Int {
        func parts(_ count: Int, of size: Int) -> Int {
            let (whole, rest) = count.quotientAndRemainder(dividingBy: max(1, size))
            return rest == 0 ? whole : whole + 1
        }
        return parts(parts(pictures, of: batchSize), of: recipe.accumulate)
    }

    /// Images of a step that is not the last of its epoch.
    var imagesPerStep: Int { batchSize * recipe.accumulate }

    /// Images of one of an epoch's steps, counted from 1: the last one has what is left.
    func images(ofStep step: Int, of steps: Int, pictures: Int) -> Int {
        step < steps || steps == 0 ? imagesPerStep : pictures - (steps - 1) * imagesPerStep
    }

    /// Buffers that the optimizer keeps for each trainable float.
    var momentBuffers: Int { optimizer == .adamw ? 2 : momentum > 0 ? 1 : 0 }

    /// What a schedule may cycle: momentum for sgd, beta1 for adamw.
    package var configuredMomentum: Double { optimizer == .adamw ? 0.9 : momentum }
}
