import Glibc
import TUI

/// Colours that a stream takes: none, indices into a palette, or 24-bit values.
package enum ColorDepth: Sendable, Equatable {
    case none
    case indexed(Int)
    case direct

    /// By `isatty` and the environment alone, since terminfo is asked only where a screen is opened.
    package init(_ descriptor: Int32) {
        func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        let name = variable("TERM")
        if isatty(descriptor) != 1 || !variable("NO_COLOR").isEmpty || ["", "dumb"].contains(name) {
            self = .none
        } else if ["truecolor", "24bit"].contains(variable("COLORTERM")) {
            self = .direct
        } else {
            self = .indexed(name.contains("256color") ? 256 : 8)
        }
    }
}

extension Frame {
    /// The rows as text for a stream: attributes as SGR sequences, no cursor movement, nothing after the last cell that shows.
    package func lines(_ depth: ColorDepth) -> [String] {
        guard depth != .none else {
            return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        return (0..<height).map { y in
            let row = cells[y * width..<(y + 1) * width]
            let end = row.lastIndex { !$0.isBlank || $0.style.background != nil } ?? row.startIndex - 1
            var (line, style) = ("", Style())
            for cell in row[..<(end + 1)] {
                if cell.style != style, !cell.isSecondHalf {
                    style = cell.style
                    line += "\u{1B}[" + style.graphicRendition(depth).map(String.init).joined(separator: ";") + "m"
                }
                line += cell.text
            }
            return style == Style() ? line : line + "\u{1B}[m"
        }
    }
}

extension Style {
    /// SGR's parameters for this style and nothing else.
    func graphicRendition(_ depth: ColorDepth) -> [Int] {
        var numbers = [0]
        if bold { numbers.append(1) }
        if dim { numbers.append(2) }
        if underline { numbers.append(4) }
        if reverse { numbers.append(7) }
        var indices: (foreground: Int32, background: Int32)?
        if case .indexed(let count) = depth {
            indices = Palette(colors: count).indices(foreground: foreground, background: background)
        }
        for (color, palette, base) in [(foreground, indices?.foreground, 30), (background, indices?.background, 40)] {
            guard let color else { continue }
            if let index = (palette ?? color.terminalIndex.map { Int32($0 & 15) }).map(Int.init) {
                numbers += index < 8 ? [base + index] : index < 16 ? [base + 52 + index] : [base + 8, 5, index]
            } else {
                numbers += [base + 8, 2, Int(color.red), Int(color.green), Int(color.blue)]
            }
        }
        return numbers
    }
}
