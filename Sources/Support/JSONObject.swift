/// A value with a JSON form; `init?` refuses every other form.
package protocol JSONConvertible {
    var json: JSON { get }
    init?(json: JSON)
}

/// A struct whose JSON form is an object. One list of fields describes it to writer and reader alike.
package protocol JSONObject: JSONConvertible {
    /// In the order in which they are written.
    static var fields: [JSONField<Self>] { get }
    /// The values of fields that an object lacks, or has in another form.
    static var blank: Self { get }
}

extension JSONObject {
    /// Keys and values, without those that are left out.
    package var pairs: [(String, JSON)] {
        Self.fields.compactMap { field in field.write(self).map { (field.key, $0) } }
    }

    package var json: JSON { .object(pairs) }

    package init?(json: JSON) {
        guard case .object = json else { return nil }
        self = .blank
        for field in Self.fields {
            let isRead = json[field.key].map { field.read($0, &self) } ?? false
            if !isRead, field.isRequired { return nil }
        }
    }
}

/// One field of a JSON object: its key, and how it is written and read.
package struct JSONField<Root>: Sendable {
    package let key: String
    /// Whether an object without it is refused.
    package let isRequired: Bool
    /// nil leaves the field out.
    package let write: @Sendable (Root) -> JSON?
    /// Returns false for another form, and changes nothing then.
    package let read: @Sendable (JSON, inout Root) -> Bool

    private init(
        _ key: String, isRequired: Bool, write: @escaping @Sendable (Root) -> JSON?,
        read: @escaping @Sendable (JSON, inout Root) -> Bool
    ) {
        self.key = key
        self.isRequired = isRequired
        self.write = write
        self.read = read
    }

    /// A field that is always written; an optional one as null where it is nil.
    package init<Value: JSONConvertible>(
        _ key: String, _ path: WritableKeyPath<Root, Value> & Sendable, isRequired: Bool = false
    ) {
        self.init(key, isRequired: isRequired) {
            $0[keyPath: path].json
        } read: { json, root in
            guard let value = Value(json: json) else { return false }
            root[keyPath: path] = value
            return true
        }
    }

    /// A field that is left out where it is nil.
    package static func ifPresent<Value: JSONConvertible>(
        _ key: String, _ path: WritableKeyPath<Root, Value?> & Sendable
    ) -> JSONField {
        let field = JSONField(key, path)
        return JSONField(key, isRequired: false, write: { $0[keyPath: path]?.json }, read: field.read)
    }
}

// MARK: Values

extension JSON: JSONConvertible {
    package var json: JSON { self }
    package init?(json: JSON) { self = json }
}

extension Int: JSONConvertible {
    package var json: JSON { .integer(self) }
    package init?(json: JSON) {
        guard let value = json.int else { return nil }
        self = value
    }
}

extension Double: JSONConvertible {
    package var json: JSON { .number(self) }
    /// What is not finite is written as null.
    package init?(json: JSON) {
        guard let value = json == .null ? .nan : json.double else { return nil }
        self = value
    }
}

extension Bool: JSONConvertible {
    package var json: JSON { .bool(self) }
    package init?(json: JSON) {
        guard let value = json.flag else { return nil }
        self = value
    }
}

extension String: JSONConvertible {
    package var json: JSON { .string(self) }
    package init?(json: JSON) {
        guard let value = json.text else { return nil }
        self = value
    }
}

/// As text: JSON's numbers hold 53 bits.
extension UInt64: JSONConvertible {
    package var json: JSON { .string(String(self)) }
    package init?(json: JSON) {
        guard let value = json.text.flatMap({ UInt64($0) }) else { return nil }
        self = value
    }
}

/// Enums of text.
extension JSONConvertible where Self: RawRepresentable, RawValue == String {
    package var json: JSON { .string(rawValue) }
    package init?(json: JSON) {
        guard let value = json.text.flatMap(Self.init(rawValue:)) else { return nil }
        self = value
    }
}

extension Optional: JSONConvertible where Wrapped: JSONConvertible {
    package var json: JSON { self?.json ?? .null }
    /// nil for another form.
    package init?(json: JSON) { self = json == .null ? nil : Wrapped(json: json) }
}

/// Elements of another form are passed over.
extension Array: JSONConvertible where Element: JSONConvertible {
    package var json: JSON { .array(map(\.json)) }
    package init?(json: JSON) {
        guard let items = json.items else { return nil }
        self = items.compactMap(Element.init(json:))
    }
}

/// An array in rising order.
extension Set: JSONConvertible where Element: JSONConvertible & Comparable {
    package var json: JSON { sorted().json }
    package init?(json: JSON) {
        guard let elements = [Element](json: json) else { return nil }
        self = Set(elements)
    }
}

/// An object, its keys in rising order; values of another form are passed over.
extension Dictionary: JSONConvertible where Key == String, Value: JSONConvertible {
    package var json: JSON { .object(sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }) }
    package init?(json: JSON) {
        guard case .object(let pairs) = json else { return nil }
        self = Dictionary(pairs.compactMap { key, value in Value(json: value).map { (key, $0) } }) { first, _ in first }
    }
}
