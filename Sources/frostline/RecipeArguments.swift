import ArgumentParser
import Training

extension ClassWeights: ExpressibleByArgument {}

/// The finer points of training on the command line. All are optional, so that a resumed run can tell what was said.
struct RecipeArguments: ParsableArguments {
    @Option(help: "End the run after this many epochs without a better validation. (default: never)") var patience: Int?
    @Option(help: "Share of the target that is spread over all classes, of training. (default: 0)")
    var labelSmoothing: Double?
    @Option(help: "none, or balanced: rare classes weigh more in the training loss. (default: none)")
    var classWeights: ClassWeights?
    @Option(help: "Shorten the gradient of all trainable parameters to this norm. (default: never)") var clipNorm:
        Double?
    @Option(help: "Batches a step, whose mean gradient it takes. (default: 1)") var accumulate: Int?
    @Option(
        help:
            "Each stage below fc (layer4, layer3 … conv1) has the learning rate of the one above times this. (default: 1)"
    )
    var learningRateDecayPerStage: Double?
    @Option(
        help: ArgumentHelp(
            "A learning rate of its own for matching parameters, as in layer4=1e-4. Repeatable; the last that matches counts.",
            valueName: "pattern=value"))
    var lr: [String] = []
    @Option(
        help: ArgumentHelp(
            "Thaw matching parameters when that epoch begins, as in 3:layer4. Repeatable.", valueName: "epoch:pattern"))
    var thaw: [String] = []
    @Option(help: "Save every so many steps; 0 saves after epochs only. (default: every five minutes)") var saveEvery:
        Int?

    func recipe(over base: TrainingRecipe) throws -> TrainingRecipe {
        var recipe = base
        if let patience { recipe.patience = patience }
        if let labelSmoothing { recipe.labelSmoothing = labelSmoothing }
        if let classWeights { recipe.classWeights = classWeights }
        if let clipNorm { recipe.clipNorm = clipNorm }
        if let accumulate { recipe.accumulate = accumulate }
        if let learningRateDecayPerStage { recipe.decayPerStage = learningRateDecayPerStage }
        if !lr.isEmpty { recipe.rateRules = try lr.map { try RateRule($0) } }
        if !thaw.isEmpty { recipe.thawRules = try thaw.map { try ThawRule($0) } }
        if let saveEvery { recipe.saveEvery = saveEvery }
        return recipe
    }
}
