import TUI
import TrainingEvents

/// Another run, as far as it is drawn behind the one that the dashboard shows: its lines, and what it is called.
package struct OtherRun: Sendable {
    package let name: String
    private(set) var stepsPerEpoch = 0
    private(set) var loss = Series()
    private(set) var validationAccuracy = Series()

    /// More lines than these cannot be told apart.
    package static let limit = 4

    package init(name: String) { self.name = name }

    /// A run that the dashboard has shown itself.
    init(name: String, _ charts: ChartState, stepsPerEpoch: Int) {
        self.name = name
        self.stepsPerEpoch = stepsPerEpoch
        loss = charts.loss
        validationAccuracy = charts.validationAccuracy
    }

    package mutating func take(_ event: TrainingEvent) {
        switch event {
        // A run that was resumed from an earlier step sends everything again.
        case .opened: self = OtherRun(name: name)
        case .dataset(let data): stepsPerEpoch = data.stepsPerEpoch
        case .step(let step): loss.append(step.loss, at: step.step)
        case .epoch(let epoch):
            if let validation = epoch.validation { validationAccuracy.append(validation.accuracy, at: epoch.step) }
        default: break
        }
    }
}
