import TUI

#if canImport(Glibc)
    import Glibc
#endif

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
                    line += style.sequence(depth)
                }
                line += cell.text
            }
            return style == Style() ? line : line + "\u{1B}[m"
        }
    }
}

extension Style {
    /// The SGR sequence that sets this style and nothing else.
    fileprivate func sequence(_ depth: ColorDepth) -> String {
        var numbers = [0]
        if bold { numbers.append(1) }
        if dim { numbers.append(2) }
        if underline { numbers.append(4) }
        if reverse { numbers.append(7) }
        switch depth {
        case .none: break
        case .direct:
            for (color, base) in [(foreground, 38), (background, 48)] {
                if let color { numbers += [base, 2, Int(color.red), Int(color.green), Int(color.blue)] }
            }
        case .indexed(let count):
            let indices = Palette(colors: count).indices(foreground: foreground, background: background)
            for (index, base) in [(Int(indices.foreground), 30), (Int(indices.background), 40)] where index >= 0 {
                numbers += index < 8 ? [base + index] : [base + 8, 5, index]
            }
        }
        return "\u{1B}[" + numbers.map(String.init).joined(separator: ";") + "m"
    }
}
