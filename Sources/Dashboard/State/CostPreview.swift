import Network
import Support

/// What a change of the mask would cost or save, before it is made.
struct CostPreview {
    var milliseconds: (now: Double, then: Double)
    var secondsPerEpoch: (now: Double, then: Double)?
    var bytes: (now: Int, then: Int)
    /// The cache that the new mask allows; nil where it is the one that is there.
    var cache: Result<(bytesPerImage: Int, bytes: Int, seconds: Double), FeatureCacheRefusal>?
}

/// Predicts what a mask costs, from the measured layers and the latest steps.
struct CostModel {
    let layers: LayerState
    let decisions: DecisionState
    let stepsPerEpoch: Int?

    /// What a mask makes the engine run; nil before the layers are measured.
    func plan(_ mask: [Bool]) -> TrainingPlan? {
        decisions.costs?.plan(Set(mask.indices.filter { !mask[$0] }.map { layers.tree.parameters[$0].name }))
    }

    /// Milliseconds of the latest steps, under the mask that is in force.
    private var measuredMilliseconds: Double? {
        let since = decisions.outcomes.last?.step ?? 0
        return MaskChangeOutcome.milliseconds(decisions.samples.filter { $0.step > since }.suffix(12))
    }

    /// Milliseconds of a step under a mask, once its cache is full; nil before the layers are measured.
    func predictedMilliseconds(_ mask: [Bool]) -> Double? {
        guard let costs = decisions.costs, mask.count == layers.tree.parameters.count, let wanted = plan(mask) else {
            return nil
        }
        guard let measured = measuredMilliseconds, let current = plan(layers.frozen) else {
            return costs.milliseconds(wanted, cached: costs.isCacheable(wanted))
        }
        return costs.milliseconds(
            wanted, cached: costs.isCacheable(wanted), measured: measured, under: current,
            currentCached: costs.isCacheable(current))
    }

    func preview(_ mask: [Bool]) -> CostPreview? {
        guard let costs = decisions.costs, let then = predictedMilliseconds(mask),
            let now = measuredMilliseconds ?? predictedMilliseconds(layers.frozen),
            let old = plan(layers.frozen), let new = plan(mask)
        else { return nil }
        var preview = CostPreview(
            milliseconds: (now, then), secondsPerEpoch: nil, bytes: (costs.bytes(old), costs.bytes(new)), cache: nil)
        if let steps = stepsPerEpoch {
            preview.secondsPerEpoch = (now * Double(steps) / 1000, then * Double(steps) / 1000)
        }
        if old.cut != new.cut || layers.cache == nil {
            preview.cache = Result { () throws(FeatureCacheRefusal) in
                let size = try costs.cacheSize(new)
                return (size.perImage, size.all, costs.fillSeconds(new))
            }
        }
        return preview
    }

    /// What a change would throw away, in words: features that took long to compute. nil where nothing is lost.
    func loss(_ wanted: [Int: Bool]) -> String? {
        guard let costs = decisions.costs, case .on(_, let bytes, let cached, _)? = layers.cache, cached > 0 else {
            return nil
        }
        var mask = layers.wantedMask
        for (parameter, value) in wanted { mask[parameter] = value }
        guard let old = plan(layers.frozen), let new = plan(mask), old.cut != new.cut else { return nil }
        let seconds = costs.fillSeconds(old) * Double(cached) / Double(max(1, costs.pictures))
        guard seconds >= Self.lossSeconds else { return nil }
        return "drops \(Numbers.bytes(bytes.multipliedReportingOverflow(by: cached).partialValue)) of cached features "
            + "that took \(Numbers.duration(seconds: seconds)) to compute"
    }

    /// Less is not worth a question.
    private static let lossSeconds = 20.0
}

extension DashboardState {
    var costModel: CostModel { CostModel(layers: layers, decisions: decisions, stepsPerEpoch: run.stepsPerEpoch) }
}

extension Numbers {
    /// `0.42 ms`, `9.5 ms`, `512 ms`, `1.5 s`, `33 s`, `2:13`.
    static func time(milliseconds: Double) -> String {
        guard milliseconds.isFinite, milliseconds >= 0 else { return "-" }
        switch milliseconds {
        case ..<0.995: return fixed(milliseconds, 2) + " ms"
        case ..<9.95: return fixed(milliseconds, 1) + " ms"
        case ..<999.5: return fixed(milliseconds, 0) + " ms"
        case ..<9950: return fixed(milliseconds / 1000, 1) + " s"
        case ..<99_500: return fixed(milliseconds / 1000, 0) + " s"
        default: return duration(seconds: milliseconds / 1000)
        }
    }
}
