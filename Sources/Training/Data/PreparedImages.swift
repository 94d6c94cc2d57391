import Images
import Ranks

/// Pictures that were opened and checked once, for several runs: what one run decodes and resizes, the next finds there,
/// and the features of equal frozen layers too.
package struct PreparedImages: Sendable {
    let sets: ImageSets
    package let description: String

    package var classes: [String] { sets.classes }
    package var trainingCount: Int { sets.training.count }
    package var validationCount: Int { sets.validation.count }

    /// What its runs share of the features of equal frozen layers.
    package var features: SharedFeatureCache? { sets.features }

    /// How many validation pictures the largest class has.
    package var largestValidationClass: Int { sets.validation.countsByClass.max() ?? 0 }

    package static func open(
        _ data: TrainingData, options: RunOptions, warn: (String) -> Void,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void, isCancelled: () -> Bool,
        group: (any RankGroup)? = nil
    ) throws -> PreparedImages {
        try options.validate()
        var sets = try ImageSets.open(
            data, options: options, warn: warn, progress: progress, isCancelled: isCancelled, group: group)
        sets.features = SharedFeatureCache()
        return PreparedImages(sets: sets, description: data.description)
    }
}
