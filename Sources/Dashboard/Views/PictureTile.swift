import TUI
import TrainingEvents

/// A small picture, and over it where the network looks: cold places grey and dark, hot ones in the theme's colour of
/// warnings, and without colours bright.
package struct PictureTile {
    let picture: Thumbnail
    let heat: ClassHeat?
    let isMonochrome: Bool

    package init(picture: Thumbnail, heat: ClassHeat?, isMonochrome: Bool) {
        (self.picture, self.heat, self.isMonochrome) = (picture, heat, isMonochrome)
    }

    /// Two pixels in each cell where there are half blocks, one where there are only letters.
    package func draw(_ canvas: inout Canvas, _ area: Area) {
        let hot = hotColor(canvas.theme)
        for y in 0..<area.height {
            for x in 0..<area.width {
                func color(_ row: Int, of rows: Int) -> RGB {
                    let c = picture.color(x: x, y: row, columns: area.width, rows: rows)
                    let plain = RGB(c.red, c.green, c.blue)
                    guard let heat else { return plain }
                    let level = heat.level(x: x, y: row, columns: area.width, rows: rows)
                    return Self.blend(plain, level, hot)
                }
                if canvas.isUnicode, !isMonochrome {
                    let top = color(2 * y, of: 2 * area.height)
                    let bottom = color(2 * y + 1, of: 2 * area.height)
                    canvas.set(area.x + x, area.y + y, "▀", Style(foreground: top, background: bottom))
                } else {
                    let c = color(y, of: area.height)
                    let levels = canvas.isUnicode ? shadeUnicode : shadeASCII
                    canvas.set(
                        area.x + x, area.y + y, levels[Self.brightness(c) * levels.count / 256],
                        Style(foreground: isMonochrome ? nil : c))
                }
            }
        }
    }

    /// As bright as it can be: themes for light screens have dark colours, and brightness is the picture's.
    private func hotColor(_ theme: Theme) -> RGB {
        guard !isMonochrome, let color = theme[.warning].foreground ?? Theme.builtIn[.warning].foreground else {
            return RGB(255, 255, 255)
        }
        let most = max(1, Int(max(color.red, color.green, color.blue)))
        func full(_ part: UInt8) -> UInt8 { UInt8(Int(part) * 255 / most) }
        return RGB(full(color.red), full(color.green), full(color.blue))
    }

    /// - Parameter level: from 0, a grey of three tenths of the brightness, to 1, the hot colour, at least half as bright as
    ///   it is. The share of the hot colour is the level's square: the hottest places then stand out.
    private static func blend(_ color: RGB, _ level: Double, _ hot: RGB) -> RGB {
        let bright = Double(brightness(color)) / 255
        let share = level * level
        func part(_ hot: UInt8) -> UInt8 {
            UInt8((share * Double(hot) * (0.5 + 0.5 * bright) + (1 - share) * 76 * bright).rounded())
        }
        return RGB(part(hot.red), part(hot.green), part(hot.blue))
    }

    /// 0 to 255.
    private static func brightness(_ color: RGB) -> Int {
        (3 * Int(color.red) + 6 * Int(color.green) + Int(color.blue)) / 10
    }
}

private let shadeUnicode = [" ", "░", "▒", "▓", "█"]
private let shadeASCII = [" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"]
