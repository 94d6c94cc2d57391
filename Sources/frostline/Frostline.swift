import ArgumentParser
import Foundation
import Training

@main
struct Frostline: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frostline",
        abstract: "Fine-tunes a pretrained ResNet18 on your own pictures, in the terminal.",
        discussion: """
            Without a subcommand it shows the built-in demonstration. A checkbox in the layer tree freezes or thaws \
            layers while training runs.
            """,
        version: frostlineVersion,
        subcommands: [
            DemonstrationCommand.self, TrainCommand.self, InspectCommand.self, WeightsCommand.self, BenchCommand.self,
        ],
        defaultSubcommand: DemonstrationCommand.self)
}

/// Ends a command with one line on standard error and exit code 1 (or `code`).
func failure(_ message: String, code: Int32 = 1) -> any Error {
    StandardStreams.error("frostline: " + message)
    return ExitCode(code)
}
