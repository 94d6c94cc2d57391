import Foundation
import Images
import Kernels
import Model
import Network
import Support
import TrainingEvents

/// What thawing is worth: the gradient of every parameter, in eval mode, on a few pictures of the training set and a few of
/// the held-out set. It computes with the run's own network, and leaves weights, gradients, statistics, features and random
/// numbers alone.
///
/// Each sample has half of a batch, so both together cost about what a step costs in which everything trains. The training
/// sample is in two parts, whose difference tells the signal from the noise. With g₁ and g₂ the parts' gradients, ḡ their
/// mean, h the held-out one's and d the optimizer's step for a gradient, with what adamw divides by taken from ḡ:
///
///     fall    = d(ḡ)·h = mean of d(gᵢ)·h            of the held-out loss, to first order (Taylor)
///     signal  = g₁·g₂ = ‖E g‖²                      without bias: the noise of two parts is independent
///     noise   = (mean of ‖gᵢ‖² − signal) / 2        of the sample (McCandlish et al. 2018, arXiv 1812.06162)
final class Probe {
    /// Pictures of a sample, at least.
    private static let fewestPictures = 4
    private static let chunk = 1 << 13

    private let run: TrainingRun
    private let model: ResNet18
    /// Weights and biases of all BatchNorms.
    private let batchNorms: Set<String>
    private var sums: [String: WorthSums] = [:]

    init(_ run: TrainingRun) throws {
        self.run = run
        model = run.model
        batchNorms = Set(model.specs.filter { ResNet.resnet18.isBatchNorm($0.layer) }.map(\.name))
        let need = bytes
        if let free = AvailableMemory.now(), free.bytes < need {
            throw TrainingError.refused(
                "a probe needs \(need >> 20) MiB beside the run, and \(free.bytes >> 20) MiB are left (\(free.limit))")
        }
    }

    /// Bytes beside the run: three gradients of the largest parameter, and the maps of both samples.
    private var bytes: Int {
        let maps = MemoryNeed(
            plan: model.samplePlan, classes: model.classes, imageSize: run.options.imageSize, moments: 0)
        let gradient = (model.parameters.map(\.count).max() ?? 0) * MemoryLayout<Float>.stride
        return 3 * gradient + maps.perImage * 2 * sampleSize
    }

    // MARK: Samples

    private var sampleSize: Int { max(Self.fewestPictures, run.options.batchSize / 2) }

    /// Drawn by the seed and the step alone.
    private func draw(_ count: Int, stream: UInt64, leavingOut excluded: Set<Int> = [], from start: Int = 0) -> [Int] {
        var order = (0..<count).filter { !excluded.contains($0) }
        var generator = SeededGenerator(
            seed: run.options.seed, stream: 0x7072_6F62_65, stream, UInt64(run.progress.step))
        order.shuffle(using: &generator)
        return Array(order.dropFirst(start).prefix(sampleSize))
    }

    /// Those of `order` that can be read, without augmentation.
    private func load(_ source: any ImageSource, _ order: [Int], _ store: ResizedStore) -> ImageBatch? {
        let options = run.options
        let loader = ImageLoader(
            source: source, order: order, batchSize: order.count,
            preprocessing: Preprocessing(
                imageSize: options.imageSize, exif: options.exif, augmentation: .none), training: false,
            seed: options.seed, epoch: 0, threads: options.threads, store: store)
        return loader.next()
    }

    /// Everything of both samples. Throws `TrainingError.refused` where there are too few pictures.
    func measure() throws -> Outcome {
        let order = draw(run.sets.training.count, stream: 0, leavingOut: run.progress.excluded)
        let isHeldOut = run.sets.validation.count > 0
        let training = load(run.sets.training, order, run.sets.trainingStore)
        guard let training, training.labels.count >= Self.fewestPictures else {
            throw TrainingError.refused("a probe needs four training pictures at least")
        }
        let heldOut =
            isHeldOut
            ? load(run.sets.validation, draw(run.sets.validation.count, stream: 1), run.sets.validationStore)
            : load(
                run.sets.training,
                draw(run.sets.training.count, stream: 0, leavingOut: run.progress.excluded, from: order.count),
                run.sets.trainingStore)
        guard let heldOut else {
            throw TrainingError.refused("a probe needs pictures beside those of one step, or held-out ones")
        }
        // Maps that the run's own steps do not need.
        defer { if run.plan.lowestTrainableUnit > 0 { model.releaseWorkspace() } }
        let half = (training.labels.count + 1) / 2
        let (_, distances) = model.sampleGradients(
            of: [half, training.labels.count - half, heldOut.labels.count], images: training.pixels + heldOut.pixels,
            labels: training.labels + heldOut.labels, imageSize: run.options.imageSize
        ) { [unowned self] in sums[$0.name] = sum($0, $1) }
        for (layer, distance) in distances { sums[layer + ".weight"]?.distance = distance }
        let rate = run.rateOfStep?(run.progress.step + 1) ?? run.learningRate(step: run.progress.step + 1)
        for name in sums.keys { sums[name]?.falls *= rate * (run.options.rateFactors[name] ?? 1) }
        return Outcome(
            sums: sums, trainingPictures: training.labels.count, heldOutPictures: heldOut.labels.count,
            isHeldOut: isHeldOut)
    }

    /// Of one parameter, from its gradient of each sample; for the rate 1.
    private func sum(_ parameter: Parameter, _ gradients: [UnsafePointer<Float>]) -> WorthSums {
        let isAdaptive = run.options.optimizer == .adamw
        let state = isAdaptive ? run.optimizer.states[parameter.name] : nil
        let moments = state.flatMap { $0.moments.count > 1 ? UnsafePointer($0.moments[1].pointer) : nil }
        let correction = Float(1 - pow(AdamW.beta2, Double(state?.steps ?? 1)))
        let whole = GradientChunk(
            count: parameter.count, first: gradients[0], second: gradients[1], heldOut: gradients[2],
            isAdaptive: isAdaptive, secondMoment: moments, correction: correction)
        let chunks = (parameter.count + Self.chunk - 1) / Self.chunk
        var partial = [WorthSums](repeating: WorthSums(), count: chunks)
        partial.withUnsafeMutableBufferPointer { partial in
            run.pool.run(chunks, lending: partial, whole) { task, _, partial, whole in
                partial[task] = whole.part(from: task * Self.chunk, count: Self.chunk).sums()
            }
        }
        // In one order for any number of threads.
        let sums = partial.reduce(into: WorthSums(count: Double(parameter.count))) { $0 += $1 }
        return batchNorms.contains(parameter.name) ? sums.ofBatchNorm : sums
    }

    struct Outcome {
        let sums: [String: WorthSums]
        let trainingPictures: Int
        let heldOutPictures: Int
        let isHeldOut: Bool

        func worth(of names: some Sequence<String>) -> Worth {
            names.compactMap { sums[$0] }.reduce(into: WorthSums()) { $0 += $1 }.worth
        }
    }
}

/// A chunk of a parameter, which stays in the caches while its sums are made.
private struct GradientChunk: @unchecked Sendable {
    // Unchecked: pointers into buffers that the probe owns.
    let count: Int
    let first: UnsafePointer<Float>
    let second: UnsafePointer<Float>
    let heldOut: UnsafePointer<Float>
    /// adamw: a parameter that trains steps by its second moment, another as its first step would.
    let isAdaptive: Bool
    let secondMoment: UnsafePointer<Float>?
    let correction: Float

    func part(from start: Int, count: Int) -> GradientChunk {
        GradientChunk(
            count: min(count, self.count - start), first: first + start, second: second + start,
            heldOut: heldOut + start, isAdaptive: isAdaptive, secondMoment: secondMoment.map { $0 + start },
            correction: correction)
    }

    /// But for the count.
    func sums() -> WorthSums {
        let products = SIMD2(
            sum { $0.load(first) * $0.load(heldOut) }, sum { $0.load(second) * $0.load(heldOut) })
        return WorthSums(
            squares: SIMD2(sum { $0.load(first) * $0.load(first) }, sum { $0.load(second) * $0.load(second) }),
            cross: sum { $0.load(first) * $0.load(second) },
            heldOut: sum { $0.load(heldOut) * $0.load(heldOut) }, product: products.sum() / 2,
            falls: isAdaptive ? SIMD2(adaptiveFall(first), adaptiveFall(second)) : products)
    }

    private func adaptiveFall(_ part: UnsafePointer<Float>) -> Double {
        sum { at in
            let mean = (at.load(first) + at.load(second)) / 2
            let square = secondMoment.map { at.load($0) / correction } ?? mean * mean
            return at.load(part) / (square.squareRoot() + AdamW.epsilon) * at.load(heldOut)
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
    }
}

/// The sums that a `Worth` follows from; those of a set of parameters are the sums of its parameters'.
struct WorthSums: Sendable {
    /// ‖g₁‖² and ‖g₂‖², g₁·g₂.
    var squares = SIMD2(0.0, 0)
    var cross = 0.0
    /// ‖h‖² and ḡ·h.
    var heldOut = 0.0
    var product = 0.0
    /// d(g₁)·h and d(g₂)·h.
    var falls = SIMD2(0.0, 0)
    /// ‖(ḡ + h) / 2‖² where these are a BatchNorm's.
    var batchNorm = 0.0
    /// Of the BatchNorms whose weights these are.
    var distance = 0.0
    /// Of parameters.
    var count = 0.0

    static func += (a: inout WorthSums, b: WorthSums) {
        a.squares += b.squares
        a.cross += b.cross
        a.heldOut += b.heldOut
        a.product += b.product
        a.falls += b.falls
        a.batchNorm += b.batchNorm
        a.distance += b.distance
        a.count += b.count
    }

    /// ‖ḡ‖².
    private var training: Double { (squares.sum() + 2 * cross) / 4 }

    /// The same as those of a BatchNorm.
    var ofBatchNorm: WorthSums {
        var sums = self
        sums.batchNorm = max(0, training + 2 * product + heldOut) / 4
        return sums
    }

    var worth: Worth {
        let noise = max(0, squares.sum() / 2 - cross) / 2
        let norms = (training * heldOut).squareRoot()
        return Worth(
            gradientNorm: training.squareRoot(), fall: falls.sum() / 2, fallError: abs(falls[0] - falls[1]) / 2,
            signalToNoise: noise > 0 ? max(0, cross) / noise : 0,
            cosine: norms > 0 ? max(-1, min(1, product / norms)) : 0, reach: (training * count).squareRoot(),
            batchNormGradient: batchNorm.squareRoot(), statisticsDistance: distance)
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
