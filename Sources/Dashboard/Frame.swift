/// How a cell looks: colours are 24-bit, and the backend maps them to what the terminal has; nil is the terminal's own.
public struct Style: Sendable, Hashable {
    public var foreground: RGB?
    public var background: RGB?
    public var bold: Bool
    public var dim: Bool
    public var reverse: Bool
    public var underline: Bool

    public init(
        foreground: RGB? = nil, background: RGB? = nil, bold: Bool = false, dim: Bool = false, reverse: Bool = false,
        underline: Bool = false
    ) {
        self.foreground = foreground
        self.background = background
        self.bold = bold
        self.dim = dim
        self.reverse = reverse
        self.underline = underline
    }
}

public struct RGB: Sendable, Hashable {
    public var red: UInt8
    public var green: UInt8
    public var blue: UInt8
    /// Which of the terminal's own sixteen colours is meant, where one is; the values then say what it usually looks like.
    public var terminalIndex: UInt8?

    public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }
}

/// One column of one row. A wide character takes two cells; the second has `text` "" and is not drawn by itself.
public struct Cell: Sendable, Equatable {
    /// One scalar with its combining marks.
    public var text: String
    public var style: Style

    public init(_ text: String = " ", _ style: Style = Style()) {
        self.text = text
        self.style = style
    }
}

/// What the screen should show, as plain data: what tests compare and the terminal draws.
public struct Frame: Sendable, Equatable {
    public let width: Int
    public let height: Int
    /// Row by row.
    public var cells: [Cell]

    public init(width: Int, height: Int) {
        self.width = max(0, width)
        self.height = max(0, height)
        cells = [Cell](repeating: Cell(), count: self.width * self.height)
    }

    public subscript(x: Int, y: Int) -> Cell {
        get { x >= 0 && x < width && y >= 0 && y < height ? cells[y * width + x] : Cell() }
        set { if x >= 0 && x < width && y >= 0 && y < height { cells[y * width + x] = newValue } }
    }

    /// The characters alone, a line a row, without trailing blanks.
    public var text: String {
        (0..<height).map { y in
            var line = (0..<width).map { cells[y * width + $0].text }.joined()
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
