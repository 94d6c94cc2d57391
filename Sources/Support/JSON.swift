import Foundation

/// A JSON value that keeps the order of its keys and writes numbers plainly; what is not finite becomes null.
package enum JSON: Sendable, Equatable {
    case object([(String, JSON)])
    case array([JSON])
    case string(String)
    case number(Double)
    case integer(Int)
    case bool(Bool)
    case null

    package static func == (a: JSON, b: JSON) -> Bool { a.line == b.line }

    /// The value on one line.
    package var line: String { written(indent: nil) }

    /// The value over several lines, indented by two spaces.
    package var pretty: String { written(indent: "  ") + "\n" }

    private func written(indent: String?) -> String {
        var text = ""
        write(to: &text, indent: indent, depth: 0)
        return text
    }

    private func write(to text: inout String, indent: String?, depth: Int) {
        func list(_ open: String, _ close: String, count: Int, _ element: (Int, inout String) -> Void) {
            text += open
            for i in 0..<count {
                if i > 0 { text += "," }
                if let indent { text += "\n" + String(repeating: indent, count: depth + 1) }
                element(i, &text)
            }
            if let indent, count > 0 { text += "\n" + String(repeating: indent, count: depth) }
            text += close
        }
        switch self {
        case .object(let pairs):
            list("{", "}", count: pairs.count) { i, text in
                text += JSON.quoted(pairs[i].0) + (indent == nil ? ":" : ": ")
                pairs[i].1.write(to: &text, indent: indent, depth: depth + 1)
            }
        case .array(let values):
            list("[", "]", count: values.count) { i, text in
                values[i].write(to: &text, indent: indent, depth: depth + 1)
            }
        case .string(let value): text += JSON.quoted(value)
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .integer(let value): text += "\(value)"
        case .bool(let value): text += value ? "true" : "false"
        case .null: text += "null"
        }
    }

    /// What is wrong with a text that is not JSON.
    package struct Failure: Error { package let problem: String }

    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> JSON {
        var parser = JSONParser(bytes)
        return try parser.parse()
    }

    /// Reads JSON text; nil where it is not JSON.
    package static func parse(_ data: Data) -> JSON? {
        data.withUnsafeBytes { bytes in try? parse(bytes) }
    }

    /// Text in quotes (RFC 8259, section 7); what is not printable is escaped.
    package static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                text += "\\u" + Numbers.hexadecimal(UInt16(scalar.value))
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    package subscript(key: String) -> JSON? {
        guard case .object(let pairs) = self else { return nil }
        return pairs.first { $0.0 == key }?.1
    }

    package var keys: [String]? { if case .object(let pairs) = self { pairs.map(\.0) } else { nil } }
    package var text: String? { if case .string(let value) = self { value } else { nil } }
    package var items: [JSON]? { if case .array(let values) = self { values } else { nil } }
    package var flag: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var double: Double? {
        switch self {
        case .number(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }
    package var int: Int? { if case .integer(let value) = self { value } else { nil } }
}
