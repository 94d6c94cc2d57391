import Foundation
import TUI
import Terminal

/// What the dashboard can count on.
enum TerminalCheck {
    static func findings() -> [Finding] { [locale(), terminal()] }

    private static func locale() -> Finding {
        let environment = ProcessInfo.processInfo.environment
        let set =
            ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { name in
                environment[name].flatMap { $0.isEmpty ? nil : "\(name)=\($0)" }
            }.first ?? "none set"
        if TerminalTraits.isUTF8 { return .good("locale", "\(set), UTF-8") }
        return .advice("locale", "\(set), no UTF-8", "LC_ALL=C.UTF-8 gives curves and boxes their characters")
    }

    private static func terminal() -> Finding {
        guard let size = StandardStreams.terminalSize(STDOUT_FILENO), isatty(STDIN_FILENO) == 1 else {
            return .good("terminal", "none: plain lines are printed")
        }
        let traits = TerminalTraits.ask()
        let colors = traits.isDirect ? "24-bit colours" : traits.colors > 1 ? "\(traits.colors) colours" : "no colours"
        let glyphs = TerminalScreen.expectedGlyphs()
        let answers =
            traits.answers
            ? (traits.isSynchronised ? "synchronised output" : "no synchronised output")
                + (traits.hasKeyboardProtocol ? ", kitty's keyboard protocol" : ", plain keyboard")
            : "answers no questions"
        let text = "\(traits.name), \(size.width)×\(size.height), \(colors), \(glyphs) characters, \(answers)"
        if size.width < 61 || size.height < 16 {
            return .advice("terminal", text, "the dashboard needs 61×16 characters; 80×24 show all of it")
        }
        if traits.name.isEmpty || traits.name == "dumb" {
            return .advice(
                "terminal", text, "set TERM to what it is (xterm-256color); without it plain lines are printed")
        }
        return .good("terminal", text)
    }
}
