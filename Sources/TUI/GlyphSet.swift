/// Which characters the terminal can show.
package enum GlyphSet: String, Sendable, CaseIterable {
    /// Everything: braille for the charts, snowflakes for what is frozen.
    case unicode
    /// Box drawing, half blocks and letters of any script: what the fonts of consoles have.
    case block
    case ascii

    /// As options and configuration files name it.
    package init?(option: String) {
        switch option {
        case "braille", "unicode": self = .unicode
        case "block": self = .block
        case "ascii": self = .ascii
        default: return nil
        }
    }

    package var option: String { self == .unicode ? "braille" : rawValue }

    package var isUnicode: Bool { self != .ascii }

    /// The sign that this set has for something.
    package func sign(_ rich: String, block: String, ascii: String) -> String {
        switch self {
        case .unicode: rich
        case .block: block
        case .ascii: ascii
        }
    }
}
