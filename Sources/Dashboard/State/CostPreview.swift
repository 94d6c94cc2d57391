import Network
import Support
import TUI
import TrainingEvents

/// What a change of the mask would cost or save, before it is made.
struct CostPreview {
    var milliseconds: (now: Double, then: Double)
    var secondsPerEpoch: (now: Double, then: Double)?
    var bytes: (now: Int, then: Int)
    /// The cache that the new mask allows; nil where it is the one that is there.
    var cache: Result<(bytesPerImage: Int, bytes: Int, seconds: Double), FeatureCacheRefusal>?
}

extension DashboardState {
    /// What a mask makes the engine run; nil before the layers are measured.
    func plan(_ mask: [Bool]) -> TrainingPlan? {
        deciding.costs?.plan(Set(mask.indices.filter { !mask[$0] }.map { tree.parameters[$0].name }))
    }

    /// The latest speed that was measured, and the mask that it is of.
    var measuredStep: (milliseconds: Double, mask: [Bool])? {
        let since = deciding.effects.last?.step ?? 0
        let own = deciding.samples.filter { $0.step > since }.suffix(12)
        if let milliseconds = Effect.milliseconds(Array(own)) { return (milliseconds, frozen) }
        return nil
    }

    /// Milliseconds of a step under a mask, once its cache is full; nil before the layers are measured.
    func predictedMilliseconds(_ mask: [Bool]) -> Double? {
        guard let costs = deciding.costs, mask.count == tree.parameters.count, let wanted = plan(mask) else {
            return nil
        }
        guard let measured = measuredStep, let current = plan(measured.mask) else {
            return costs.milliseconds(wanted, cached: costs.isCacheable(wanted))
        }
        return costs.milliseconds(
            wanted, cached: costs.isCacheable(wanted), measured: measured.milliseconds, under: current,
            currentCached: costs.isCacheable(current))
    }

    func preview(_ mask: [Bool]) -> CostPreview? {
        guard let costs = deciding.costs, let then = predictedMilliseconds(mask),
            let now = measuredStep?.milliseconds ?? predictedMilliseconds(frozen), let old = plan(frozen),
            let new = plan(mask)
        else { return nil }
        var preview = CostPreview(
            milliseconds: (now, then), secondsPerEpoch: nil, bytes: (costs.bytes(old), costs.bytes(new)), cache: nil)
        if let steps = stepsPerEpoch {
            preview.secondsPerEpoch = (now * Double(steps) / 1000, then * Double(steps) / 1000)
        }
        if old.cut != new.cut || cache == nil {
            preview.cache = Result { () throws(FeatureCacheRefusal) in
                let size = try costs.cacheSize(new)
                return (size.perImage, size.all, costs.fillSeconds(new))
            }
        }
        return preview
    }

    /// What a change would throw away, in words: features that took long to compute. nil where nothing is lost.
    func lossOf(_ wanted: [Int: Bool]) -> String? {
        guard let costs = deciding.costs, case .on(_, let bytes, let cached, _)? = cache, cached > 0 else { return nil }
        var mask = wantedMask
        for (parameter, value) in wanted { mask[parameter] = value }
        guard let old = plan(frozen), let new = plan(mask), old.cut != new.cut else { return nil }
        let seconds = costs.fillSeconds(old) * Double(cached) / Double(max(1, costs.pictures))
        guard seconds >= Self.lossSeconds else { return nil }
        return "drops \(Numbers.bytes(bytes.multipliedReportingOverflow(by: cached).partialValue)) of cached features "
            + "that took \(Numbers.duration(seconds: seconds)) to compute"
    }

    /// Less is not worth a question.
    static let lossSeconds = 20.0

    // MARK: In words

    /// Lines below the tree: what toggling the selection would do.
    func previewLines(_ mask: [Bool], _ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [[Span]] {
        guard let preview = preview(mask) else { return [] }
        let arrow = glyphs == .unicode ? " → " : " -> "
        let dot = glyphs == .unicode ? " · " : ", "
        var lines: [[Span]] = []
        var time = "step " + Self.change(Self.time, preview.milliseconds, arrow)
        if let epoch = preview.secondsPerEpoch {
            let more = dot + "epoch " + Self.change(Self.time, (epoch.now * 1000, epoch.then * 1000), arrow)
            if displayWidth(time + more, glyphs) <= width { time += more }
        }
        let isSlower = preview.milliseconds.then > preview.milliseconds.now * 1.02
        lines.append([Span(fitted(time, width, glyphs), theme[isSlower ? .warning : .success])])
        lines.append([
            Span("memory ", theme[.dim]),
            Span(fitted(Self.change(Numbers.bytes, preview.bytes, arrow), width - 7, glyphs), theme[.text]),
        ])
        switch preview.cache {
        case .success(let cache)?:
            let text =
                Numbers.bytes(cache.bytesPerImage) + (glyphs == .unicode ? " × " : " x ")
                + "\(deciding.costs?.pictures ?? 0) = " + Numbers.bytes(cache.bytes) + ", "
                + Self.time(cache.seconds * 1000)
            let label = "cacheable: "
            lines.append([
                Span(label, theme[.dim]), Span(fitted(text, width - label.count, glyphs), theme[.cached]),
            ])
        case .failure(let refusal)?:
            lines.append([Span(fitted("no cache: \(refusal)", width, glyphs), theme[.dim])])
        case nil: break
        }
        return lines
    }

    /// The last change, as it was foretold and as it came.
    func outcomeLine(_ width: Int, _ theme: Theme, _ glyphs: GlyphSet) -> [Span]? {
        guard let effect = latestEffect, let predicted = effect.predicted, let measured = effect.measured else {
            return nil
        }
        let text =
            "predicted " + Self.time(predicted) + (glyphs == .unicode ? " · " : ", ") + "measured "
            + Self.time(measured)
        return [Span(fitted(text, width, glyphs), theme[.dim])]
    }

    /// `57 → 98 ms`: the unit once where both have the same.
    private static func change<Value>(
        _ write: (Value) -> String, _ values: (now: Value, then: Value), _ arrow: String
    ) -> String {
        let (now, then) = (write(values.now), write(values.then))
        let unit = now.drop { $0 != " " }
        return (!unit.isEmpty && then.hasSuffix(unit) ? String(now.dropLast(unit.count)) : now) + arrow + then
    }

    /// `0.42 ms`, `9.5 ms`, `512 ms`, `1.5 s`, `33 s`, `2:13`.
    static func time(_ milliseconds: Double) -> String {
        guard milliseconds.isFinite, milliseconds >= 0 else { return "-" }
        switch milliseconds {
        case ..<0.995: return Numbers.fixed(milliseconds, 2) + " ms"
        case ..<9.95: return Numbers.fixed(milliseconds, 1) + " ms"
        case ..<999.5: return Numbers.fixed(milliseconds, 0) + " ms"
        case ..<9950: return Numbers.fixed(milliseconds / 1000, 1) + " s"
        case ..<99_500: return Numbers.fixed(milliseconds / 1000, 0) + " s"
        default: return Numbers.duration(seconds: milliseconds / 1000)
        }
    }
}
