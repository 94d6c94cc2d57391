import ArgumentParser
import Foundation
import Support

/// A command and its arguments, as the argument parser has them: what manual pages and docs/reference.md are made of.
struct CommandDefinition {
    struct Argument {
        /// `-h`, `--help`; for an argument by place its name.
        let names: [String]
        let isPositional: Bool
        /// nil for a flag.
        let value: String?
        let isOptional: Bool
        let isRepeating: Bool
        let help: String
        let defaultValue: String?
        let section: String?

        /// `--epochs EPOCHS`, `FILE…`.
        var synopsis: String {
            let name =
                isPositional
                ? (value ?? "").uppercased() : [names.last, value].compactMap { $0 }.joined(separator: " ")
            return isRepeating ? name + "…" : name
        }
    }

    /// Without the program's name; "" for the program itself.
    let name: String
    let abstract: String
    let discussion: String
    let arguments: [Argument]
    let commands: [CommandDefinition]

    /// The program's own. nil where the parser describes itself in another way than it did.
    static func program() -> CommandDefinition? {
        guard let json = JSON.parse(Data(Frostline._dumpHelp().utf8)), let command = json["command"] else { return nil }
        return CommandDefinition(command, isProgram: true)
    }

    private init?(_ json: JSON, isProgram: Bool) {
        guard let name = json["commandName"]?.text else { return nil }
        self.name = isProgram ? "" : name
        abstract = json["abstract"]?.text ?? ""
        discussion = json["discussion"]?.text ?? ""
        func isShown(_ json: JSON) -> Bool { json["shouldDisplay"]?.flag ?? true }
        arguments = (json["arguments"]?.items ?? []).filter(isShown).compactMap(Argument.init)
        commands = (json["subcommands"]?.items ?? []).filter { isShown($0) && $0["commandName"]?.text != "help" }
            .compactMap { CommandDefinition($0, isProgram: false) }
    }

    var isProgram: Bool { name.isEmpty }
    /// `frostline-train`: the name of its manual page.
    var pageName: String { isProgram ? "frostline" : "frostline-" + name }
    /// `frostline train`.
    var invocation: String { isProgram ? "frostline" : "frostline " + name }

    /// Sections of arguments in their order; the first has no title of its own.
    var sections: [(title: String, arguments: [Argument])] {
        var found: [(title: String, arguments: [Argument])] = []
        for argument in arguments {
            let title = argument.section ?? (argument.isPositional ? "Arguments" : "Options")
            if let index = found.firstIndex(where: { $0.title == title }) {
                found[index].arguments.append(argument)
            } else {
                found.append((title, [argument]))
            }
        }
        // What only this command has comes before what several share.
        return found.sorted { rank($0.title) < rank($1.title) }
    }

    private func rank(_ title: String) -> Int { ["Arguments", "Options"].firstIndex(of: title) ?? 2 }

    /// `frostline predict [OPTION…] RUN FILE…`.
    var synopsis: String {
        var words = [invocation]
        if !commands.isEmpty { words.append("[COMMAND]") }
        words.append("[OPTION…]")
        words += arguments.filter(\.isPositional).map { $0.isOptional ? "[\($0.synopsis)]" : $0.synopsis }
        return words.joined(separator: " ")
    }
}

extension CommandDefinition.Argument {
    fileprivate init?(_ json: JSON) {
        guard let kind = json["kind"]?.text else { return nil }
        isPositional = kind == "positional"
        value = kind == "flag" ? nil : json["valueName"]?.text ?? "value"
        names = (json["names"]?.items ?? []).compactMap { entry in
            entry["name"]?.text.map { (entry["kind"]?.text == "long" ? "--" : "-") + $0 }
        }
        isOptional = json["isOptional"]?.flag ?? false
        isRepeating = json["isRepeating"]?.flag ?? false
        help = [json["abstract"]?.text, json["discussion"]?.text].compactMap { $0 }.joined(separator: " ")
        defaultValue = json["defaultValue"]?.text
        section = json["sectionTitle"]?.text
        if !isPositional, names.isEmpty { return nil }
    }

    /// The help, with the default where it does not say it itself.
    var explanation: String {
        guard let defaultValue, !help.contains("(default") else { return help }
        return "\(help) (default: \(defaultValue))"
    }
}
