import Dashboard

/// docs/reference.md.
enum MarkdownReference {
    static func text(_ program: CommandDefinition) -> String {
        var lines = [
            "# Reference", "",
            "Every command, option, file and setting, written by `frostline manual` from the program's own definitions; a test",
            "holds this file to them. docs/options.md says more of the options of training.", "", "## Commands", "",
            "| command | what it does |", "| --- | --- |",
        ]
        for command in program.commands {
            lines.append("| [`frostline \(command.name)`](#frostline-\(command.name)) | \(cell(command.abstract)) |")
        }
        for command in program.commands {
            lines += [
                "", "### frostline \(command.name)", "", "    " + command.synopsis, "", paragraph(command.abstract),
            ]
            if !command.discussion.isEmpty { lines += ["", paragraph(command.discussion)] }
            for (title, arguments) in command.sections {
                let own = arguments.filter { !["--help", "--version"].contains($0.names.last ?? "") }
                if own.isEmpty { continue }
                lines += ["", "| \(title.lowercased()) | |", "| --- | --- |"]
                for argument in own {
                    let name = argument.isPositional ? argument.synopsis : argument.names.joined(separator: ", ")
                    let value = argument.isPositional ? "" : argument.value.map { " " + $0.uppercased() } ?? ""
                    lines.append("| `\(name)\(value)` | \(cell(argument.explanation)) |")
                }
            }
        }
        lines += ["", "## A run's folder", ""] + table(ManualFacts.files.map { ("`\($0.name)`", $0.meaning) })
        lines += ["", "## Exit codes", ""] + table(ManualFacts.exitCodes.map { ($0.code, $0.meaning) })
        lines += ["", "## Environment", ""] + table(ManualFacts.environment.map { ("`\($0.name)`", $0.meaning) })
        lines += [
            "", "## config.toml", "",
            "In `$XDG_CONFIG_HOME/frostline`, else `~/.config/frostline`; the command line wins over it.", "",
        ]
        lines += table(Configuration.settings.map { ("`\($0.name)` = \($0.values)", $0.help) })
        lines += ["", "Under `[keys]`, a key in quotes or several in brackets:", ""]
        lines += table(KeyTableText.commands.map { ("`\($0.name)` (\($0.keys))", $0.help) })
        return lines.joined(separator: "\n") + "\n"
    }

    private static func table(_ rows: [(String, String)]) -> [String] {
        ["| | |", "| --- | --- |"] + rows.map { "| \(cell($0.0)) | \(cell($0.1)) |" }
    }

    private static func cell(_ text: String) -> String {
        paragraph(text).replacing("|", with: "\\|").replacing("\n", with: " ")
    }

    /// Names in angle brackets and patterns are not markup.
    private static func paragraph(_ text: String) -> String {
        text.replacing("<", with: "&lt;").replacing("*", with: "\\*").replacing("_", with: "\\_")
    }
}
