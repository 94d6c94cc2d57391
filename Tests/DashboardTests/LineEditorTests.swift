import TUI
import Testing

@Suite("The line editor")
struct LineEditorTests {
    private func typed(_ keys: [Key], _ line: LineEditor = LineEditor()) -> (text: String, last: LineEditor.Outcome) {
        var line = line
        var last = LineEditor.Outcome.ignored
        for key in keys { last = line.handle(key) }
        return (line.text, last)
    }

    @Test("Characters are appended, backspace takes whole characters away, ^U all of them")
    func edits() {
        let flag: Key = .character("🇨🇭")
        #expect(typed([.character("a"), flag]) == ("a🇨🇭", .edited))
        #expect(typed([.character("a"), flag, .backspace]) == ("a", .edited))
        #expect(typed([.character("a"), .delete]) == ("", .edited))
        #expect(typed([.character("a"), .character("b"), .control("u")]) == ("", .edited))
    }

    @Test("Backspace in an empty line leaves it; enter submits, escape cancels, other keys are ignored")
    func outcomes() {
        #expect(typed([.backspace]) == ("", .leftEmpty))
        #expect(typed([.character("a"), .enter]) == ("a", .submitted))
        #expect(typed([.character("a"), .escape]) == ("a", .cancelled))
        for key in [Key.tab, .up, .home, .control("a")] { #expect(typed([key]) == ("", .ignored)) }
    }

    @Test("Control characters and more than 200 bytes are not taken")
    func limits() {
        #expect(typed([.character("\u{1B}"), .character("\u{7F}"), .character("\u{9B}")]) == ("", .ignored))
        #expect(typed([.character("b")], LineEditor(String(repeating: "a", count: 200))).last == .ignored)
    }

    @Test("The end of a line that is too long is in sight, with the cursor behind it")
    func draws() {
        var canvas = Canvas(width: 12, height: 1, theme: .builtIn, glyphs: .ascii)
        LineEditor("layer4.1.conv1").draw(&canvas, 1, 0, right: 9)
        #expect(canvas.frame.text == " 1.conv1_")
    }
}
