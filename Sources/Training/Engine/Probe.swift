import Foundation
import Images
import Kernels
import Model
import Network
import Support
import TrainingEvents

/// What thawing is worth: the gradient of every parameter, in eval mode, on a few pictures of the training set and a few of
/// the held-out set. It computes with the run's own network and gradients of its own, so that weights, statistics, features
/// and random numbers are left alone.
///
/// Each sample has half of a step's pictures, so both together cost about what a step costs in which everything trains, and a
/// few walks through all gradients. They are computed in parts, whose differences tell the signal from the noise. With gᵢ the
/// training parts' gradients, n of them, hⱼ the held-out ones' and d(ḡ) the optimizer's first step along ḡ:
///
///     fall    = mean over j of d(ḡ)·hⱼ                      of the held-out loss, to first order (Taylor)
///     signal  = mean over i ≠ k of gᵢ·gₖ = ‖E g‖²           without bias: the noise of two parts is independent
///     noise   = (mean of ‖gᵢ‖² − signal) / n                of one sample (McCandlish et al. 2018, arXiv 1812.06162)
final class Probe {
    /// Of each sample: the fewest that tell a noise, since small ones keep a processor less busy.
    private static let parts = 2
    private static let fewestPictures = 4
    private static let chunk = 1 << 13

    private let run: TrainingRun
    private let model: ResNet18
    private let plan: TrainingPlan
    /// Σ gᵢ, Σ hⱼ and the gradients of the part at hand, by parameter.
    private var training: [FloatBuffer] = []
    private var heldOut: [FloatBuffer] = []
    private var part: [FloatBuffer] = []

    init(_ run: TrainingRun) throws {
        self.run = run
        model = run.model
        plan = TrainingPlan(
            trainable: Set(model.parameters.map(\.name)), frozenBatchNorm: .hold, holdsAll: true)
        let need = bytes
        if let free = AvailableMemory.now(), free.bytes < need {
            throw TrainingError.refused(
                "a probe needs \(need >> 20) MiB beside the run, and \(free.bytes >> 20) MiB are left (\(free.limit))")
        }
    }

    /// Bytes beside the run: three gradients, and the maps of a part.
    private var bytes: Int {
        let maps = MemoryNeed(plan: plan, classes: model.classes, imageSize: run.options.imageSize, moments: 0)
        let gradients = model.parameters.reduce(0) { $0 + $1.count } * 3 * MemoryLayout<Float>.stride
        return gradients + maps.perImage * max(2, sampleSize / Self.parts)
    }

    // MARK: Samples

    /// Of each sample; a part of it is no larger than a batch.
    private var sampleSize: Int {
        max(Self.fewestPictures, min(run.options.imagesPerStep / 2, run.options.batchSize * Self.parts))
    }

    /// Calls `body` after each part of one sample, with the part's gradient in `part`; how many pictures there were.
    private func sample(
        _ source: any ImageSource, _ order: [Int], _ store: ResizedStore, _ body: () -> Void
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
        var pictures = 0
        while true {
            for (parameter, gradient) in zip(model.parameters, part) { parameter.gradient = gradient }
            let count = feed.next(cut: 0, caches: []) { batch, features in
                // The plain loss, as validation reports it.
                _ = model.step(plan: plan, features: features, labels: batch.labels, imageSize: options.imageSize)
                return batch.labels.count
            }
            guard let count else { return pictures }
            pictures += count
            body()
        }
    }

    /// Drawn by the seed and the step alone.
    private func draw(_ count: Int, stream: UInt64, leavingOut excluded: Set<Int> = [], from start: Int = 0) -> [Int] {
        var order = (0..<count).filter { !excluded.contains($0) }
        var generator = SeededGenerator(
            seed: run.options.seed, stream: 0x7072_6F62_65, stream, UInt64(run.progress.step))
        order.shuffle(using: &generator)
        return Array(order.dropFirst(start).prefix(sampleSize))
    }

    // MARK: Sums

    /// The sums of a part, by parameter; after them the part is in `total`. The first part becomes it.
    private func add(
        _ isFirst: Bool, to total: inout [FloatBuffer], along training: [FloatBuffer]? = nil, parts: Int = 1
    ) -> [PartSums] {
        if isFirst { swap(&total, &part) }
        var tasks: [(parameter: Int, chunk: GradientChunk)] = []
        for (index, parameter) in model.parameters.enumerated() {
            let state = run.options.optimizer == .adamw ? run.optimizer.states[parameter.name] : nil
            let moments = state.flatMap { $0.moments.count > 1 ? $0.moments[1].pointer : nil }
            let correction = Float(1 - pow(AdamW.beta2, Double(state?.steps ?? 1)))
            for start in stride(from: 0, to: parameter.count, by: Self.chunk) {
                let chunk = GradientChunk(
                    count: min(Self.chunk, parameter.count - start),
                    part: (isFirst ? total : part)[index].pointer + start,
                    total: isFirst ? nil : total[index].pointer + start,
                    training: training.map { UnsafePointer($0[index].pointer + start) }, parts: Float(parts),
                    isAdaptive: run.options.optimizer == .adamw,
                    secondMoment: moments.map { UnsafePointer($0 + start) },
                    correction: correction)
                tasks.append((index, chunk))
            }
        }
        var partial = [PartSums](repeating: PartSums(), count: tasks.count)
        partial.withUnsafeMutableBufferPointer { partial in
            run.pool.run(tasks.count, lending: partial, tasks) { task, _, partial, tasks in
                partial[task] = tasks[task].chunk.add()
            }
        }
        // In one order for any number of threads.
        var result = [PartSums](repeating: PartSums(), count: model.parameters.count)
        for (task, sums) in zip(tasks, partial) { result[task.parameter] += sums }
        return result
    }

    /// Everything of both samples. Throws `TrainingError.refused` where there are too few pictures.
    func measure() throws -> Outcome {
        let parameters = model.parameters
        let (gradients, exchange) = (parameters.map(\.gradient), model.exchange)
        model.exchange = nil
        (training, heldOut, part) = (blank, blank, blank)
        defer {
            for (parameter, gradient) in zip(parameters, gradients) { parameter.gradient = gradient }
            model.exchange = exchange
            // Maps that the run's own steps do not need.
            if run.plan.lowestTrainableUnit > 0 { model.releaseWorkspace() }
        }
        var own: [[PartSums]] = []
        let order = draw(run.sets.training.count, stream: 0, leavingOut: run.progress.excluded)
        let trainingPictures = sample(
            run.sets.training, order, run.sets.trainingStore
        ) { own.append(add(own.isEmpty, to: &training)) }
        guard own.count > 1 else {
            throw TrainingError.refused("a probe needs four training pictures at least")
        }
        let isHeldOut = run.sets.validation.count > 0
        let other =
            isHeldOut
            ? draw(run.sets.validation.count, stream: 1)
            : draw(run.sets.training.count, stream: 0, leavingOut: run.progress.excluded, from: order.count)
        var others: [[PartSums]] = []
        let heldOutPictures = sample(
            isHeldOut ? run.sets.validation : run.sets.training, other,
            isHeldOut ? run.sets.validationStore : run.sets.trainingStore
        ) { others.append(add(others.isEmpty, to: &heldOut, along: training, parts: own.count)) }
        guard !others.isEmpty else {
            throw TrainingError.refused("a probe needs pictures beside those of one step, or held-out ones")
        }
        let (n, m) = (Double(own.count), Double(others.count))
        let rate = run.rateOfStep?(run.progress.step + 1) ?? run.learningRate(step: run.progress.step + 1)
        let all = parameters.indices.map { index in
            let factor = rate * (run.options.rateFactors[parameters[index].name] ?? 1)
            let mine = own.reduce(into: PartSums()) { $0 += $1[index] }
            let theirs = others.reduce(into: PartSums()) { $0 += $1[index] }
            return WorthSums(
                training: mine.ofTotal / (n * n), heldOut: theirs.ofTotal / (m * m), product: theirs.product / (n * m),
                signal: 2 * mine.cross / (n * (n - 1)), squares: mine.square / n, parts: n,
                count: Double(parameters[index].count), falls: others.map { $0[index].fall * factor })
        }
        return Outcome(
            sums: Dictionary(uniqueKeysWithValues: zip(parameters.map(\.name), all)),
            trainingPictures: trainingPictures, heldOutPictures: heldOutPictures, isHeldOut: isHeldOut)
    }

    private var blank: [FloatBuffer] { model.parameters.map { FloatBuffer(count: $0.count) } }

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

/// Of a part's gradient c, the total T of the parts before it and the training sample's mean gradient ḡ of n parts.
private struct PartSums {
    /// ‖c‖², T·c, Σᵢgᵢ·c, and d(ḡ)·c for the rate 1.
    var square = 0.0
    var cross = 0.0
    var product = 0.0
    var fall = 0.0

    /// ‖T‖² with all parts in it, where this is their sum.
    var ofTotal: Double { square + 2 * cross }

    static func += (a: inout PartSums, b: PartSums) {
        a.square += b.square
        a.cross += b.cross
        a.product += b.product
        a.fall += b.fall
    }
}

/// A chunk of a parameter, which stays in the caches while its sums are made.
private struct GradientChunk: @unchecked Sendable {
    // Unchecked: pointers into buffers that the probe owns; each task has a chunk of its own.
    let count: Int
    let part: UnsafeMutablePointer<Float>
    let total: UnsafeMutablePointer<Float>?
    /// Σ gᵢ, of `parts` parts.
    let training: UnsafePointer<Float>?
    let parts: Float
    /// adamw: a parameter that trains steps by its second moment, another as its first step would.
    let isAdaptive: Bool
    let secondMoment: UnsafePointer<Float>?
    let correction: Float

    func add() -> PartSums {
        var sums = PartSums()
        sums.square = sum { $0.load(part) * $0.load(part) }
        if let training {
            sums.product = sum { $0.load(training) * $0.load(part) }
            sums.fall = isAdaptive ? adaptiveFall(training) : sums.product / Double(parts)
        }
        if let total {
            sums.cross = sum { at in
                let (c, before) = (at.load(part), at.load(total))
                at.store(before + c, total)
                return before * c
            }
        }
        return sums
    }

    private func adaptiveFall(_ training: UnsafePointer<Float>) -> Double {
        sum { at in
            let mean = at.load(training) / parts
            let second = secondMoment.map { at.load($0) / correction } ?? mean * mean
            return mean / (second.squareRoot() + AdamW.epsilon) * at.load(part)
        }
    }

    /// Σ of what `term` finds at each place, sixteen at a time; zeros fill the last ones.
    @inline(__always)
    private func sum(_ term: (Place) -> SIMD16<Float>) -> Double {
        var lanes = SIMD16<Float>()
        let whole = count / 16 * 16
        for start in stride(from: 0, to: whole, by: 16) { lanes += term(Place(start: start, count: 16)) }
        if whole < count { lanes += term(Place(start: whole, count: count - whole)) }
        return (0..<16).reduce(0) { $0 + Double(lanes[$1]) }
    }

    struct Place {
        let start: Int
        let count: Int

        @inline(__always)
        func load(_ pointer: UnsafePointer<Float>) -> SIMD16<Float> {
            guard count < 16 else { return UnsafeRawPointer(pointer + start).loadUnaligned(as: SIMD16<Float>.self) }
            var lanes = SIMD16<Float>()
            for lane in 0..<count { lanes[lane] = pointer[start + lane] }
            return lanes
        }

        @inline(__always)
        func load(_ pointer: UnsafeMutablePointer<Float>) -> SIMD16<Float> { load(UnsafePointer(pointer)) }

        @inline(__always)
        func store(_ lanes: SIMD16<Float>, _ pointer: UnsafeMutablePointer<Float>) {
            guard count < 16 else {
                return UnsafeMutableRawPointer(pointer + start).storeBytes(of: lanes, as: SIMD16<Float>.self)
            }
            for lane in 0..<count { pointer[start + lane] = lanes[lane] }
        }
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
    /// These parameters by unit and, where they are of several of its units, by stage. A stage of which one unit is frozen is
    /// that unit.
    static func groups(of parameters: [String]) -> [(name: String, parameters: [String])] {
        let network = ResNet.resnet18
        return network.groups.compactMap { group in
            let own = parameters.filter { network.contains($0, in: group) }
            let isStage = network.units.allSatisfy { $0.name != group }
            return Set(own.map(network.unit(of:))).count > (isStage ? 1 : 0) ? (group, own) : nil
        }
    }

    /// Throws `TrainingError.refused` where there are too few pictures, or too little memory.
    func probe(costs: StepCosts?, answers: CommandID? = nil) throws -> ProbeReport {
        let began = ContinuousClock.now
        let outcome = try Probe(self).measure()
        let network = ResNet.resnet18
        func milliseconds(_ trainable: Set<String>) -> Double? {
            guard let costs else { return nil }
            let plan = costs.plan(trainable)
            return costs.milliseconds(plan, cached: costs.isCacheable(plan))
        }
        let frozen = model.parameters.map(\.name).filter { !progress.trainable.contains($0) }
        let groups = Self.groups(of: frozen).map { name, parameters in
            ProbeReport.Group(
                name: name, worth: outcome.worth(of: parameters),
                milliseconds: milliseconds(progress.trainable.union(parameters)))
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
