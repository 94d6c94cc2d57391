/// Dots finer than cells, to draw lines with: 2×4 in a braille cell, 1×2 with half blocks, one a cell in ASCII.
package struct DotGrid {
    package let width: Int
    package let height: Int
    private let glyphs: GlyphSet
    private let across: Int
    private let down: Int
    private var bits: [UInt8]

    /// - Parameters: the size in cells.
    package init(width: Int, height: Int, glyphs: GlyphSet) {
        self.width = max(0, width)
        self.height = max(0, height)
        self.glyphs = glyphs
        across = glyphs == .unicode ? 2 : 1
        down = glyphs == .unicode ? 4 : glyphs == .block ? 2 : 1
        bits = [UInt8](repeating: 0, count: self.width * self.height)
    }

    package var columns: Int { width * across }
    package var rows: Int { height * down }

    package mutating func mark(_ x: Int, _ y: Int) {
        guard x >= 0, x < columns, y >= 0, y < rows else { return }
        let bit: UInt8 = glyphs == .unicode ? brailleBits[y % 4 * 2 + x % 2] : glyphs == .block ? 1 << UInt8(y % 2) : 1
        bits[y / down * width + x / across] |= bit
    }

    package mutating func vertical(_ x: Int, _ a: Int, _ b: Int) { for y in min(a, b)...max(a, b) { mark(x, y) } }

    /// The dots of a cell, 0 where there is none.
    package subscript(place: Int) -> UInt8 { bits[place] }

    /// The character for a cell's dots; `strong` is for the line itself where dots have no shape.
    package func text(_ dots: UInt8, strong: Bool) -> String {
        switch glyphs {
        case .unicode: brailleText[Int(dots)]
        case .block: dots == 1 ? "▀" : dots == 2 ? "▄" : "█"
        case .ascii: strong ? "*" : "."
        }
    }
}

private let brailleBits: [UInt8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]
private let brailleText: [String] = (0..<256).map { Unicode.Scalar(UInt32(0x2800 + $0)).map(String.init) ?? " " }
