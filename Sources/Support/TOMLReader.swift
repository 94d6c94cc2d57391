/// A reader for TOML 1.0 (toml.io), strict, with a limit of depth; it keeps no number and no date, and knows no arrays of
/// tables (`[[x]]`), which no settings have. Our own, because the libraries at hand trust their input: toml++, also inside
/// TOMLKit, ends the program by assertion at `[=` and overflows the stack at a long dotted key, toml11 at deep brackets.
package struct TOMLReader {
    package struct Failure: Error, Equatable {
        /// From 1.
        package let line: Int
        package let problem: String
    }

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private static let deepest = 16
    /// Every part of a dotted key makes a table.
    private static let longestPath = 16

    package static func read(_ text: String) throws(Failure) -> TOMLTable {
        var reader = TOMLReader(bytes: Array(text.utf8))
        return try reader.document()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func document() throws(Failure) -> TOMLTable {
        var root = TOMLTable()
        var section: [String] = []
        var headers: Set<[String]> = []
        // Some editors begin a file with the mark of UTF-8.
        if starts(with: "\u{FEFF}") { position = 3 }
        while true {
            skipLines()
            guard let byte = current else { return root }
            if byte == UInt8(ascii: "[") {
                position += 1
                if current == UInt8(ascii: "[") { throw failure("arrays of tables, [[…]], are not used here") }
                skipBlanks()
                section = try path()
                try expect("]", after: "a table's name")
                guard headers.insert(section).inserted, root.open(section[...]) else {
                    throw failure("[\(section.joined(separator: "."))] is there already")
                }
            } else {
                let key = try path()
                try expect("=", after: "a key")
                skipBlanks()
                guard root.insert(try value(depth: 0), at: (section + key)[...]) else {
                    throw failure("\(key.joined(separator: ".")) is there already")
                }
            }
            skipBlanks()
            skipComment()
            guard current == nil || isLineEnd else { throw failure("something follows where the line should end") }
        }
    }

    // MARK: Keys and values

    private mutating func path() throws(Failure) -> [String] {
        var parts: [String] = []
        while true {
            skipBlanks()
            switch current {
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                guard !starts(with: "\"\"\""), !starts(with: "'''") else { throw failure("a key of several lines") }
                parts.append(try text())
            default:
                let start = position
                while let byte = current, Self.isBare(byte) { position += 1 }
                guard position > start else { throw failure("a key is missing") }
                parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
            }
            guard parts.count <= Self.longestPath else { throw failure("a key of too many parts") }
            skipBlanks()
            guard current == UInt8(ascii: ".") else { return parts }
            position += 1
        }
    }

    private mutating func value(depth: Int) throws(Failure) -> TOMLValue {
        guard depth < Self.deepest else { throw failure("nested too deeply") }
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try text())
        case UInt8(ascii: "["): return .array(try array(depth))
        case UInt8(ascii: "{"): return .table(try inlineTable(depth))
        default:
            let start = position
            while let byte = current, Self.isBare(byte) || ".+:".utf8.contains(byte) { position += 1 }
            // A date and its time may have a blank between them.
            if position - start == 10, current == 0x20, position + 1 < bytes.count, Self.isDigit(bytes[position + 1]) {
                position += 1
                while let byte = current, Self.isBare(byte) || ".+:".utf8.contains(byte) { position += 1 }
            }
            let word = bytes[start..<position]
            if word.elementsEqual("true".utf8) { return .bool(true) }
            if word.elementsEqual("false".utf8) { return .bool(false) }
            let unsigned = word.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
            guard let first = unsigned.first,
                Self.isDigit(first) || unsigned.elementsEqual("inf".utf8) || unsigned.elementsEqual("nan".utf8)
            else { throw failure("a value is missing, or a text without its quotes") }
            return .other
        }
    }

    private mutating func array(_ depth: Int) throws(Failure) -> [TOMLValue] {
        position += 1
        var values: [TOMLValue] = []
        while true {
            skipLines()
            if current == UInt8(ascii: "]") { break }
            values.append(try value(depth: depth + 1))
            skipLines()
            guard current == UInt8(ascii: ",") else { break }
            position += 1
        }
        try expect("]", after: "a list")
        return values
    }

    private mutating func inlineTable(_ depth: Int) throws(Failure) -> TOMLTable {
        position += 1
        var table = TOMLTable()
        skipBlanks()
        if current == UInt8(ascii: "}") {
            position += 1
            table.isClosed = true
            return table
        }
        while true {
            let key = try path()
            try expect("=", after: "a key")
            skipBlanks()
            guard table.insert(try value(depth: depth + 1), at: key[...]) else {
                throw failure("\(key.joined(separator: ".")) is there already")
            }
            skipBlanks()
            guard current == UInt8(ascii: ",") else { break }
            position += 1
        }
        try expect("}", after: "a table in braces")
        table.isClosed = true
        return table
    }

    // MARK: Text

    private mutating func text() throws(Failure) -> String {
        guard let quote = current else { throw failure("a text is missing") }
        let isLiteral = quote == UInt8(ascii: "'")
        let isLong = starts(with: isLiteral ? "'''" : "\"\"\"")
        let begin = line
        position += isLong ? 3 : 1
        // A line's end right after the opening quotes is not part of the text.
        if isLong { skipLineEnd() }
        var characters: [UInt8] = []
        while let byte = current {
            if byte == quote {
                guard isLong else {
                    position += 1
                    return String(decoding: characters, as: UTF8.self)
                }
                let run = bytes[position...].prefix(5).prefix { $0 == quote }.count
                guard run < 3 else {
                    // Up to two quotes may stand right before the three that close.
                    characters += [UInt8](repeating: quote, count: run - 3)
                    position += run
                    return String(decoding: characters, as: UTF8.self)
                }
            } else if byte == UInt8(ascii: "\\"), !isLiteral {
                position += 1
                try escape(into: &characters, isLong: isLong)
                continue
            } else if isLineEnd {
                guard isLong else { break }
                skipLineEnd()
                characters.append(0x0A)
                continue
            } else if byte < 0x20 && byte != 0x09 || byte == 0x7F {
                throw failure("a control character in a text")
            }
            characters.append(byte)
            position += 1
        }
        line = begin
        throw failure("a text without its closing quotes")
    }

    private mutating func escape(into characters: inout [UInt8], isLong: Bool) throws(Failure) {
        guard let kind = current else { throw failure("a text without its closing quotes") }
        if isLong, kind == 0x20 || kind == 0x09 || isLineEnd {
            let start = line
            skipLines(comments: false)
            guard line > start else { throw failure("an unknown escape in a text") }
            return
        }
        position += 1
        switch kind {
        case UInt8(ascii: "b"): characters.append(0x08)
        case UInt8(ascii: "t"): characters.append(0x09)
        case UInt8(ascii: "n"): characters.append(0x0A)
        case UInt8(ascii: "f"): characters.append(0x0C)
        case UInt8(ascii: "r"): characters.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): characters.append(kind)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = bytes[position...].prefix(kind == UInt8(ascii: "u") ? 4 : 8).prefix(while: Self.isHexadecimal)
            guard digits.count == (kind == UInt8(ascii: "u") ? 4 : 8),
                let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw failure("an escape that is no character") }
            position += digits.count
            characters += Array(String(Character(scalar)).utf8)
        default: throw failure("an unknown escape in a text")
        }
    }

    // MARK: Bytes

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private var isLineEnd: Bool {
        current == 0x0A || (current == 0x0D && position + 1 < bytes.count && bytes[position + 1] == 0x0A)
    }

    private func starts(with text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[position...].starts(with: $0) }
    }

    private mutating func skipBlanks() { while current == 0x20 || current == 0x09 { position += 1 } }

    private mutating func skipLineEnd() {
        guard isLineEnd else { return }
        position += current == 0x0D ? 2 : 1
        line += 1
    }

    private mutating func skipComment() {
        guard current == UInt8(ascii: "#") else { return }
        while current != nil, !isLineEnd { position += 1 }
    }

    /// Blanks, line ends and comments.
    private mutating func skipLines(comments: Bool = true) {
        while true {
            skipBlanks()
            if comments { skipComment() }
            guard isLineEnd else { return }
            skipLineEnd()
        }
    }

    private mutating func expect(_ character: Unicode.Scalar, after what: String) throws(Failure) {
        skipBlanks()
        guard current == UInt8(ascii: character) else { throw failure("'\(character)' is missing after \(what)") }
        position += 1
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// Letters, digits, - and _.
    private static func isBare(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x5F
    }

    private func failure(_ problem: String) -> Failure { Failure(line: line, problem: problem) }
}
