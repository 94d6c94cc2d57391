import Network
import TUI
import Dashboard
import Terminal
import Testing
import TrainingEvents

/// As much of a terminal as the direct output uses.
private struct Emulator {
    /// Whether an emoji's parts are drawn as one, as tmux does, or one after the other, as xterm does.
    var joins = true
    /// What the next scalar may still belong to.
    private var last: (place: Int, text: String)?
    var cells: [Cell]
    let width: Int
    let height: Int
    var (x, y) = (0, 0)
    var style = Style()
    /// What was sent that no terminal should be sent.
    var strange: [String] = []

    init(_ width: Int, _ height: Int) {
        (self.width, self.height) = (width, height)
        cells = [Cell](repeating: Cell(), count: width * height)
    }

    mutating func feed(_ bytes: [UInt8]) {
        var scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            if scalar.value == 0x1B {
                guard scalars.popFirst() == "[" else { return strange.append("escape") }
                last = nil
                var text = ""
                while let next = scalars.first, next.isASCII, !next.properties.isAlphabetic {
                    text.unicodeScalars.append(next)
                    scalars.removeFirst()
                }
                let numbers = text.split(separator: ";").compactMap { Int($0) }
                switch scalars.popFirst() {
                case "H": (x, y) = (numbers[1] - 1, numbers[0] - 1)
                case "C": x += numbers[0]
                case "D": x -= numbers[0]
                case "m": setStyle(numbers)
                default: strange.append(text)
                }
                continue
            }
            if scalar.value < 0x20 { strange.append("control \(scalar.value)") }
            put(scalar)
        }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        let size = cellWidth(scalar)
        if joins, let last, (last.text + String(scalar)).count == 1 {
            let text = last.text + String(scalar)
            cells[last.place].text = text
            if displayWidth(text) == 2, last.place == y * width + x - 1 {
                cells[last.place + 1] = Cell("", style)
                x += 1
            }
            self.last?.text = text
            return
        }
        if size == 0 {
            // A mark goes onto the character before it.
            var back = x - 1
            while back > 0, cells[y * width + back].text.isEmpty { back -= 1 }
            cells[y * width + max(0, back)].text.unicodeScalars.append(scalar)
            return
        }
        guard y < height, x + size <= width else { return strange.append("beyond \(x),\(y)") }
        let place = y * width + x
        // Half of a wide character that is written over is blank.
        if cells[place].text.isEmpty, x > 0 { cells[place - 1].text = " " }
        let after = place + size
        if x + size < width, cells[after].text.isEmpty { cells[after].text = " " }
        cells[place] = Cell(String(scalar), style)
        if size == 2 { cells[place + 1] = Cell("", style) }
        last = (place, String(scalar))
        x += size
    }

    private mutating func setStyle(_ numbers: [Int]) {
        var rest = (numbers.isEmpty ? [0] : numbers)[...]
        while let number = rest.popFirst() {
            switch number {
            case 0: style = Style()
            case 1: style.bold = true
            case 2: style.dim = true
            case 4: style.underline = true
            case 7: style.reverse = true
            case 38, 48:
                let parts = Array(rest.prefix(4))
                rest = rest.dropFirst(4)
                let colour = RGB(UInt8(parts[1]), UInt8(parts[2]), UInt8(parts[3]))
                if number == 38 { style.foreground = colour } else { style.background = colour }
            default: strange.append("style \(number)")
            }
        }
    }
}

@Suite("Direct output")
struct DirectOutputTests {
    /// A family, a flag, a keycap, a symbol made an emoji, a skin tone, England's flag.
    static let emoji = ["👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "❤️", "👍🏽", "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}"]

    @Test(
        "A terminal that gets only the changes shows every frame of a hundred, and nothing is sent where nothing changed",
        arguments: [true, false])
    func changes(joins: Bool) {
        var generator = Generator(seed: 11)
        let texts = ["a", "b", " ", " ", "─", "⣿", "猫", "🐈", "e\u{301}", "\u{1B}", "字\u{301}"] + Self.emoji
        let styles = [
            Style(), Style(), Style(foreground: RGB(1, 2, 3)),
            Style(background: RGB(250, 9, 8), bold: true, underline: true), Style(dim: true, reverse: true),
        ]
        var emulator = Emulator(40, 12)
        emulator.joins = joins
        var shown: Frame?
        for round in 0..<100 {
            var frame = shown ?? Frame(width: 40, height: 12)
            for _ in 0..<(round % 7 == 0 ? 200 : 12) {
                let text = generator.pick(texts)
                let style = generator.pick(styles)
                let (x, y) = (Int.random(in: 0..<40, using: &generator), Int.random(in: 0..<12, using: &generator))
                let isWide = displayWidth(text) == 2 && text != "\u{1B}"
                if isWide, x == 39 { continue }
                // As the canvas mends a wide character that is cut in two.
                for place in [x, x + (isWide ? 1 : 0)] {
                    if frame[place, y].text.isEmpty { frame[place - 1, y].text = " " }
                    if frame[place + 1, y].text.isEmpty, place + 1 < 40 { frame[place + 1, y].text = " " }
                }
                frame[x, y] = Cell(text, style)
                if isWide { frame[x + 1, y] = Cell("", style) }
            }
            emulator.feed(DirectOutput.bytes(from: shown, to: frame, width: 40, height: 12))
            #expect(DirectOutput.bytes(from: frame, to: frame, width: 40, height: 12).isEmpty)
            for place in frame.cells.indices {
                var wanted = frame.cells[place]
                if wanted.text == "\u{1B}" { wanted.text = "?" }
                // Near the edge a sequence gives way to its first part; and one that is drawn apart covers its own cells alone.
                if wanted.text.unicodeScalars.count > 1, isEmojiSequence(Character(wanted.text)) {
                    if !joins || place % 40 > 30 { continue }
                } else if !joins, wanted.text.isEmpty, isEmojiSequence(Character(frame.cells[place - 1].text)) {
                    continue
                }
                guard emulator.cells[place] == wanted else {
                    Issue.record("round \(round), \(place % 40),\(place / 40): \(emulator.cells[place]), not \(wanted)")
                    return
                }
            }
            shown = frame
        }
        #expect(emulator.strange.isEmpty, "\(emulator.strange)")
    }

    @Test("A step costs a few hundred bytes at 200×60, the terminal's own colours stay its own")
    func bytes() {
        var state = Scenario.middle(glyphs: .unicode)
        let before = render(state, theme: .builtIn, width: 200, height: 60)
        Scenario.send(&state, .step(Scenario.step(168, trainable: Scenario.names.filter(Strategy.partial.trains))))
        let after = render(state, theme: .builtIn, width: 200, height: 60)
        let whole = DirectOutput.bytes(from: nil, to: after, width: 200, height: 60).count
        let change = DirectOutput.bytes(from: before, to: after, width: 200, height: 60).count
        print("200×60: whole \(whole) bytes, a step \(change) bytes")
        #expect(change < whole / 3)
        var frame = Frame(width: 2, height: 1)
        var cyan = RGB(0, 255, 255)
        cyan.terminalIndex = 14
        frame[0, 0] = Cell("x", Style(foreground: cyan))
        let text = String(decoding: DirectOutput.bytes(from: nil, to: frame, width: 2, height: 1), as: UTF8.self)
        #expect(text == "\u{1B}[1;1H\u{1B}[0;96mx\u{1B}[m")
    }
}
