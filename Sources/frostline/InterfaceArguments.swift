import TUI
import ArgumentParser
import Dashboard

extension GlyphSet: ExpressibleByArgument {
    package init?(argument: String) { self.init(option: argument) }
    package static var allValueStrings: [String] { allCases.map(\.option) }
}

/// How a run is shown. What is not said here is as `config.toml` has it.
struct InterfaceArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp("The dashboard's colours: a name, or a theme file. (default: frost)", valueName: "theme"))
    var theme: String?
    @Option(
        help: ArgumentHelp(
            "The characters to draw with: braille, block or ascii. (default: what locale and terminal have)",
            valueName: "set"))
    var glyphs: GlyphSet?
    @Flag(inversion: .prefixedNo, help: "Listen to the mouse in the dashboard. (default: --mouse)") var mouse: Bool?
    @Flag(
        help: "Say changes as sentences instead of drawing them, and take commands as lines: for screen readers.")
    var plain = false
}
