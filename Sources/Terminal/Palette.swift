import TUI

/// Brings 24-bit colours to what a terminal has.
package struct Palette {
    /// 256, 16, 8, or 0 for none.
    let size: Int

    package init(colors: Int) { size = colors >= 256 ? 256 : colors >= 16 ? 16 : colors >= 8 ? 8 : 0 }

    func nearest(_ color: RGB) -> Int32 {
        // One of the sixteen by number is that one, whatever it looks like there; of eight, its darker twin.
        if let index = color.terminalIndex { return Int32(size >= 16 ? index : index & 7) }
        return switch size {
        case 256: Self.nearestOf256(color)
        case 16: Self.nearest(color, among: 0..<16)
        default: Self.nearest(color, among: 0..<8)
        }
    }

    /// Foreground and background as indices, -1 for the terminal's own. Two colours that differ stay apart where `isText`:
    /// the halves of a half block may meet, as they do in a picture.
    package func indices(foreground: RGB?, background: RGB?, isText: Bool = true) -> (
        foreground: Int32, background: Int32
    ) {
        let back = background.map(nearest) ?? -1
        guard let foreground else { return (-1, back) }
        var front = nearest(foreground)
        // On a background that is not known, black would be the one colour that is gone on most screens.
        if background == nil, front == 0, size < 256, Self.brightness(foreground) > 24 { front = size == 16 ? 8 : 7 }
        if isText, let background, front == back, foreground != background {
            let lighter = Self.brightness(foreground) >= Self.brightness(background)
            front = size == 256 ? (lighter ? 231 : 16) : (lighter ? 7 : 0)
            if front == back { front = lighter ? 0 : 7 }
        }
        return (front, back)
    }

    /// The first sixteen of the 256 may be set to anything, so only the cube and the greys are used.
    private static func nearestOf256(_ color: RGB) -> Int32 {
        func level(_ value: UInt8) -> Int { value < 48 ? 0 : value < 115 ? 1 : (Int(value) - 35) / 40 }
        let (r, g, b) = (level(color.red), level(color.green), level(color.blue))
        func value(_ level: Int) -> UInt8 { level == 0 ? 0 : UInt8(55 + 40 * level) }
        let cube = RGB(value(r), value(g), value(b))
        let mean = (Int(color.red) + Int(color.green) + Int(color.blue)) / 3
        let step = max(0, min(23, (mean - 3) / 10))
        let grey = UInt8(8 + 10 * step)
        return distance(color, RGB(grey, grey, grey)) < distance(color, cube)
            ? Int32(232 + step) : Int32(16 + 36 * r + 6 * g + b)
    }

    private static func nearest(_ color: RGB, among range: Range<Int>) -> Int32 {
        Int32(range.min { distance(color, RGB.sixteen[$0]) < distance(color, RGB.sixteen[$1]) } ?? 0)
    }

    /// Weighted by how much the eye makes of each part.
    private static func distance(_ a: RGB, _ b: RGB) -> Int {
        let (r, g, b) = (Int(a.red) - Int(b.red), Int(a.green) - Int(b.green), Int(a.blue) - Int(b.blue))
        return 3 * r * r + 6 * g * g + b * b
    }

    private static func brightness(_ color: RGB) -> Int {
        (3 * Int(color.red) + 6 * Int(color.green) + Int(color.blue)) / 10
    }
}
