import Support
import TUI

extension Frame {
    /// The frame as a picture for a web page: text on a ground, each run of one style in its columns.
    func svg(foreground: RGB = RGB(0xD3, 0xDF, 0xEB), background: RGB = RGB(0x10, 0x18, 0x22)) -> String {
        let (cell, line) = (8.4, 18.0)
        func number(_ value: Double) -> String { Numbers.fixed(value, 1) }
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(number(Double(width) * cell + 16)) "
                + "\(number(Double(height) * line + 16))\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, "
                + "monospace\" font-size=\"14\">",
            "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"\(background.hex)\"/>",
        ]
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
        return (lines + ["</svg>", ""]).joined(separator: "\n")
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
