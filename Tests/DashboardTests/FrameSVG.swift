import Support
import TUI

extension Frame {
    private static var foreground: RGB { RGB(0xD3, 0xDF, 0xEB) }
    private static var background: RGB { RGB(0x10, 0x18, 0x22) }

    private func number(_ value: Double) -> String { Numbers.fixed(value, 1) }

    /// What stands before the first frame and behind the last; `style` is CSS.
    private func page(_ body: [String], style: [String] = []) -> String {
        let lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(number(Double(width) * 8.4 + 16)) "
                + "\(number(Double(height) * 18 + 16))\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, "
                + "monospace\" font-size=\"14\">"
        ]
        return (lines + style + body + ["</svg>", ""]).joined(separator: "\n")
    }

    /// The frame as a picture for a web page: text on a ground, each run of one style in its columns.
    func svg() -> String { page(svgLines()) }

    /// Frames one after the other, a second each, for ever; where nothing moves the last one is seen.
    static func svg(animating frames: [Frame]) -> String {
        guard let last = frames.last else { return "" }
        let share = Numbers.fixed(100 / Double(frames.count), 2)
        let style = [
            "<style>",
            "@keyframes show { 0% { visibility: visible } \(share)%, 100% { visibility: hidden } }",
            ".frame { visibility: hidden; animation: show \(frames.count)s step-end infinite }",
            "@media (prefers-reduced-motion: reduce) { .frame { animation: none } }", "</style>",
        ]
        var body = last.svgLines()
        for (index, frame) in frames.dropLast().enumerated() {
            body.append("<g class=\"frame\" style=\"animation-delay: \(index)s\">")
            body += frame.svgLines() + ["</g>"]
        }
        return last.page(body, style: style)
    }

    private func svgLines() -> [String] {
        let (cell, line, foreground, background) = (8.4, 18.0, Self.foreground, Self.background)
        var lines = ["<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"\(background.hex)\"/>"]
        for y in 0..<height {
            var x = 0
            while x < width {
                let style = self[x, y].style
                var end = x
                var text = ""
                while end < width, self[end, y].style == style {
                    text += self[end, y].text
                    end += 1
                }
                let left = number(8 + Double(x) * cell)
                let size = number(Double(end - x) * cell)
                let ground = style.reverse ? style.foreground ?? foreground : style.background
                if let ground {
                    lines.append(
                        "<rect x=\"\(left)\" y=\"\(number(8 + Double(y) * line))\" width=\"\(size)\" "
                            + "height=\"\(number(line))\" fill=\"\(ground.hex)\"/>")
                }
                if text.contains(where: { $0 != " " }) {
                    let colour = style.reverse ? style.background ?? background : style.foreground ?? foreground
                    lines.append(
                        "<text x=\"\(left)\" y=\"\(number(8 + Double(y) * line + 13))\" textLength=\"\(size)\" "
                            + "lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" fill=\"\(colour.hex)\""
                            + (style.bold ? " font-weight=\"bold\"" : "") + ">" + Self.escaped(text) + "</text>")
                }
                x = end
            }
        }
        return lines
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
        return result
    }
}

extension RGB {
    /// `#8fd8ff`.
    var hex: String {
        let digits = Array("0123456789abcdef")
        return "#"
            + String([red, green, blue].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
