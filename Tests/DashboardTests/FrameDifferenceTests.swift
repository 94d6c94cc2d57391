import TUI
import Testing

@Suite("The difference of two frames")
struct FrameDifferenceTests {
    private func frame(_ rows: String...) -> Frame {
        var canvas = Canvas(width: 6, height: rows.count, theme: .builtIn, glyphs: .unicode)
        for (y, row) in rows.enumerated() { canvas.put(0, y, row, Style()) }
        return canvas.frame
    }

    private func places(_ old: Frame?, _ new: Frame, width: Int = 6) -> [String] {
        FrameDifference(from: old, to: new, width: width, height: 9).map { "\($0.x),\($0.y) \($0.cell.text)" }
    }

    @Test("Only cells that differ are told, row by row; against a blank screen all that is not blank")
    func cells() {
        #expect(places(frame("abc", "def"), frame("abX", "dYf")) == ["2,0 X", "1,1 Y"])
        #expect(places(frame("abc"), frame("abc")).isEmpty)
        #expect(places(nil, frame(" a c")) == ["1,0 a", "3,0 c"])
        #expect(places(frame("a", "b"), frame("ab")) == ["0,0 a", "1,0 b"], "of another size: blank")
    }

    @Test("A style alone is a difference, and cells beyond the screen are none")
    func styles() {
        var new = frame("abc")
        new[1, 0].style.bold = true
        #expect(places(frame("abc"), new) == ["1,0 b"])
        #expect(places(frame("abcdef"), frame("Xbcdef"), width: 0).isEmpty)
        #expect(places(frame("abcdef"), frame("abcdeX"), width: 5).isEmpty)
    }

    @Test("A wide character is one change, and both cells that replace one are told")
    func wide() {
        #expect(places(frame("abcd"), frame("a猫d")) == ["1,0 猫"])
        #expect(places(frame("a猫d"), frame("abcd")) == ["1,0 b", "2,0 c"])
        #expect(places(frame("猫猫"), frame("a猫b")) == ["0,0 a", "1,0 猫", "3,0 b"])
    }

    @Test("What was covered by the last change is told again, in its row alone")
    func covered() {
        var difference = FrameDifference(from: frame("abcd", "efgh"), to: frame("Xbcd", "efgh"), width: 6, height: 2)
        #expect(difference.next()?.cell.text == "X")
        difference.cover(upTo: 3)
        #expect(difference.next()?.cell.text == "b")
        #expect(difference.next()?.cell.text == "c")
        #expect(difference.next()?.x == nil)
    }
}
