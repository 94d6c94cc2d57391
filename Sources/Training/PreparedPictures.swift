import Pictures

/// Pictures that were opened and checked once, for several runs: what one run decodes and resizes, the next finds there,
/// and the features of equal frozen layers too.
public struct PreparedPictures: Sendable {
    let sets: PictureSets
    public let description: String

    public var classes: [String] { sets.classes }
    public var trainingCount: Int { sets.training.count }
    public var validationCount: Int { sets.validation.count }

    /// How many validation pictures the largest class has.
    public var largestValidationClass: Int { sets.validation.countsByClass.max() ?? 0 }

    public static func open(
        _ data: TrainingData, options: RunOptions, warn: (String) -> Void,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void, isCancelled: () -> Bool
    ) throws -> PreparedPictures {
        try options.validate()
        var sets = try PictureSets.open(
            data, options: options, warn: warn, progress: progress, isCancelled: isCancelled)
        sets.features = FeatureLibrary()
        return PreparedPictures(sets: sets, description: data.description)
    }
}
