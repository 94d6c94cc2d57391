import Dashboard

/// Manual pages, in the macros of man(7).
struct ManualPage {
    private var text = ""

    /// The page of a command.
    static func command(_ command: CommandDefinition, of program: CommandDefinition) -> String {
        var page = ManualPage(command.pageName, section: 1, command.abstract)
        page.heading("SYNOPSIS")
        page.line(".B " + escaped(command.synopsis))
        if !command.discussion.isEmpty {
            page.heading("DESCRIPTION")
            page.prose(command.discussion)
        }
        for (title, arguments) in command.sections {
            page.heading(title.uppercased())
            for argument in arguments {
                let names = argument.isPositional ? argument.synopsis : argument.names.joined(separator: ", ")
                page.entry(names, argument.isPositional ? nil : argument.value, argument.explanation)
            }
        }
        if command.isProgram {
            page.heading("COMMANDS")
            for other in command.commands { page.entry(other.name, nil, other.abstract) }
            page.heading("FILES")
            page.prose("In a run's folder:")
            for file in ManualFacts.files { page.entry(file.name, nil, file.meaning) }
            page.heading("ENVIRONMENT")
            for variable in ManualFacts.environment { page.entry(variable.name, nil, variable.meaning) }
        }
        page.heading("EXIT STATUS")
        for (code, meaning) in ManualFacts.exitCodes { page.entry(code, nil, meaning) }
        page.heading("SEE ALSO")
        let others = command.isProgram ? program.commands.map(\.pageName) : ["frostline"]
        page.line((others.map { "\(escaped($0))(1)" } + ["frostline-config(5)"]).joined(separator: ", "))
        return page.text
    }

    /// frostline-config(5).
    static func configuration() -> String {
        var page = ManualPage("frostline-config", section: 5, "Frostline's settings.")
        page.heading("SYNOPSIS")
        page.line(".I $XDG_CONFIG_HOME/frostline/config.toml")
        page.heading("DESCRIPTION")
        page.prose(
            """
            A TOML file, ~/.config/frostline/config.toml where XDG_CONFIG_HOME is not set. The command line wins over it. A fault \
            in a line is reported, and the rest is taken all the same.
            """)
        page.heading("SETTINGS")
        for setting in Configuration.settings { page.entry(setting.name, setting.values, setting.help) }
        page.heading("KEYS")
        page.prose(
            """
            In the table [keys] each command has one key in quotes or several in brackets; none takes its keys away. Keys are \
            characters, ^A to ^Z, space, enter, tab, up, page-up and so on.
            """)
        for command in KeyTableText.commands { page.entry(command.name, command.keys, command.help) }
        page.heading("EXAMPLE")
        page.line(".EX")
        for line in ["theme = \"dusk\"", "mouse = false", "", "[keys]", "pause = [\"p\", \"space\"]", "toggle = \"x\""]
        {
            page.line(escaped(line))
        }
        page.line(".EE")
        page.heading("SEE ALSO")
        page.line("frostline(1)")
        return page.text
    }

    private init(_ name: String, section: Int, _ abstract: String) {
        line(".TH \(Self.escaped(name).uppercased()) \(section) \"\" \"Frostline\" \"Frostline\"")
        heading("NAME")
        line(
            "\(Self.escaped(name)) \\- \(Self.escaped(abstract.hasSuffix(".") ? String(abstract.dropLast()) : abstract))"
        )
    }

    private mutating func line(_ line: String) { text += line + "\n" }
    private mutating func heading(_ title: String) { line(".SH \(title)") }

    private mutating func prose(_ words: String) {
        for paragraph in words.split(separator: "\n", omittingEmptySubsequences: true) {
            line(".PP")
            line(Self.escaped(String(paragraph)))
        }
    }

    private mutating func entry(_ name: String, _ value: String?, _ meaning: String) {
        line(".TP")
        line("\\fB\(Self.escaped(name))\\fR" + (value.map { " \\fI\(Self.escaped($0))\\fR" } ?? ""))
        line(meaning.isEmpty ? "\\&" : Self.escaped(meaning))
    }

    /// What groff takes for its own: backslashes, hyphens that are minus signs, a dot or quote that begins a line.
    static func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("\n", with: " ")
            .replacing("~", with: "\\(ti").replacing("^", with: "\\(ha")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
}
