import Foundation
import Support
import TUI

/// Lines to standard output and error. A reader that went away (`| head`) must not end a run that has work to save, so a
/// failed write is not an error here (a run ignores SIGPIPE).
enum StandardStreams {
    static func line(_ text: String) { write(visible(text) + "\n", to: STDOUT_FILENO) }

    static func json(_ value: JSON) { write(value.line + "\n", to: STDOUT_FILENO) }

    static func error(_ text: String) { write(visible(text) + "\n", to: STDERR_FILENO) }

    static func warning(_ text: String) { error(wrapped("warning: \(text)", for: STDERR_FILENO)) }

    /// The text as it is.
    static func write(_ text: String, to descriptor: Int32) {
        _ = Array(text.utf8).withUnsafeBytes { writeAll($0, to: descriptor) }
    }

    /// Sentences in lines that end between words where they go to a terminal; elsewhere as they are.
    static func wrapped(_ sentence: String, for descriptor: Int32 = STDOUT_FILENO) -> String {
        guard let width = terminalSize(descriptor)?.width, width >= 20, displayWidth(sentence) > width else {
            return sentence
        }
        // Longer lines are hard to read, however wide the terminal is.
        return filled(sentence.split(separator: " ").map(String.init), by: " ", min(100, width - 1))
            .joined(separator: "\n")
    }

    /// Puts as many of the parts on each line as have room.
    static func filled(_ parts: [String], by separator: String, _ width: Int) -> [String] {
        parts.reduce(into: [String]()) { lines, part in
            if let last = lines.last, displayWidth(last + separator + part) <= width {
                lines[lines.count - 1] = last + separator + part
            } else {
                lines.append(part)
            }
        }
    }

    /// nil where it is no terminal.
    static func terminalSize(_ descriptor: Int32) -> (width: Int, height: Int)? {
        var size = winsize()
        guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Control characters in text that the program did not write are shown, never sent (a class name may hold an escape
    /// sequence).
    static func visible(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x00...0x1F where scalar != "\n": result += "^" + String(UnicodeScalar(UInt8(scalar.value) + 0x40))
            case 0x7F: result += "^?"
            case 0x80...0x9F: result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
