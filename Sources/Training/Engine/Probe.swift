import Foundation
import Images
import Kernels
import Model
import Network
import Support
import TrainingEvents

/// What thawing is worth: the gradient of every parameter, in eval mode, on a few pictures of the training set and a few of
/// the held-out set. It computes with a network of its own, so that the run's weights, statistics, features and random
/// numbers are left alone.
///
/// Each sample is as large as one step's pictures, so both together are the products of two steps in which everything trains; with
/// a network of its own and sums over all gradients that is the time of 3.4 steps at 224 pixels, of 6 at 64. They are computed
/// in parts, whose differences tell the signal from the noise. With gᵢ the training parts' gradients, n of them, hⱼ the
/// held-out ones' and d(ḡ) the optimizer's first step along ḡ:
///
///     fall    = mean over j of d(ḡ)·hⱼ                      of the held-out loss, to first order (Taylor)
///     signal  = mean over i ≠ k of gᵢ·gₖ = ‖E g‖²           without bias: the noise of two parts is independent
///     noise   = (mean of ‖gᵢ‖² − signal) / n                of one step's batch (McCandlish et al. 2018, arXiv 1812.06162)
struct Probe {
    /// Parts of each sample, where it has as many pairs of pictures.
    private static let parts = 4
    private static let chunk = 1 << 15

    private let run: TrainingRun
    private let model: ResNet18
    /// Σ gᵢ, Σ hⱼ and, for adamw, what multiplies ḡ in its step; by parameter.
    private var training: [FloatBuffer] = []
    private var heldOut: [FloatBuffer] = []
    private var scale: [FloatBuffer?] = []

    init(_ run: TrainingRun) throws {
        self.run = run
        let need = Self.bytes(run)
        if let free = AvailableMemory.now(), free.bytes < need {
            throw TrainingError.refused(
                "a probe needs \(need >> 20) MiB beside the run, and \(free.bytes >> 20) MiB are left (\(free.limit))")
        }
        model = ResNet18(classes: run.model.classes, pool: run.pool)
        for spec in run.model.specs where spec.kind != .batchesTracked {
            if let source = run.model.parameter(spec.name), let target = model.parameter(spec.name) {
                target.values.pointer.update(from: source.values.pointer, count: source.count)
            } else {
                try model.load(spec.name, floats: run.model.export(spec.name))
            }
        }
        model.weightsChanged(everything: true)
        for parameter in model.parameters {
            training.append(FloatBuffer(count: parameter.count))
            heldOut.append(FloatBuffer(count: parameter.count))
            scale.append(run.options.optimizer == .adamw ? FloatBuffer(count: parameter.count) : nil)
        }
    }

    /// Bytes beside the run: weights, gradients and sums of both samples, and the maps of a part.
    private static func bytes(_ run: TrainingRun) -> Int {
        let names = Set(run.model.parameters.map(\.name))
        let plan = TrainingPlan(trainable: names, frozenBatchNorm: .hold, holdsAll: true)
        // Both sums in the place of an optimizer's moment and its copy.
        let need = MemoryNeed(
            plan: plan, classes: run.model.classes, imageSize: run.options.imageSize, moments: 1)
        return need.bytes(batchSize: max(2, run.imagesPerStep / parts))
    }

    // MARK: Samples

    /// Gradients of one sample's parts; how many pictures they had.
    private func sample(
        _ source: any ImageSource, _ order: [Int], _ store: ResizedStore, _ body: (_ pictures: Int) -> Void
    ) -> Int {
        let options = run.options
        let size = max(2, (order.count + Self.parts - 1) / Self.parts)
        let preprocessing = Preprocessing(imageSize: options.imageSize, exif: options.exif, augmentation: .none)
        let feed = BatchFeed(
            source: source, order: order, batchSize: size, imageSize: options.imageSize, model: model
        ) { order in
            ImageLoader(
                source: source, order: order, batchSize: size, preprocessing: preprocessing, training: false,
                seed: options.seed, epoch: 0, threads: options.threads, store: store)
        }
        let plan = TrainingPlan(
            trainable: Set(model.parameters.map(\.name)), frozenBatchNorm: .hold, holdsAll: true)
        var pictures = 0
        while true {
            let count = feed.next(cut: 0, caches: []) { batch, features in
                // The plain loss, as validation reports it.
                _ = model.step(
                    plan: plan, features: features, labels: batch.labels, imageSize: options.imageSize)
                return batch.labels.count
            }
            guard let count else { return pictures }
            pictures += count
            body(count)
        }
    }

    /// As many pictures as a step has, drawn by the seed and the step alone.
    private func draw(_ count: Int, stream: UInt64, leavingOut excluded: Set<Int> = [], from start: Int = 0) -> [Int] {
        var order = (0..<count).filter { !excluded.contains($0) }
        var generator = SeededGenerator(
            seed: run.options.seed, stream: 0x7072_6F62_65, stream, UInt64(run.progress.step))
        order.shuffle(using: &generator)
        return Array(order.dropFirst(start).prefix(run.imagesPerStep))
    }

    // MARK: Sums

    /// Σ over chunks of what `body` finds of each parameter, added in one order for any number of threads.
    private func sums(_ body: @escaping @Sendable (Lanes) -> SIMD2<Double>) -> [SIMD2<Double>] {
        var tasks: [(parameter: Int, lanes: Lanes)] = []
        for (index, parameter) in model.parameters.enumerated() {
            guard let gradient = parameter.gradient else { continue }
            for start in stride(from: 0, to: parameter.count, by: Self.chunk) {
                tasks.append(
                    (
                        index,
                        Lanes(
                            count: min(Self.chunk, parameter.count - start), gradient: gradient.pointer + start,
                            training: training[index].pointer + start, heldOut: heldOut[index].pointer + start,
                            scale: scale[index].map { $0.pointer + start })
                    ))
            }
        }
        var partial = [SIMD2<Double>](repeating: .zero, count: tasks.count)
        partial.withUnsafeMutableBufferPointer { partial in
            run.pool.run(tasks.count, lending: partial, tasks) { task, _, partial, tasks in
                partial[task] = body(tasks[task].lanes)
            }
        }
        var result = [SIMD2<Double>](repeating: .zero, count: model.parameters.count)
        for (task, sum) in zip(tasks, partial) { result[task.parameter] += sum }
        return result
    }

    /// 1 / (√v̂ + ε) of adamw's next step: of a parameter that trains from its memory, of another as its first step has it.
    private func setScale(parts: Int) {
        let mean = 1 / Double(max(1, parts))
        for (index, parameter) in model.parameters.enumerated() {
            guard let scale = scale[index] else { continue }
            let state = run.optimizer.states[parameter.name]
            let moments = state.flatMap { $0.moments.count > 1 ? $0.moments[1] : nil }
            let correction = 1 - pow(0.999, Double(state?.steps ?? 1))
            for i in 0..<parameter.count {
                let gradient = Double(training[index].pointer[i]) * mean
                let second = moments.map { Double($0.pointer[i]) / correction } ?? gradient * gradient
                scale.pointer[i] = Float(1 / (second.squareRoot() + 1e-8))
            }
        }
    }

    /// Everything of both samples. Throws `TrainingError.refused` where there are too few pictures.
    mutating func measure() throws -> Outcome {
        var count = 0
        let parameters = model.parameters
        let blank = [Double](repeating: 0, count: parameters.count)
        var squares = blank
        let order = draw(run.sets.training.count, stream: 0, leavingOut: run.progress.excluded)
        let trainingPictures = sample(run.sets.training, order, run.sets.trainingStore) { _ in
            count += 1
            for (index, sum) in sums({ $0.addTraining() }).enumerated() { squares[index] += sum[0] }
        }
        let parts = count
        guard parts > 1 else {
            throw TrainingError.refused("a probe needs four training pictures at least")
        }
        setScale(parts: parts)
        let isHeldOut = run.sets.validation.count > 0
        let other =
            isHeldOut
            ? draw(run.sets.validation.count, stream: 1)
            : draw(run.sets.training.count, stream: 0, leavingOut: run.progress.excluded, from: order.count)
        var products: [[Double]] = []
        let heldOutPictures = sample(
            isHeldOut ? run.sets.validation : run.sets.training, other,
            isHeldOut ? run.sets.validationStore : run.sets.trainingStore
        ) { _ in products.append(sums { $0.addHeldOut() }.map { $0[0] / Double(parts) }) }
        guard !products.isEmpty else {
            throw TrainingError.refused("a probe needs pictures beside those of one step, or held-out ones")
        }
        let (n, m) = (Double(parts), Double(products.count))
        let ends = sums { $0.ends() }
        let own = sums { $0.product() }
        let rate = run.rateOfStep?(run.progress.step + 1) ?? run.learningRate(step: run.progress.step + 1)
        let all = parameters.indices.map { index in
            let factor = rate * (run.options.rateFactors[parameters[index].name] ?? 1)
            let whole = ends[index][0]
            return WorthSums(
                training: whole / (n * n), heldOut: ends[index][1] / (m * m), product: own[index][0] / (n * m),
                signal: (whole - squares[index]) / (n * (n - 1)), squares: squares[index] / n, parts: n,
                count: Double(parameters[index].count), falls: products.map { $0[index] * factor })
        }
        return Outcome(
            sums: Dictionary(uniqueKeysWithValues: zip(parameters.map(\.name), all)),
            trainingPictures: trainingPictures, heldOutPictures: heldOutPictures, isHeldOut: isHeldOut)
    }

    struct Outcome {
        let sums: [String: WorthSums]
        let trainingPictures: Int
        let heldOutPictures: Int
        let isHeldOut: Bool

        func worth(of names: some Sequence<String>) -> Worth {
            names.compactMap { sums[$0] }.reduce(WorthSums()) { $0 + $1 }.worth
        }
    }
}

/// A chunk of a parameter.
private struct Lanes: @unchecked Sendable {
    // Unchecked: pointers into buffers that the probe owns; each task has a chunk of its own.
    let count: Int
    let gradient: UnsafeMutablePointer<Float>
    let training: UnsafeMutablePointer<Float>
    let heldOut: UnsafeMutablePointer<Float>
    let scale: UnsafeMutablePointer<Float>?

    /// Σ g², and Σ gᵢ goes on.
    func addTraining() -> SIMD2<Double> {
        var sum = 0.0
        for i in 0..<count {
            training[i] += gradient[i]
            sum += Double(gradient[i]) * Double(gradient[i])
        }
        return SIMD2(sum, 0)
    }

    /// Σ d·h for the rate 1 and Σ gᵢ in the place of ḡ; and Σ hⱼ goes on.
    func addHeldOut() -> SIMD2<Double> {
        var sum = 0.0
        for i in 0..<count {
            heldOut[i] += gradient[i]
            sum += Double(training[i]) * Double(gradient[i]) * Double(scale?[i] ?? 1)
        }
        return SIMD2(sum, 0)
    }

    /// ‖Σ gᵢ‖² and ‖Σ hⱼ‖².
    func ends() -> SIMD2<Double> {
        var sums = SIMD2<Double>.zero
        for i in 0..<count {
            let pair = SIMD2(Double(training[i]), Double(heldOut[i]))
            sums += pair * pair
        }
        return sums
    }

    func product() -> SIMD2<Double> {
        var sum = 0.0
        for i in 0..<count { sum += Double(training[i]) * Double(heldOut[i]) }
        return SIMD2(sum, 0)
    }
}

/// The sums that a `Worth` follows from; those of a set of parameters are the sums of its parameters'.
struct WorthSums: Sendable {
    /// ‖ḡ‖², ‖h̄‖² and ḡ·h̄.
    var training = 0.0
    var heldOut = 0.0
    var product = 0.0
    /// Mean of gᵢ·gₖ over pairs, and of ‖gᵢ‖².
    var signal = 0.0
    var squares = 0.0
    var parts = 1.0
    /// Of parameters.
    var count = 0.0
    var falls: [Double] = []

    static func + (a: WorthSums, b: WorthSums) -> WorthSums {
        let (short, long) = a.falls.count < b.falls.count ? (a, b) : (b, a)
        var falls = long.falls
        for (index, fall) in short.falls.enumerated() { falls[index] += fall }
        return WorthSums(
            training: a.training + b.training, heldOut: a.heldOut + b.heldOut, product: a.product + b.product,
            signal: a.signal + b.signal, squares: a.squares + b.squares, parts: max(a.parts, b.parts),
            count: a.count + b.count, falls: falls)
    }

    var worth: Worth {
        let samples = Double(max(1, falls.count))
        let mean = falls.reduce(0, +) / samples
        let spread = falls.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(1, samples - 1)
        let noise = max(0, squares - signal) / parts
        let norms = (training * heldOut).squareRoot()
        return Worth(
            gradientNorm: training.squareRoot(), fall: mean, fallError: (spread / samples).squareRoot(),
            signalToNoise: noise > 0 ? max(0, signal) / noise : 0,
            cosine: norms > 0 ? max(-1, min(1, product / norms)) : 0, reach: (training * count).squareRoot())
    }
}

extension TrainingRun {
    /// Throws `TrainingError.refused` where there are too few pictures, or too little memory.
    func probe(costs: StepCosts?, answers: CommandID? = nil) throws -> ProbeReport {
        let began = ContinuousClock.now
        var probe = try Probe(self)
        let outcome = try probe.measure()
        let network = ResNet.resnet18
        func milliseconds(_ trainable: Set<String>) -> Double? {
            guard let costs else { return nil }
            let plan = costs.plan(trainable)
            return costs.milliseconds(plan, cached: costs.isCacheable(plan))
        }
        let frozen = model.parameters.map(\.name).filter { !progress.trainable.contains($0) }
        let groups: [ProbeReport.Group] = network.groups.compactMap { group in
            let names = frozen.filter { network.contains($0, in: group) }
            // A stage of which one unit is frozen is that unit.
            let isStage = network.units.allSatisfy { $0.name != group }
            guard Set(names.map(network.unit(of:))).count > (isStage ? 1 : 0) else { return nil }
            return ProbeReport.Group(
                name: group, worth: outcome.worth(of: names),
                milliseconds: milliseconds(progress.trainable.union(names)))
        }
        let trained = network.units.indices.filter { index in
            progress.trainable.contains { network.unit(of: $0) == index }
        }
        return ProbeReport(
            step: progress.step, trainingPictures: outcome.trainingPictures, heldOutPictures: outcome.heldOutPictures,
            isHeldOut: outcome.isHeldOut, trainedUnits: trained.map { network.units[$0].name },
            trained: outcome.worth(of: progress.trainable), milliseconds: milliseconds(progress.trainable),
            groups: groups, seconds: began.duration(to: .now) / .seconds(1), answers: answers)
    }
}
