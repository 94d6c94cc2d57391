import TUI

/// How the dashboard looks and what it shows, as keys, the mouse and `config.toml` set it. Nothing of it touches the run.
package struct ViewSettings: Sendable {
    /// What the right-hand side shows.
    enum RightView: Sendable, Equatable {
        case charts
        case heat(HeatQuantity)
        case mistakes
    }

    enum HeatQuantity: Sendable, Equatable { case gradientNorm, updateRatio }

    /// Of which class the activation map lies over the pictures of the mistakes.
    enum MistakeHeat: Sendable, Equatable {
        case off, predicted, actual

        var next: MistakeHeat {
            switch self {
            case .off: .predicted
            case .predicted: .actual
            case .actual: .off
            }
        }
    }

    package internal(set) var glyphs: GlyphSet
    /// The terminal has no colours, so images are drawn in shades.
    package var isMonochrome = false
    var themes: [NamedTheme] = []
    var themeIndex = 0
    var keys = KeyMap()
    package internal(set) var usesMouse = true
    var showsLog = false
    /// Columns of the layer pane, where the divider was moved.
    var layerWidth: Int?
    var isDraggingDivider = false
    /// 0 until the terminal's size is known.
    var screenWidth = 0
    var screenHeight = 0
    private(set) var rightView = RightView.charts
    var rightScroll = 0
    var mistakeHeat = MistakeHeat.off

    /// What to draw with.
    package var theme: Theme { themes.indices.contains(themeIndex) ? themes[themeIndex].theme : .builtIn }

    mutating func show(_ view: RightView) {
        rightView = view
        rightScroll = 0
    }
}
