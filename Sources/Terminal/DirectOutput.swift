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
        var writer = Writer()
        var difference = FrameDifference(from: old, to: new, width: width, height: height)
        let columns = min(width, new.width)
        while let change = difference.next() {
            // A terminal that draws an emoji's parts one after the other draws over the cells behind it.
            difference.cover(upTo: change.x + writer.put(change, room: columns - change.x))
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
        mutating func put(_ change: FrameDifference.Change, room: Int) -> Int {
            let (cell, x, y, isWide) = (change.cell, change.x, change.y, change.isWide)
            if let cursor, cursor.y == y, cursor.x <= x {
                if cursor.x < x { sequence([x - cursor.x], "C") }
            } else {
                sequence([y + 1, x + 1], "H")
            }
            if style != cell.style {
                sequence(cell.style.graphicRendition(.direct), "m")
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

        /// A control character must not reach the terminal, however it came into a frame.
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
