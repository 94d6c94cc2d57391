import ArgumentParser
import TUI

extension GlyphSet: ExpressibleByArgument {
    package init?(argument: String) { self.init(option: argument) }
    package static var allValueStrings: [String] { allCases.map(\.option) }
}

/// Options of the interface, over those of `config.toml`.
struct InterfaceArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp("The dashboard's colours: a name, or a theme file. (default: frost)", valueName: "theme"),
        completion: .themes)
    var theme: String?
    @Option(
        help: ArgumentHelp(
            "The characters to draw with: braille, block or ascii. (default: what locale and terminal have)",
            valueName: "set"))
    var glyphs: GlyphSet?
    @Flag(inversion: .prefixedNo, help: "Listen to the mouse in the dashboard. (default: --mouse)") var mouse: Bool?
    @Flag(help: "Print changes as sentences instead of drawing them, and take commands as lines: for screen readers.")
    var plain = false
}
