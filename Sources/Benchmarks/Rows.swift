/// The rows of the table, in its order: what is measured, and what it is to reach.
enum Row: String, CaseIterable {
    case full, partial, head, inference
    case cachedPartial = "cached-partial"
    case headEpoch = "head-epoch"
    case runFull = "run-full"
    case runPartial = "run-partial"
    case runHead = "run-head"
    case memory
    case memoryDouble = "memory-double"

    /// A row without figures yet; `batch` is the batch size of the steps.
    func empty(batch: Int, epochs: Int) -> SideBySide {
        func row(
            _ name: String, _ unit: String, _ least: Double, _ aim: Double, _ measure: Target.Measure = .timesFaster
        ) -> SideBySide {
            SideBySide(name: name, unit: unit, target: Target(measure, least: least, aim: aim))
        }
        return switch self {
        case .full: row("full step", "ms", 1.5, 2)
        case .partial: row("partial step (layer4 and fc)", "ms", 1.6, 2.2)
        case .head: row("head step", "ms", 1.5, 2)
        case .inference: row("inference", "ms", 1.5, 2)
        case .cachedPartial: row("partial step from the cache", "ms", 4, 5)
        case .headEpoch: row("head epoch from the cache", "ms", 200, 1000)
        case .runFull: row("full run of \(epochs) epochs, end to end", "s", 2, 3)
        case .runPartial: row("partial run of \(epochs) epochs, end to end", "s", 4, 6)
        case .runHead: row("head run of \(epochs) epochs, end to end", "s", 10, 20)
        case .memory: row("peak memory of full steps, batch \(batch)", "MiB", 0.6, 0.4, .share)
        case .memoryDouble: row("peak memory of full steps, batch \(2 * batch)", "MiB", 0.6, 0.4, .share)
        }
    }

    /// Whether it needs pictures and weights on disk.
    var needsFiles: Bool { [.headEpoch, .runFull, .runPartial, .runHead].contains(self) }
}
