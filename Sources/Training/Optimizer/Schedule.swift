import Foundation

/// `--schedule`.
package enum ScheduleKind: String, Sendable, CaseIterable, Codable { case constant, cosine, onecycle }

/// The learning rate of every step, as PyTorch's schedulers give it when `scheduler.step()` follows each optimizer step.
///
/// - `constant`: the base rate.
/// - `cosine`: `CosineAnnealingLR(T_max: total, eta_min: 0)`.
/// - `onecycle`: `OneCycleLR(max_lr: base, total_steps: total)` with its defaults (30 % warm-up from base/25, cosine down to
///   base/250000, momentum cycled between 0.95 and 0.85 against it; Smith and Topin 2017, arXiv 1708.07120).
package struct Schedule: Sendable, Equatable {
    package let kind: ScheduleKind
    package let base: Double
    /// Steps in the whole run.
    package let total: Int

    package init(_ kind: ScheduleKind, base: Double, total: Int) {
        self.kind = kind
        self.base = base
        self.total = max(1, total)
    }

    /// The rate of `step`, counted from 1.
    package func learningRate(step: Int) -> Double {
        let t = Double(min(max(step, 1), total) - 1)
        switch kind {
        case .constant: return base
        case .cosine: return base * (1 + cos(.pi * t / Double(total))) / 2
        case .onecycle: return oneCycle(t, start: base / 25, peak: base, end: base / 25 / 1e4)
        }
    }

    /// The momentum (sgd) or beta1 (adamw) of `step`; `configured` except where the schedule cycles it.
    package func momentum(step: Int, configured: Double) -> Double {
        guard kind == .onecycle, configured > 0 else { return configured }
        let t = Double(min(max(step, 1), total) - 1)
        return oneCycle(t, start: 0.95, peak: 0.85, end: 0.95)
    }

    private func oneCycle(_ t: Double, start: Double, peak: Double, end: Double) -> Double {
        let warm = 0.3 * Double(total) - 1
        let last = Double(total - 1)
        if t <= warm { return Self.anneal(start, peak, warm == 0 ? 1 : t / warm) }
        return Self.anneal(peak, end, last == warm ? 1 : (t - warm) / (last - warm))
    }

    private static func anneal(_ from: Double, _ to: Double, _ share: Double) -> Double {
        to + (from - to) / 2 * (1 + cos(.pi * share))
    }
}
