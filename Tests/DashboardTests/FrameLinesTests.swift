import TUI
import Terminal
import Testing

@Suite struct FrameLinesTests {
    private func frame(_ style: Style) -> Frame {
        var canvas = Canvas(width: 6, height: 2, theme: .builtIn, glyphs: .unicode)
        canvas.put(0, 0, "ab", style)
        canvas.put(2, 0, "日", Style())
        return canvas.frame
    }

    @Test func `without colours the lines are the characters alone`() {
        #expect(frame(Style(foreground: RGB(255, 0, 0), bold: true)).lines(.none) == ["ab日", ""])
    }

    @Test func `a style is set where it begins and ended where the line ends`() {
        let red = Style(foreground: RGB(255, 0, 0), bold: true)
        #expect(frame(red).lines(.direct) == ["\u{1B}[0;1;38;2;255;0;0mab\u{1B}[0m日", ""])
        #expect(frame(red).lines(.indexed(256)) == ["\u{1B}[0;1;38;5;196mab\u{1B}[0m日", ""])
        #expect(frame(red).lines(.indexed(8)) == ["\u{1B}[0;1;31mab\u{1B}[0m日", ""])
    }

    @Test func `the terminal's own colours stay its own, and a ground reaches the end of the line`() {
        var green = RGB(0, 255, 0)
        green.terminalIndex = 10
        var painted = frame(Style())
        for place in painted.cells.indices { painted.cells[place].style = Style(background: green) }
        #expect(painted.lines(.direct) == ["\u{1B}[0;102mab日  \u{1B}[m", "\u{1B}[0;102m      \u{1B}[m"])
    }

    @Test(arguments: [256, 16, 8])
    func `colours that a palette cannot tell apart stay apart in text, and meet in a picture`(
        count: Int
    ) {
        let (one, other) = (RGB(200, 10, 10), RGB(202, 11, 10))
        let text = Palette(colors: count).indices(foreground: one, background: other)
        #expect(text.foreground != text.background)
        let picture = Palette(colors: count).indices(foreground: one, background: other, isText: false)
        #expect(picture.foreground == picture.background && picture.background == text.background)
    }
}
