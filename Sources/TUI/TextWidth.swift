/// One place on the screen: a scalar with its combining marks or an emoji sequence, and the cells it takes (1 or 2).
package struct Glyph: Sendable, Equatable {
    package var text: String
    package var width: Int
}

/// How many cells a scalar takes by itself: 2 for East Asian wide and emoji, 0 for what is drawn onto its neighbour.
///
/// Control characters have no width of their own; `glyphs(of:)` replaces them before this is asked.
package func cellWidth(_ scalar: Unicode.Scalar) -> Int {
    let value = scalar.value
    if value < 0x300 { return value == 0xAD ? 0 : 1 }
    switch value {
    case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
        0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18CFF, 0x1AFF0...0x1B2FF, 0x20000...0x3FFFD:
        // The few combining marks among these (the ideographic tone marks, the kana voicing marks) take no cell.
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: return 2
        }
    case 0x1160...0x11FF, 0xD7B0...0xD7FF:
        return 0
    default: break
    }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return scalar.properties.isEmojiPresentation && !isRegionalIndicator(scalar) ? 2 : 1
    }
}

/// The letters that flags are made of. One alone is a narrow letter.
package func isRegionalIndicator(_ scalar: Unicode.Scalar) -> Bool { (0x1F1E6...0x1F1FF).contains(scalar.value) }

/// Whether a grapheme cluster is one emoji of several scalars, two cells wide: a flag, a keycap, an emoji with a skin tone
/// or with tags, emoji joined by U+200D, and any symbol that U+FE0F makes an emoji.
///
/// That is how tmux and most terminals draw them. xterm draws the parts one after the other; the output allows for that.
package func isEmojiSequence(_ cluster: Character) -> Bool {
    var scalars = cluster.unicodeScalars.makeIterator()
    guard let first = scalars.next(), var last = scalars.next(), first.properties.isEmoji else { return false }
    if isRegionalIndicator(first) { return isRegionalIndicator(last) }
    repeat {
        // U+FE0F, tags, and what a joiner or nothing at all (a skin tone) puts behind the first.
        let value = last.value
        if value == 0xFE0F || (0xE0020...0xE007F).contains(value) || value > 0x7F && last.properties.isEmoji {
            return true
        }
        guard let next = scalars.next() else { return false }
        last = next
    } while true
}

/// Text from outside as glyphs that are safe to draw: control characters, line breaks and direction overrides are shown
/// as signs, so no file name can move the cursor or reorder the line. Without Unicode, what is not ASCII becomes `?`.
///
/// A grapheme cluster that is no emoji is drawn scalar by scalar, as terminals do: Devanagari's, say, are several wide.
package func glyphs(of text: String, _ set: GlyphSet) -> [Glyph] {
    var result: [Glyph] = []
    result.reserveCapacity(text.utf8.count)
    var marks = 0
    for cluster in text {
        if isEmojiSequence(cluster) {
            // The longest that Unicode recommends has ten scalars. A joiner at the end would join the next cell.
            var scalars = cluster.unicodeScalars.prefix(12)
            while scalars.last?.value == 0x200D { scalars.removeLast() }
            set.isUnicode ? append(String(String.UnicodeScalarView(scalars)), 2) : append("?", 1)
            marks = 4
            continue
        }
        for scalar in cluster.unicodeScalars { append(scalar) }
    }
    return result

    func append(_ scalar: Unicode.Scalar) {
        let value = scalar.value
        if value >= 0x20, value < 0x7F { return append(String(scalar), 1) }
        if let sign = visibleSign(scalar) {
            if set == .unicode { return append(String(sign), 1) }
            if value >= 0x20 { return append("?", 1) }
            append("^", 1)
            return append(String(Unicode.Scalar(UInt8(value) + 0x40)), 1)
        }
        let width = cellWidth(scalar)
        if width > 0 { return set.isUnicode ? append(String(scalar), width) : append("?", 1) }
        // A joiner or U+FE0F with nothing to act upon would act upon what stands in the next cell.
        let acts = scalar.properties.generalCategory == .format || (0xFE0E...0xFE0F).contains(value)
        guard set.isUnicode, !acts else { return }
        if result.isEmpty { append(" ", 1) }
        // ncurses holds a scalar and four marks in a cell; what goes beyond is not drawn.
        if marks < 4 { result[result.count - 1].text.unicodeScalars.append(scalar) }
        marks += 1
    }

    func append(_ text: String, _ width: Int) {
        result.append(Glyph(text: text, width: width))
        marks = 0
    }
}

/// How many cells the text takes when drawn.
package func displayWidth(_ text: String, _ set: GlyphSet = .unicode) -> Int {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text.utf8.count }
    return glyphs(of: text, set).reduce(0) { $0 + $1.width }
}

/// The text cut to `width` cells, ending in an ellipsis where something is missing.
package func fitted(_ text: String, _ width: Int, _ set: GlyphSet) -> String {
    if width <= 0 { return "" }
    if text.utf8.count <= width, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    let all = glyphs(of: text, set)
    if all.reduce(0, { $0 + $1.width }) <= width { return all.map(\.text).joined() }
    let dots = set.isUnicode ? "…" : (width >= 4 ? ".." : ".")
    var used = dots.unicodeScalars.count
    var result = ""
    for glyph in all {
        if used + glyph.width > width { break }
        used += glyph.width
        result += glyph.text
    }
    // Where the text has an ellipsis at the cut, that one says it.
    while result.hasSuffix(dots) { result.removeLast(dots.count) }
    return result + dots
}

/// The text in lines of at most `width` cells, broken at blanks where there are any.
package func wrapped(_ text: String, _ width: Int, _ set: GlyphSet) -> [String] {
    let width = max(4, width)
    var lines: [String] = []
    var line = ""
    var used = 0
    func breakLine() {
        lines.append(line)
        (line, used) = ("", 0)
    }
    for word in text.split(separator: " ", omittingEmptySubsequences: true) {
        var rest = glyphs(of: String(word), set)[...]
        while !rest.isEmpty {
            let size = rest.reduce(0) { $0 + $1.width }
            if used > 0, used + 1 + size > width, size <= width || used + 4 > width { breakLine() }
            if used > 0 {
                line += " "
                used += 1
            }
            while let glyph = rest.first, used + glyph.width <= width {
                line += glyph.text
                used += glyph.width
                rest.removeFirst()
            }
            if !rest.isEmpty { breakLine() }
        }
    }
    if !line.isEmpty { lines.append(line) }
    return lines
}

/// What stands for a scalar that must not reach the terminal as itself.
private func visibleSign(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    switch scalar.value {
    case 0..<0x20: Unicode.Scalar(0x2400 + scalar.value)
    case 0x7F: "\u{2421}"
    case 0x80..<0xA0, 0x2028...0x202E, 0x2066...0x2069, 0x200E, 0x200F, 0x061C, 0xFEFF, 0xFFF9...0xFFFB: "\u{FFFD}"
    case 0xE000...0xF8FF, 0xF0000...0x10FFFF: "\u{FFFD}"
    default: nil
    }
}
