/// A rectangle of cells.
package struct Area: Equatable {
    package var x: Int
    package var y: Int
    package var width: Int
    package var height: Int

    package init(x: Int, y: Int, width: Int, height: Int) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    package var right: Int { x + width }
    package var bottom: Int { y + height }
    package func inset(_ by: Int = 1) -> Area {
        Area(x: x + by, y: y + by, width: max(0, width - 2 * by), height: max(0, height - 2 * by))
    }
}

/// A piece of a line: text and the style that it has.
package struct Span {
    package var text: String
    package var style: Style

    package init(_ text: String, _ style: Style) {
        self.text = text
        self.style = style
    }
}

/// Draws into a frame, never beyond it and never half of a wide character.
package struct Canvas {
    package var frame: Frame
    package let theme: Theme
    package let glyphs: GlyphSet

    package init(width: Int, height: Int, theme: Theme, glyphs: GlyphSet) {
        frame = Frame(width: width, height: height)
        self.theme = theme
        self.glyphs = glyphs
    }

    package var isUnicode: Bool { glyphs.isUnicode }

    /// The frame, with the theme's own ground under what has none.
    package var finished: Frame {
        let ground = theme[.screen]
        guard ground.foreground != nil || ground.background != nil else { return frame }
        var frame = frame
        for place in frame.cells.indices { frame.cells[place].style.fill(from: ground) }
        return frame
    }

    package func width(_ text: String) -> Int { displayWidth(text, glyphs) }
    package func width(_ spans: [Span]) -> Int { spans.reduce(0) { $0 + width($1.text) } }

    /// Keys with what each does.
    package func keyHints(_ hints: [(key: String, label: String)]) -> [Span] {
        hints.enumerated().flatMap { index, hint in
            let space = index + 1 < hints.count ? "  " : ""
            return [Span(hint.key, theme[.key]), Span(" " + hint.label + space, theme[.label])]
        }
    }

    /// Sets a cell and mends a wide character that is cut in two by it.
    package mutating func set(_ x: Int, _ y: Int, _ text: String, _ style: Style) {
        guard x >= 0, x < frame.width, y >= 0, y < frame.height else { return }
        let place = y * frame.width + x
        if frame.cells[place].isSecondHalf, x > 0 { frame.cells[place - 1].text = " " }
        if !text.isEmpty, x + 1 < frame.width, frame.cells[place + 1].isSecondHalf { frame.cells[place + 1].text = " " }
        frame.cells[place] = Cell(text, style)
    }

    /// Writes text from `x`, cut at `limit` (exclusive) without a sign; returns where it ended.
    @discardableResult
    package mutating func put(_ x: Int, _ y: Int, _ text: String, _ style: Style, limit: Int? = nil) -> Int {
        let limit = min(limit ?? frame.width, frame.width)
        var x = x
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            for byte in text.utf8 {
                if x >= limit { return x }
                set(x, y, asciiText[Int(byte)], style)
                x += 1
            }
            return x
        }
        for glyph in TUI.glyphs(of: text, glyphs) {
            if x + glyph.width > limit { return x }
            set(x, y, glyph.text, style)
            if glyph.width == 2 {
                let place = y * frame.width + x + 1
                if x >= 0, y >= 0, y < frame.height {
                    set(x + 1, y, " ", style)
                    frame.cells[place].text = ""
                }
            }
            x += glyph.width
        }
        return x
    }

    @discardableResult
    package mutating func put(_ x: Int, _ y: Int, _ spans: [Span], limit: Int? = nil) -> Int {
        spans.reduce(x) { put($0, y, $1.text, $1.style, limit: limit) }
    }

    package mutating func putRight(_ right: Int, _ y: Int, _ text: String, _ style: Style) {
        put(right - width(text), y, text, style, limit: right)
    }

    /// Writes text that ends in an ellipsis where it does not fit.
    @discardableResult
    package mutating func putFitted(_ x: Int, _ y: Int, _ text: String, _ style: Style, width: Int) -> Int {
        put(x, y, fitted(text, width, glyphs), style, limit: x + width)
    }

    package mutating func fill(_ area: Area, _ style: Style = Style()) {
        for y in area.y..<max(area.y, area.bottom) {
            for x in area.x..<max(area.x, area.right) { set(x, y, " ", style) }
        }
    }

    /// Lays a style's background and attributes under what a line already shows.
    package mutating func underlay(_ area: Area, _ style: Style) {
        for y in max(0, area.y)..<min(frame.height, max(0, area.y, area.bottom)) {
            for x in max(0, area.x)..<min(frame.width, max(0, area.x, area.right)) {
                let place = y * frame.width + x
                if let background = style.background { frame.cells[place].style.background = background }
                if let foreground = style.foreground { frame.cells[place].style.foreground = foreground }
                if style.bold { frame.cells[place].style.bold = true }
                if style.reverse { frame.cells[place].style.reverse = true }
                if style.underline { frame.cells[place].style.underline = true }
            }
        }
    }

    /// A rounded box with a title at the left and spans at the right of its upper edge.
    package mutating func box(_ area: Area, title: String, right: [Span] = []) {
        guard area.width >= 2, area.height >= 2 else { return }
        let border = theme[.border]
        let line = isUnicode ? "─" : "-"
        let side = isUnicode ? "│" : "|"
        for x in area.x + 1..<area.right - 1 {
            set(x, area.y, line, border)
            set(x, area.bottom - 1, line, border)
        }
        for y in area.y + 1..<area.bottom - 1 {
            set(area.x, y, side, border)
            set(area.right - 1, y, side, border)
        }
        let corners = glyphs.sign("╭╮╰╯", block: "┌┐└┘", ascii: "++++").map(String.init)
        set(area.x, area.y, corners[0], border)
        set(area.right - 1, area.y, corners[1], border)
        set(area.x, area.bottom - 1, corners[2], border)
        set(area.right - 1, area.bottom - 1, corners[3], border)

        let space = area.width - 4
        guard space >= 3 else { return }
        let rightWidth = width(right)
        let titleWidth = width(title)
        // The right part gives way first: the title says what the pane is.
        if rightWidth > 0, titleWidth + rightWidth + 6 <= area.width - 2 {
            let start = area.right - 3 - rightWidth
            set(start - 1, area.y, " ", border)
            put(start, area.y, right, limit: area.right - 3)
            set(area.right - 3, area.y, " ", border)
        }
        let end = putFitted(area.x + 2, area.y, title, theme[.title], width: space - 2)
        set(area.x + 1, area.y, " ", border)
        set(end, area.y, " ", border)
    }
}

/// Every ASCII character as a string, so that drawing makes none.
private let asciiText: [String] = (0..<128).map { String(Unicode.Scalar(UInt8($0))) }
