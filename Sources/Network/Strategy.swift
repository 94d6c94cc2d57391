/// The three ways of transfer learning, and the one that finds its own.
package enum Strategy: String, Sendable, CaseIterable, Codable {
    /// Only the new fully connected layer trains.
    case head
    /// layer4 and fc train; the rest is frozen.
    case partial
    /// Everything trains; the pretrained weights are the starting point.
    case full
    /// Starts as head; the engine thaws what pays.
    case auto

    /// The three whose mask is fixed.
    package static let allCases: [Strategy] = [.head, .partial, .full]

    /// Whether a parameter of this name trains under the strategy, at first under auto.
    package func trains(_ name: String) -> Bool {
        guard self != .full else { return true }
        guard let stages = ResNet.resnet18.stagesBelowHead(name) else { return false }
        return stages <= (self == .partial ? 1 : 0)
    }

    /// Those of `names` that train, in order.
    package func trainable(of names: [String]) -> [String] { names.filter(trains) }

    /// The strategy whose trainable set over `names` is exactly `trainable`, if there is one.
    package static func named(by trainable: Set<String>, of names: [String]) -> Strategy? {
        allCases.first { strategy in Set(names.filter(strategy.trains)) == trainable }
    }
}
