/// A value with a JSON form.
package protocol JSONConvertible: Sendable {
    var json: JSON { get }
    /// nil for every other form.
    static func from(_ json: JSON) -> Self?
}

extension JSONConvertible {
    package init?(json: JSON) {
        guard let value = Self.from(json) else { return nil }
        self = value
    }
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

    package static func from(_ json: JSON) -> Self? {
        guard case .object = json else { return nil }
        var value = blank
        for field in fields {
            let isRead = json[field.key].map { field.read($0, &value) } ?? false
            if !isRead, field.isRequired { return nil }
        }
        return value
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
}

extension JSONField {
    /// A field that is always written; an optional one as null where it is nil.
    package init<Value: JSONConvertible>(
        _ key: String, _ path: WritableKeyPath<Root, Value> & Sendable, isRequired: Bool = false
    ) {
        self.init(key: key, isRequired: isRequired, write: { $0[keyPath: path].json }) { json, root in
            guard let value = Value.from(json) else { return false }
            root[keyPath: path] = value
            return true
        }
    }

    /// A field that is left out where it is nil.
    package static func ifPresent<Value: JSONConvertible>(
        _ key: String, _ path: WritableKeyPath<Root, Value?> & Sendable
    ) -> JSONField {
        JSONField(key: key, isRequired: false, write: { $0[keyPath: path]?.json }, read: JSONField(key, path).read)
    }
}

// MARK: Values

extension JSON: JSONConvertible {
    package var json: JSON { self }
    package static func from(_ json: JSON) -> JSON? { json }
}

extension Int: JSONConvertible {
    package var json: JSON { .integer(self) }
    package static func from(_ json: JSON) -> Int? { json.int }
}

extension Double: JSONConvertible {
    package var json: JSON { .number(self) }
    /// What is not finite is written as null.
    package static func from(_ json: JSON) -> Double? { json == .null ? .nan : json.double }
}

extension Bool: JSONConvertible {
    package var json: JSON { .bool(self) }
    package static func from(_ json: JSON) -> Bool? { json.flag }
}

extension String: JSONConvertible {
    package var json: JSON { .string(self) }
    package static func from(_ json: JSON) -> String? { json.text }
}

/// As text: JSON's numbers hold 53 bits.
extension UInt64: JSONConvertible {
    package var json: JSON { .string(String(self)) }
    package static func from(_ json: JSON) -> UInt64? { json.text.flatMap { UInt64($0) } }
}

/// Enums of text.
extension JSONConvertible where Self: RawRepresentable, RawValue == String {
    package var json: JSON { .string(rawValue) }
    package static func from(_ json: JSON) -> Self? { json.text.flatMap(Self.init(rawValue:)) }
}

extension Optional: JSONConvertible where Wrapped: JSONConvertible {
    package var json: JSON { self?.json ?? .null }
    /// Any other form is read as nil.
    package static func from(_ json: JSON) -> Wrapped?? { .some(json == .null ? nil : Wrapped.from(json)) }
}

/// Elements of another form are passed over.
extension Array: JSONConvertible where Element: JSONConvertible {
    package var json: JSON { .array(map(\.json)) }
    package static func from(_ json: JSON) -> [Element]? { json.items?.compactMap(Element.from) }
}

/// An array in rising order.
extension Set: JSONConvertible where Element: JSONConvertible & Comparable {
    package var json: JSON { sorted().json }
    package static func from(_ json: JSON) -> Set<Element>? { [Element].from(json).map { Set($0) } }
}

/// An object, its keys in rising order; values of another form are passed over.
extension Dictionary: JSONConvertible where Key == String, Value: JSONConvertible {
    package var json: JSON { .object(sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }) }
    package static func from(_ json: JSON) -> [String: Value]? {
        guard case .object(let pairs) = json else { return nil }
        return Dictionary(pairs.compactMap { key, value in Value.from(value).map { (key, $0) } }) { first, _ in first }
    }
}
