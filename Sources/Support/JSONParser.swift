/// A strict reader of JSON (RFC 8259), for text from outside: duplicate keys are refused and depth is limited.
struct JSONParser {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func parse() throws(JSON.Failure) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw JSON.Failure(problem: "text follows its end") }
        return value
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSON.Failure) {
        skipBlanks()
        guard current == UInt8(ascii: character) else { throw JSON.Failure(problem: "'\(character)' is missing") }
        position += 1
    }

    private mutating func value(depth: Int) throws(JSON.Failure) -> JSON {
        guard depth < 64 else { throw JSON.Failure(problem: "nested too deeply") }
        skipBlanks()
        switch current {
        case UInt8(ascii: "{"):
            var pairs: [(String, JSON)] = []
            var seen: Set<String> = []
            try list("{", "}") { (reader) throws(JSON.Failure) in
                let key = try reader.string()
                guard seen.insert(key).inserted else { throw JSON.Failure(problem: "the key '\(key)' is there twice") }
                try reader.expect(":")
                pairs.append((key, try reader.value(depth: depth + 1)))
            }
            return .object(pairs)
        case UInt8(ascii: "["):
            var values: [JSON] = []
            try list("[", "]") { (reader) throws(JSON.Failure) in values.append(try reader.value(depth: depth + 1)) }
            return .array(values)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func list(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ element: (inout JSONParser) throws(JSON.Failure) -> Void
    ) throws(JSON.Failure) {
        try expect(open)
        skipBlanks()
        if current == UInt8(ascii: close) {
            position += 1
            return
        }
        while true {
            try element(&self)
            skipBlanks()
            guard current == UInt8(ascii: ",") else { break }
            position += 1
        }
        try expect(close)
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSON.Failure) -> JSON {
        let letters = UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[position...].starts(with: letters) else { throw JSON.Failure(problem: "something that is no JSON") }
        position += letters.count
        return value
    }

    /// Whole numbers that a Double holds exactly become integers, however they are written.
    private mutating func number() throws(JSON.Failure) -> JSON {
        let start = position
        while let byte = current, (48...57).contains(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = Double(text), value.isFinite, text.first != "+", text.first != "." else {
            throw JSON.Failure(problem: "something that is no JSON")
        }
        if let integer = Int(exactly: value), integer.magnitude < 1 << 53 { return .integer(integer) }
        return .number(value)
    }

    private mutating func string() throws(JSON.Failure) -> String {
        try expect("\"")
        var characters: [UInt8] = []
        while let byte = current {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: characters, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = current else { break }
                position += 1
                switch escaped {
                case UInt8(ascii: "n"): characters.append(10)
                case UInt8(ascii: "t"): characters.append(9)
                case UInt8(ascii: "r"): characters.append(13)
                case UInt8(ascii: "b"): characters.append(8)
                case UInt8(ascii: "f"): characters.append(12)
                case UInt8(ascii: "u"): characters += Array(String(try escapedScalar()).utf8)
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): characters.append(escaped)
                default: throw JSON.Failure(problem: "an unknown escape in a string")
                }
            case 0..<0x20: throw JSON.Failure(problem: "a control character in a string")
            default: characters.append(byte)
            }
        }
        throw JSON.Failure(problem: "a string without an end")
    }

    private mutating func escapedScalar() throws(JSON.Failure) -> Character {
        let first = try hexadecimal()
        if (0xD800..<0xDC00).contains(first), bytes[position...].starts(with: Array("\\u".utf8)) {
            position += 2
            let second = try hexadecimal()
            guard (0xDC00..<0xE000).contains(second),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            else { return "\u{FFFD}" }
            return Character(scalar)
        }
        return Character(Unicode.Scalar(first) ?? "\u{FFFD}")
    }

    private mutating func hexadecimal() throws(JSON.Failure) -> UInt32 {
        guard position + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<(position + 4)], as: UTF8.self), radix: 16)
        else { throw JSON.Failure(problem: "a broken \\u escape") }
        position += 4
        return value
    }
}
