import ArgumentParser
import Foundation
import Support
import Training

/// For `make install` and `make reference`; not shown in the help.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Writes manual pages and completions below a folder, or the reference.",
        shouldDisplay: false)

    @Argument(help: "The folder; share/man and completions come below it.") var folder: String?
    @Flag(help: "Print docs/reference.md instead.") var markdown = false

    func run() throws {
        guard let program = CommandDefinition.program() else {
            throw TrainingError.refused("the argument parser describes commands in a way that is not known here")
        }
        if markdown { return StandardStreams.write(MarkdownReference.text(program), to: STDOUT_FILENO) }
        guard let folder else { throw ValidationError("manual needs a folder, or --markdown") }
        for (path, text) in Self.files(program) {
            let target = URL(fileURLWithPath: folder + "/" + path)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: target)
        }
    }

    /// What is installed, by its path below the prefix.
    static func files(_ program: CommandDefinition) -> [(path: String, text: String)] {
        var files = ([program] + program.commands).map { command in
            ("share/man/man1/\(command.pageName).1", ManualPage.command(command, of: program))
        }
        files.append(("share/man/man5/frostline-config.5", ManualPage.configuration()))
        files.append(("share/bash-completion/completions/frostline", Frostline.completionScript(for: .bash)))
        files.append(("share/zsh/site-functions/_frostline", Frostline.completionScript(for: .zsh)))
        files.append(("share/fish/vendor_completions.d/frostline.fish", Frostline.completionScript(for: .fish)))
        return files
    }
}
