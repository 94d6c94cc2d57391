import ArgumentParser

@main
struct FrostlineBenchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frostline-benchmarks",
        abstract: "Times the built frostline, in turn with PyTorch where a Python with torch is named.",
        subcommands: [CompareCommand.self, ScalingCommand.self, RanksCommand.self],
        defaultSubcommand: CompareCommand.self)
}
