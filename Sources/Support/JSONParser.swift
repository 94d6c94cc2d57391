/// A strict reader for the header of a safetensors file: objects, arrays, strings and whole numbers, duplicate keys
/// refused, depth limited. Source: RFC 8259, and the safetensors format's own restrictions.
struct JSONHeader {
    indirect enum Value {
        case object([(key: String, value: Value)])
        case array([Value])
        case string(String)
        case integer(Int)
        case other
    }

    struct Failure: Error { let problem: String }

    private let bytes: Slice<UnsafeRawBufferPointer>
    private var position: Int

    static func parse(_ bytes: Slice<UnsafeRawBufferPointer>) throws(Failure) -> Value {
        var reader = JSONHeader(bytes: bytes, position: bytes.startIndex)
        let value = try reader.value(depth: 0)
        // The format lets writers pad the header with blanks, to align the data.
        reader.skipBlanks()
        guard reader.position == bytes.endIndex else { throw Failure(problem: "text follows the header's end") }
        return value
    }

    private var current: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = current, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        skipBlanks()
        guard current == UInt8(ascii: character) else { throw Failure(problem: "'\(character)' is missing") }
        position += 1
    }

    private mutating func value(depth: Int) throws(Failure) -> Value {
        guard depth < 16 else { throw Failure(problem: "nested too deeply") }
        skipBlanks()
        switch current {
        case UInt8(ascii: "{"):
            var pairs: [(key: String, value: Value)] = []
            var seen: Set<String> = []
            try list("{", "}") { (reader) throws(Failure) in
                let key = try reader.string()
                guard seen.insert(key).inserted else { throw Failure(problem: "the key '\(key)' is there twice") }
                try reader.expect(":")
                pairs.append((key, try reader.value(depth: depth + 1)))
            }
            return .object(pairs)
        case UInt8(ascii: "["):
            var values: [Value] = []
            try list("[", "]") { (reader) throws(Failure) in values.append(try reader.value(depth: depth + 1)) }
            return .array(values)
        case UInt8(ascii: "\""): return .string(try string())
        case let byte? where byte == UInt8(ascii: "-") || (48...57).contains(byte): return try number()
        default:
            for word in ["true", "false", "null"] where bytes[position...].starts(with: Array(word.utf8)) {
                position += word.utf8.count
                return .other
            }
            throw Failure(problem: "something that is no JSON")
        }
    }

    private mutating func list(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ element: (inout JSONHeader) throws(Failure) -> Void
    ) throws(Failure) {
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

    private mutating func number() throws(Failure) -> Value {
        let start = position
        while let byte = current, (48...57).contains(byte) || "+-.eE".utf8.contains(byte) { position += 1 }
        return Int(String(decoding: bytes[start..<position], as: UTF8.self)).map(Value.integer) ?? .other
    }

    private mutating func string() throws(Failure) -> String {
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
                default: throw Failure(problem: "an unknown escape in a string")
                }
            case 0..<0x20: throw Failure(problem: "a control character in a string")
            default: characters.append(byte)
            }
        }
        throw Failure(problem: "a string without an end")
    }

    private mutating func escapedScalar() throws(Failure) -> Character {
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

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        guard position + 4 <= bytes.endIndex,
            let value = UInt32(String(decoding: bytes[position..<(position + 4)], as: UTF8.self), radix: 16)
        else { throw Failure(problem: "a broken \\u escape") }
        position += 4
        return value
    }
}
