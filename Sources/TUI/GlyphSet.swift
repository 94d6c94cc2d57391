/// Which characters the terminal can show.
package enum GlyphSet: String, Sendable, CaseIterable {
    /// Everything: braille for the charts, snowflakes for what is frozen.
    case unicode
    /// Box drawing, half blocks and letters of any script: what the fonts of consoles have.
    case block
    case ascii

    /// As options and configuration files name it.
    package init?(option: String) {
        guard let set = Self.allCases.first(where: { [$0.option, $0.rawValue].contains(option) }) else { return nil }
        self = set
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
