import ArgumentParser
import Foundation
import Ranks
import Terminal
import Training

@main
struct Frostline: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frostline", abstract: "Fine-tunes a pretrained ResNet18 on your own pictures, in the terminal.",
        discussion: """
            Without a subcommand it shows the built-in demonstration. A checkbox in the layer tree freezes or thaws \
            layers while training runs.
            """,
        version: frostlineVersion,
        subcommands: [
            DemonstrationCommand.self, TrainCommand.self, CompareCommand.self, FindLRCommand.self,
            RunsCommand.self, AttachCommand.self, TellCommand.self, WaitCommand.self, ShowCommand.self,
            EvaluateCommand.self, PredictCommand.self, InspectCommand.self, WeightsCommand.self, ExportCommand.self,
            BenchCommand.self, DoctorCommand.self, ManualCommand.self,
        ],
        defaultSubcommand: DemonstrationCommand.self)

    /// A command that ran has written everything, past every buffer, and leaves at once: exit's handlers would wait for
    /// threads of libraries, now and then for ever. Only the parser's own messages go the usual way.
    static func main() {
        ProcessSignals.ignoreFileSizeLimit()
        if let problem = UnknownCommand.problem(CommandLine.arguments.dropFirst().first) {
            end(problem, code: ExitCode.validationFailure.rawValue)
        }
        do {
            var command = try parseAsRoot()
            if let command = command as? any ComputingCommand { try command.processor.apply() }
            try command.run()
            end(nil, code: 0)
        } catch let code as ExitCode {
            end(code.rawValue == 0 ? nil : "ended with code \(code.rawValue)", code: code.rawValue, isSaid: true)
        } catch {
            // Help that was asked for and wrong usage have codes of their own.
            guard exitCode(for: error) == .failure else { exit(withError: error) }
            end("\(error)", code: ExitCode.failure.rawValue)
        }
    }

    /// Takes leave of the other ranks of a run, where there are any, and ends the process.
    private static func end(_ problem: String?, code: Int32, isSaid: Bool = false) -> Never {
        let (ranksCode, words) = RankLaunch.end(problem)
        if let words, !isSaid || words != problem { printError(words) }
        _exit(problem == nil ? ranksCode : code)
    }

    /// A line on standard error that says what went wrong.
    static func printError(_ problem: String) { StandardStreams.error("\(RankLaunch.prefix)frostline: \(problem)") }
}
