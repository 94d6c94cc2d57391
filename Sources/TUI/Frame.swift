import Synchronization

/// How a cell looks: colours are 24-bit, and the backend maps them to what the terminal has; nil is the terminal's own.
///
/// One word, since a frame compares and copies thousands of them: 30 bits a colour, 4 bits of attributes.
package struct Style: Sendable, Hashable {
    package var bits: UInt64

    package init(
        foreground: RGB? = nil, background: RGB? = nil, bold: Bool = false, dim: Bool = false, reverse: Bool = false,
        underline: Bool = false
    ) {
        bits = 0
        self.foreground = foreground
        self.background = background
        self.bold = bold
        self.dim = dim
        self.reverse = reverse
        self.underline = underline
    }

    /// Takes another's colours where it has none.
    package mutating func fill(from ground: Style) {
        if bits & RGB.mask == 0 { bits |= ground.bits & RGB.mask }
        let upper = RGB.mask << RGB.bitCount
        if bits & upper == 0 { bits |= ground.bits & upper }
    }

    package var foreground: RGB? {
        get { RGB(word: bits & RGB.mask) }
        set { bits = bits & ~RGB.mask | (newValue?.word ?? 0) }
    }
    package var background: RGB? {
        get { RGB(word: bits >> RGB.bitCount & RGB.mask) }
        set { bits = bits & ~(RGB.mask << RGB.bitCount) | (newValue?.word ?? 0) << RGB.bitCount }
    }
    package var bold: Bool {
        get { self[60] }
        set { self[60] = newValue }
    }
    package var dim: Bool {
        get { self[61] }
        set { self[61] = newValue }
    }
    package var reverse: Bool {
        get { self[62] }
        set { self[62] = newValue }
    }
    package var underline: Bool {
        get { self[63] }
        set { self[63] = newValue }
    }

    /// Bold, dim, reverse and underline, from the lowest bit on.
    package var attributes: Int32 { Int32(bits >> 60) }

    private subscript(bit: Int) -> Bool {
        get { bits >> UInt64(bit) & 1 == 1 }
        set { bits = newValue ? bits | 1 << UInt64(bit) : bits & ~(1 << UInt64(bit)) }
    }
}

package struct RGB: Sendable, Hashable {
    package var red: UInt8
    package var green: UInt8
    package var blue: UInt8
    /// Which of the terminal's own sixteen colours is meant, where one is; the values are then what it usually looks like.
    package var terminalIndex: UInt8?

    package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// 0xRRGGBB.
    package init(_ value: UInt32) { self.init(UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)) }

    package static let bitCount: UInt64 = 30
    package static let mask: UInt64 = 1 << bitCount - 1

    /// Whether there is a colour, whether it is one of the sixteen, which one, and the three values; 0 is none.
    package var word: UInt64 {
        let index = terminalIndex.map { 1 << 28 | UInt64($0 & 15) << 24 } ?? 0
        return 1 << 29 | index | UInt64(red) << 16 | UInt64(green) << 8 | UInt64(blue)
    }

    package init?(word: UInt64) {
        guard word >> 29 & 1 == 1 else { return nil }
        self.init(UInt32(word & 0xFF_FFFF))
        if word >> 28 & 1 == 1 { terminalIndex = UInt8(word >> 24 & 15) }
    }
}

/// One column of one row. A wide character takes two cells; the second has `text` "" and is not drawn by itself.
///
/// Plain bits, no reference counts: a frame of 200×60 has twelve thousand, made and compared ten times a second.
package struct Cell: Sendable, Hashable {
    /// UTF-8 from the lowest byte on; no character holds a zero byte, so what is left is zero. Where the lowest byte is 0xFF,
    /// which is in no UTF-8, `high` is the text's number among `longTexts`.
    package var low: UInt64 = 0
    package var high: UInt64 = 0
    package var style: Style

    /// Bytes that a cell holds.
    private static let room = 16

    package init(_ text: String = " ", _ style: Style = Style()) {
        self.style = style
        self.text = text
    }

    /// One scalar with its combining marks, or an emoji sequence.
    package var text: String {
        get {
            if low == 0xFF { return longTexts.withLock { $0.text(Int(high)) } }
            var bytes: [UInt8] = []
            for place in 0..<Self.room {
                let byte = UInt8(truncatingIfNeeded: (place < 8 ? low : high) >> UInt64(place % 8 * 8))
                if byte == 0 { break }
                bytes.append(byte)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        set {
            (low, high) = (0, 0)
            var place = 0
            for scalar in newValue.unicodeScalars {
                let units = UTF8.encode(scalar)
                guard let units, scalar.value != 0 else { return }
                guard place + units.count <= Self.room else {
                    if let number = longTexts.withLock({ $0.number(newValue) }) {
                        (low, high) = (0xFF, UInt64(number))
                    } else {
                        self = Cell(String(newValue.unicodeScalars.prefix(1)), style)
                    }
                    return
                }
                for unit in units {
                    if place < 8 {
                        low |= UInt64(unit) << UInt64(place * 8)
                    } else {
                        high |= UInt64(unit) << UInt64(place % 8 * 8)
                    }
                    place += 1
                }
            }
        }
    }

    package var isBlank: Bool { low == 0x20 && high == 0 }

    /// Of a wide character.
    package var isSecondHalf: Bool { low == 0 }
}

/// Texts that are longer than a cell has room for (a family of four is 25 bytes), each once.
private struct LongTexts {
    private var texts: [String] = []
    private var numbers: [String: Int] = [:]

    func text(_ number: Int) -> String { texts.indices.contains(number) ? texts[number] : " " }

    /// nil for what no script or emoji needs, and once there are more than the names of any run have: then a cell shows
    /// the first scalar.
    mutating func number(_ text: String) -> Int? {
        if let known = numbers[text] { return known }
        guard text.utf8.count <= 64, texts.count < 1 << 14 else { return nil }
        texts.append(text)
        numbers[text] = texts.count - 1
        return texts.count - 1
    }
}

private let longTexts = Mutex(LongTexts())

/// What the screen should show, as plain data: what tests compare and the terminal draws.
package struct Frame: Sendable, Equatable {
    package let width: Int
    package let height: Int
    /// Row by row.
    package var cells: [Cell]

    package init(width: Int, height: Int) {
        self.width = max(0, width)
        self.height = max(0, height)
        cells = [Cell](repeating: Cell(), count: self.width * self.height)
    }

    package subscript(x: Int, y: Int) -> Cell {
        get { x >= 0 && x < width && y >= 0 && y < height ? cells[y * width + x] : Cell() }
        set { if x >= 0 && x < width && y >= 0 && y < height { cells[y * width + x] = newValue } }
    }

    /// The characters alone, a line a row, without trailing blanks.
    package var text: String {
        (0..<height).map { y in
            var line = (0..<width).map { cells[y * width + $0].text }.joined()
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
