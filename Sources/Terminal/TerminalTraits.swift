import CNcurses
import Glibc

/// What a terminal says of itself, without a screen being opened on it.
package struct TerminalTraits: Sendable {
    package let name: String
    /// As terminfo has them; 0 where it has none or does not know the terminal.
    package let colors: Int
    /// Whether 24-bit colours are promised by COLORTERM.
    package let isDirect: Bool
    /// Whether it answered at all: every terminal since the VT100 does, serial lines and recorders may not.
    package private(set) var answers = false
    /// Whether it holds a frame back until it is whole (DEC private mode 2026).
    package private(set) var isSynchronised = false
    /// Whether it tells keys apart that are alike otherwise (kitty's protocol).
    package private(set) var hasKeyboardProtocol = false

    package static var isUTF8: Bool { frostline_locale_is_utf8() }

    /// Of the environment alone, before anything was asked.
    static var blank: TerminalTraits { TerminalTraits() }

    private init() {
        let depth = getenv("COLORTERM").map { String(cString: $0) } ?? ""
        let plain = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        name = getenv("TERM").map { String(cString: $0) } ?? ""
        colors = plain ? 0 : Int(frostline_terminfo_colors(name))
        isDirect = !plain && colors > 0 && (depth == "truecolor" || depth == "24bit")
    }

    /// Asks the terminal on standard input and output; waits a third of a second at most. The terminal is left as it was.
    package static func ask() -> TerminalTraits {
        var traits = TerminalTraits()
        var before = termios()
        guard traits.name != "dumb", !traits.name.isEmpty, tcgetattr(STDIN_FILENO, &before) == 0 else { return traits }
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        raw.c_cc.6 = 0  // VMIN
        raw.c_cc.5 = 1  // VTIME, tenths of a second
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw)
        defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) }
        // Modes, keyboard, and last what everything answers: primary device attributes.
        let question = Array("\u{1B}[?2026$p\u{1B}[?u\u{1B}[c".utf8)
        guard write(STDOUT_FILENO, question, question.count) == question.count else { return traits }
        var answer: [UInt8] = []
        for _ in 0..<3 {
            var bytes = [UInt8](repeating: 0, count: 256)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            if count > 0 { answer += bytes[..<count] }
            if answer.last == UInt8(ascii: "c") || answer.count > 4096 { break }
        }
        traits.take(String(decoding: answer, as: UTF8.self))
        return traits
    }

    mutating func take(_ answer: String) {
        let parts = answer.split(separator: "\u{1B}[?", omittingEmptySubsequences: true).map(String.init)
        answers = parts.contains { $0.hasSuffix("c") }
        // 1 set, 2 reset: known either way; 0 and 4 are no.
        isSynchronised = parts.contains { $0.hasPrefix("2026;1$y") || $0.hasPrefix("2026;2$y") }
        hasKeyboardProtocol = parts.contains { $0.hasSuffix("u") }
    }
}
