/// What a TOML file holds, as far as settings need it: numbers and dates are known to be there, and no more.
package indirect enum TOMLValue: Equatable, Sendable {
    case string(String)
    case bool(Bool)
    case array([TOMLValue])
    case table(TOMLTable)
    case other

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [TOMLValue]? { if case .array(let values) = self { values } else { nil } }
    package var table: TOMLTable? { if case .table(let value) = self { value } else { nil } }
}

package struct TOMLTable: Equatable, Sendable {
    private(set) var values: [String: TOMLValue] = [:]
    /// Written in one piece, `{ … }`, or as a value: nothing may be added later.
    package var isClosed = false

    package var keys: [String] { values.keys.sorted() }
    package subscript(key: String) -> TOMLValue? { values[key] }
    package func contains(key: String) -> Bool { values[key] != nil }

    /// Puts `value` under the dotted `path`, making the tables on the way; false where something is there already, after which
    /// the table is of no use.
    package mutating func insert(_ value: TOMLValue, at path: ArraySlice<String>) -> Bool {
        guard let key = path.first else { return false }
        guard path.count > 1 else {
            guard values[key] == nil else { return false }
            values[key] = value
            return true
        }
        guard var inner = take(key) else { return false }
        guard inner.insert(value, at: path.dropFirst()) else { return false }
        values[key] = .table(inner)
        return true
    }

    /// Makes the table that a header names, where it is not there yet.
    package mutating func open(_ path: ArraySlice<String>) -> Bool {
        guard let key = path.first else { return true }
        guard var inner = take(key) else { return false }
        guard inner.open(path.dropFirst()) else { return false }
        values[key] = .table(inner)
        return true
    }

    /// The table under `key`, or a new one; nil where it may not be added to. It is taken out, or each addition would copy it.
    private mutating func take(_ key: String) -> TOMLTable? {
        guard let there = values.removeValue(forKey: key) else { return TOMLTable() }
        guard case .table(let table) = there, !table.isClosed else { return nil }
        return table
    }
}
