import Checkpoints
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
    package var line: String {
        var text = ""
        write(to: &text, indent: nil, depth: 0)
        return text
    }

    /// The value over several lines, indented by two spaces.
    package var pretty: String {
        var text = ""
        write(to: &text, indent: "  ", depth: 0)
        return text + "\n"
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

    /// Reads JSON text with Foundation; nil where it is not JSON.
    package static func parse(_ data: Data) -> JSON? {
        guard let value = try? JSONSerialization.jsonObject(with: data, options: [.fragmentsAllowed]) else {
            return nil
        }
        return from(value)
    }

    private static func from(_ value: Any) -> JSON {
        switch value {
        case let object as [String: Any]:
            return .object(object.sorted { $0.key < $1.key }.map { ($0.key, from($0.value)) })
        case let array as [Any]: return .array(array.map(from))
        case let string as String: return .string(string)
        case let number as NSNumber:
            // A JSON boolean is an NSNumber too; its Objective-C type tells.
            if String(cString: number.objCType) == "c" { return .bool(number.boolValue) }
            if let integer = Int(exactly: number.doubleValue), abs(integer) < 1 << 53 { return .integer(integer) }
            return .number(number.doubleValue)
        default: return .null
        }
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
