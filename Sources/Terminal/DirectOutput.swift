import TUI

/// The bytes that turn what a terminal shows from one frame into the next, with 24-bit colours.
///
/// Every terminal that takes such colours understands ECMA-48's cursor movement and SGR, so nothing else is used.
package enum DirectOutput {
    /// DEC private mode 2026: what stands between the two appears at once.
    static let begin = Array("\u{1B}[?2026h".utf8)
    static let end = Array("\u{1B}[?2026l".utf8)

    /// - Parameter old: what is on the screen; nil where it is blank or anything.
    /// - Returns: nothing where nothing differs.
    package static func bytes(from old: Frame?, to new: Frame, width: Int, height: Int) -> [UInt8] {
        let old = old.flatMap { $0.width == new.width && $0.height == new.height ? $0 : nil }
        var writer = Writer()
        let columns = min(width, new.width)
        for y in 0..<min(height, new.height) {
            let row = y * new.width
            // Most rows are as they were.
            if let old, new.cells[row..<row + new.width] == old.cells[row..<row + new.width] { continue }
            var x = 0
            // Up to where a terminal that draws an emoji's parts one after the other has drawn over other cells.
            var covered = 0
            while x < columns {
                let cell = new.cells[row + x]
                let isWide = x + 1 < columns && new.cells[row + x + 1].isSecondHalf
                let size = isWide ? 2 : 1
                var isSame = false
                if let old {
                    isSame = cell == old.cells[row + x]
                    // Half a wide character cannot be kept, so both halves must be as they were.
                    if isWide { isSame = isSame && new.cells[row + x + 1] == old.cells[row + x + 1] }
                    // What was the first half of a wide character has lost the second with it.
                    if !isWide, x + 1 < old.width, old.cells[row + x + 1].isSecondHalf { isSame = false }
                } else {
                    isSame = cell.isBlank && cell.style == Style()
                }
                if !isSame || x < covered {
                    let end = x + writer.put(cell, x: x, y: y, isWide: isWide, room: columns - x)
                    covered = max(covered, end)
                }
                x += size
            }
        }
        return writer.finished
    }

    private struct Writer {
        private var bytes: [UInt8] = []
        private var style: Style?
        /// Where the terminal's cursor stands, as far as that is certain.
        private var cursor: (x: Int, y: Int)?

        var finished: [UInt8] { bytes.isEmpty ? [] : bytes + Array("\u{1B}[m".utf8) }

        /// Returns how many columns a terminal may have drawn, which is never more than `room`.
        mutating func put(_ cell: Cell, x: Int, y: Int, isWide: Bool, room: Int) -> Int {
            if let cursor, cursor.y == y, cursor.x <= x {
                if cursor.x < x { sequence([x - cursor.x], "C") }
            } else {
                sequence([y + 1, x + 1], "H")
            }
            if style != cell.style {
                setStyle(cell.style)
                style = cell.style
            }
            var text = Self.safe(cell.text, isWide: isWide)
            // Terminals differ in how wide they think rare characters are; after one the cursor is placed anew.
            cursor = Self.isCertain(text) ? (x + 1, y) : nil
            var most = isWide ? 2 : 1
            if isWide, let first = text.unicodeScalars.first, text.unicodeScalars.count > 1 {
                let width = cellWidth(first)
                let apart = text.unicodeScalars.reduce(0) { $0 + cellWidth($1) }
                // Beyond the row's end it would go on in the next.
                if apart > room { text = String(first) } else { most = max(most, apart) }
                // Where U+FE0F makes nothing wider, or the second part was left out, the second cell must still be blank.
                if width == 1 { bytes.append(contentsOf: "  \u{1B}[2D".utf8) }
            }
            bytes.append(contentsOf: text.utf8)
            return most
        }

        private mutating func sequence(_ numbers: [Int], _ final: Character) {
            bytes.append(contentsOf: "\u{1B}[".utf8)
            for (index, number) in numbers.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ";")) }
                bytes.append(contentsOf: String(number).utf8)
            }
            bytes.append(contentsOf: String(final).utf8)
        }

        private mutating func setStyle(_ style: Style) {
            sequence(style.graphicRendition(.direct), "m")
        }

        /// A control character must not reach the terminal, whoever let it into a frame.
        private static func safe(_ text: String, isWide: Bool) -> String {
            guard let first = text.unicodeScalars.first else { return " " }
            if text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }) {
                return isWide ? "? " : "?"
            }
            // A mark needs something to stand on.
            return first.properties.generalCategory == .nonspacingMark ? " " + text : text
        }

        private static func isCertain(_ text: String) -> Bool {
            var scalars = text.unicodeScalars.makeIterator()
            guard let first = scalars.next(), scalars.next() == nil else { return false }
            // ASCII, Latin, and the boxes, blocks and braille that the dashboard draws with.
            return first.value < 0x250 || (0x2500...0x259F).contains(first.value)
                || (0x2800...0x28FF).contains(first.value)
        }
    }
}
