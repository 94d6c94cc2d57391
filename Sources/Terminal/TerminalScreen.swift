import CNcurses
import Glibc
import TUI

/// The terminal as a place to put frames and to read keys from. For the main thread only.
package final class TerminalScreen {
    /// Whether the terminal takes more than ASCII, by the locale.
    package let isUTF8: Bool

    /// Whether it can show any colour at all.
    package var hasColors: Bool { palette.size > 0 }

    private let palette: Palette
    private let pairLimit: Int32
    private var pairs: [Int64: Int32] = [:]
    private var looks: [Style: Look] = [:]
    /// What ncurses was last given; nil where everything must be drawn again.
    private var shown: Frame?
    private var isOpen = true
    /// Whether this terminal takes 24-bit colours, which terminfo seldom says; then frames are written past ncurses.
    private let isDirect: Bool
    /// Whether the terminal has answered that it can hold back a frame until it is whole.
    private var isSynchronised = false

    /// A style as ncurses wants it.
    private typealias Look = (attributes: Int32, pair: Int32)

    private init(name: String, isUTF8: Bool) {
        self.isUTF8 = isUTF8
        self.name = name
        let plain = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        palette = Palette(colors: Int(frostline_colors(!plain)))
        pairLimit = palette.size == 0 ? 0 : frostline_pair_limit()
        let depth = getenv("COLORTERM").map { String(cString: $0) } ?? ""
        let isOld = Self.hasFewGlyphs(name)
        isDirect = !plain && !isOld && palette.size > 0 && (depth == "truecolor" || depth == "24bit")
        // Consoles and hardware would show the question.
        if !isOld { frostline_ask_synchronised() }
    }

    private let name: String

    /// The characters that locale and terminal are likely to have.
    package var glyphs: GlyphSet { Self.glyphs(name, isUTF8) }

    /// The same for a program that opens no screen.
    package static func expectedGlyphs() -> GlyphSet {
        glyphs(getenv("TERM").map { String(cString: $0) } ?? "", frostline_locale_is_utf8())
    }

    private static func glyphs(_ name: String, _ isUTF8: Bool) -> GlyphSet {
        guard isUTF8 else { return .ascii }
        // The Linux console draws boxes and blocks, and has no braille.
        return name == "linux" ? .block : hasFewGlyphs(name) ? .ascii : .unicode
    }

    deinit { close() }

    package static func open() throws(TerminalError) -> TerminalScreen {
        let name = getenv("TERM").map { String(cString: $0) }
        guard let name, !name.isEmpty, name != "dumb" else { throw .dumb(name) }
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { throw .notATerminal }
        let isUTF8 = frostline_locale_is_utf8()
        // Nearly every terminal that terminfo has not heard of understands what xterm does.
        guard frostline_open(name) || frostline_open("xterm-256color") || frostline_open("xterm") else {
            throw .unknown(name)
        }
        return TerminalScreen(name: name, isUTF8: isUTF8)
    }

    /// Consoles and hardware whose font has no braille, whatever the locale says.
    private static func hasFewGlyphs(_ name: String) -> Bool {
        ["linux", "vt52", "vt100", "vt102", "vt220", "ansi", "cons25", "pcansi"].contains(name)
    }

    package var size: (width: Int, height: Int) {
        var width: Int32 = 0
        var height: Int32 = 0
        frostline_size(&width, &height)
        return (Int(width), Int(height))
    }

    /// Shows the frame; only what differs from the one before is written, and nothing at all where nothing does.
    /// - Returns: whether anything had to be written.
    @discardableResult
    package func present(_ frame: Frame) -> Bool {
        guard isOpen else { return false }
        let (width, height) = size
        guard width > 0, height > 0 else { return false }
        let old = shown.flatMap { $0.width == frame.width && $0.height == frame.height ? $0 : nil }
        if isDirect {
            shown = frame
            return presentDirectly(frame, from: old, width, height)
        }
        if old == nil { frostline_erase() }
        var changed = old == nil
        for change in FrameDifference(from: old, to: frame, width: width, height: height) {
            put(change)
            changed = true
        }
        shown = frame
        if changed {
            if isSynchronised { write(DirectOutput.begin) }
            frostline_update()
            if isSynchronised { write(DirectOutput.end) }
        }
        return changed
    }

    /// Past ncurses, which knows no more than 256 colours here. It has cleared the screen, and stays out of it.
    private func presentDirectly(_ frame: Frame, from old: Frame?, _ width: Int, _ height: Int) -> Bool {
        if old == nil {
            frostline_erase()
            frostline_update()
        }
        var bytes = DirectOutput.bytes(from: old, to: frame, width: width, height: height)
        guard !bytes.isEmpty else { return false }
        if isSynchronised { bytes = Array(DirectOutput.begin) + bytes + Array(DirectOutput.end) }
        write(bytes)
        return true
    }

    private func write(_ bytes: some Collection<UInt8>) {
        Array(bytes).withUnsafeBytes { frostline_write($0.baseAddress, Int32($0.count)) }
    }

    private func put(_ change: FrameDifference.Change) {
        let text = change.cell.text
        let look = look(of: change.cell.style, isText: text != "▀")
        let columns = put(text, x: change.x, y: change.y, room: change.isWide ? 2 : 1, look: look)
        guard columns == 1, change.isWide else { return }
        // A flag's letters have a cell each; the terminal joins them where it can.
        let second = text.unicodeScalars.dropFirst().first.map { isRegionalIndicator($0) ? String($0) : " " }
        _ = put(second ?? " ", x: change.x + 1, y: change.y, room: 1, look: look)
    }

    /// Puts one cell's text, and something harmless in place of what cannot be shown: a control character in a file's
    /// name must not reach the terminal. ncurses holds a scalar and its marks, so of an emoji sequence the first part is
    /// shown, without joiners and U+FE0F, which would act upon the next cell.
    private func put(_ text: String, x: Int, y: Int, room: Int, look: Look) -> Int {
        withUnsafeTemporaryAllocation(of: wchar_t.self, capacity: 6) { buffer in
            var count = 0
            var columns = 1
            for scalar in text.unicodeScalars {
                let value = wchar_t(bitPattern: scalar.value)
                if count == 0 {
                    let printable = scalar.isASCII ? value >= 32 && value < 127 : isUTF8
                    let width = printable ? Int(frostline_width(value)) : -1
                    if width == 0 {
                        buffer[0] = 32
                        buffer[1] = value
                        count = 2
                    } else {
                        let fits = width > 0 && width <= room
                        buffer[0] = fits ? value : 63
                        columns = fits ? width : 1
                        count = 1
                    }
                } else if count < 5, isUTF8, frostline_width(value) == 0, value != 0xFE0F,
                    scalar.properties.generalCategory != .format
                {
                    buffer[count] = value
                    count += 1
                }
            }
            if count == 0 {
                buffer[0] = 32
                count = 1
            }
            buffer[count] = 0
            frostline_put(Int32(x), Int32(y), buffer.baseAddress, look.attributes, look.pair)
            return columns
        }
    }

    private func look(of style: Style, isText: Bool) -> Look {
        if isText, let known = looks[style] { return known }
        var drawn = style
        // Without colours a ground of its own still differs.
        if palette.size == 0, style.background != nil { drawn.reverse = true }
        var pair: Int32 = 0
        if palette.size > 0, style.foreground != nil || style.background != nil {
            let (front, back) = palette.indices(
                foreground: style.foreground, background: style.background, isText: isText)
            pair = self.pair(front, back)
        }
        let look = (drawn.attributes, pair)
        guard isText else { return look }
        // A theme has a few dozen styles; a gradient could have more than is worth keeping.
        if looks.count > 4096 { looks.removeAll(keepingCapacity: true) }
        looks[style] = look
        return look
    }

    /// Pairs are never defined anew: that would change cells that are on the screen already.
    private func pair(_ foreground: Int32, _ background: Int32) -> Int32 {
        let key = Int64(foreground) << 32 | Int64(UInt32(bitPattern: background))
        if let known = pairs[key] { return known }
        let next = Int32(pairs.count + 1)
        guard next < pairLimit, frostline_define_pair(next, foreground, background) else {
            return background == -1 ? 0 : pairs[Int64(foreground) << 32 | Int64(UInt32.max)] ?? 0
        }
        pairs[key] = next
        return next
    }

    /// Listens to the mouse, or leaves it to the terminal.
    package func listenToMouse(_ wanted: Bool) {
        guard isOpen else { return }
        frostline_listen_to_mouse(wanted)
    }

    /// Every key and what the mouse did, without waiting. What the terminal answers to questions is not among them.
    package func readInput() -> [TerminalInput] {
        guard isOpen else { return [] }
        var input: [TerminalInput] = []
        var character: wchar_t = 0
        // Bounded, so that a flood of input does not keep the screen from being drawn.
        while input.count < 256 {
            let kind = frostline_read_key(&character)
            switch UInt32(bitPattern: kind) {
            case UInt32(FROSTLINE_KEY_NONE): return input
            case UInt32(FROSTLINE_KEY_MOUSE): if let event = Self.mouseEvent() { input.append(.mouse(event)) }
            case UInt32(FROSTLINE_KEY_SYNCHRONISED): isSynchronised = true
            case UInt32(FROSTLINE_KEY_NOT_SYNCHRONISED): isSynchronised = false
            default: if let key = Self.key(kind, character) { input.append(.key(key)) }
            }
        }
        return input
    }

    private static func mouseEvent() -> MouseEvent? {
        var x: Int32 = 0
        var y: Int32 = 0
        let kind = Int(frostline_mouse(&x, &y)) - Int(FROSTLINE_MOUSE_PRESS)
        guard MouseEvent.Kind.allCases.indices.contains(kind) else { return nil }
        return MouseEvent(MouseEvent.Kind.allCases[kind], x: Int(x), y: Int(y))
    }

    /// In the order of CNcurses' codes, from FROSTLINE_KEY_UP on.
    private static let keys: [Key] = [
        .up, .down, .left, .right, .home, .end, .pageUp, .pageDown, .enter, .backspace, .delete,
    ]

    private static func key(_ kind: Int32, _ character: wchar_t) -> Key? {
        let place = Int(kind) - Int(FROSTLINE_KEY_UP)
        if keys.indices.contains(place) { return keys[place] }
        guard UInt32(bitPattern: kind) == UInt32(FROSTLINE_KEY_CHARACTER) else { return nil }
        switch character {
        case 8, 127: return .backspace
        case 9: return .tab
        case 10, 13: return .enter
        case 27: return .escape
        case 1...26: return .control(Character(Unicode.Scalar(UInt8(character) + 96)))
        case 32...: return Unicode.Scalar(UInt32(character)).map { .character(Character($0)) }
        default: return nil
        }
    }

    /// The terminal's size changed: takes it over, and the next frame is drawn whole.
    package func resized() {
        guard isOpen else { return }
        frostline_follow_size()
        shown = nil
    }

    /// The next frame is drawn whole, over whatever has been written there.
    package func redraw() {
        guard isOpen else { return }
        frostline_repaint()
        shown = nil
    }

    /// Gives the terminal back and stops, as ^Z does; returns when the program goes on.
    /// - Parameter group: whether everything that was started with this program stops too, as it does when ^Z is typed.
    package func suspend(group: Bool = true) {
        guard isOpen else { return }
        frostline_pause()
        frostline_stop_here(group)
        resume()
    }

    /// After a stop that could not be announced (SIGSTOP): the shell has had the terminal meanwhile.
    package func resume() {
        guard isOpen else { return }
        frostline_unpause()
        shown = nil
    }

    /// Leaves the terminal as it was. Doing it twice does no harm.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        frostline_close()
    }
}
