import TUI
import Terminal

/// TUI's charts as lines of text on a stream: with the theme's colours on a terminal, plain characters elsewhere.
struct ChartPrinter {
    private let glyphs: GlyphSet
    private let theme: Theme
    private let depth: ColorDepth

    init(_ descriptor: Int32) {
        // The commands that print charts take no options of the interface, so nothing can be missing.
        let settings = try? InterfaceSettings(nil)
        glyphs = settings?.configuration.glyphs ?? TerminalScreen.expectedGlyphs()
        let name = settings?.configuration.theme ?? Theme.defaultName
        theme = settings?.themes.first { $0.name == name }?.theme ?? .builtIn
        depth = ColorDepth(descriptor)
    }

    func lines(_ chart: Chart, width: Int, height: Int) -> [String] {
        var canvas = Canvas(width: width, height: height, theme: theme, glyphs: glyphs)
        chart.draw(&canvas, Area(x: 0, y: 0, width: width, height: height))
        return canvas.finished.lines(depth)
    }
}
