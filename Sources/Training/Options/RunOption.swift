import Support

/// One option of a run, declared once, beside its field: name, default, check, JSON and help.
package struct RunOption: Sendable {
    /// Where its value comes from in a run that is resumed.
    package enum Scope: Sendable {
        /// The record; another value is refused.
        case run
        /// The record, or the command line where it is given there again.
        case continuation
        /// The command line and the machine.
        case machine
    }

    /// As on the command line, without the dashes. In camel case, the key in run.json.
    package let name: String
    /// What it does, with its default.
    package let help: String
    /// What help calls its value; nil is the name.
    package let valueName: String?
    package let scope: Scope
    let path: PartialKeyPath<RunOptions> & Sendable
    /// nil where run.json does not have it.
    let field: JSONField<RunOptions>?
    /// Throws `TrainingError.option` or `.pattern` where the value is out of range.
    let check: @Sendable (RunOptions) throws -> Void

    /// - Parameters:
    ///   - allowed: the values that are in range.
    ///   - standard: the default in words; nil is the field's own.
    ///   - key: in run.json, where it is not the name.
    ///   - isRecorded: whether run.json has it.
    ///   - check: takes the place of `allowed`.
    init<Value: JSONConvertible & Sendable>(
        _ name: String, _ path: WritableKeyPath<RunOptions, Value> & Sendable, _ help: String,
        _ allowed: AllowedValues<Value> = .all, default standard: String? = nil, valueName: String? = nil,
        key: String? = nil, scope: Scope = .run, isRecorded: Bool = true,
        check: (@Sendable (RunOptions) throws -> Void)? = nil
    ) {
        self.name = name
        let standard = standard ?? Self.text(RunOptions()[keyPath: path].json)
        self.help = help + (standard.map { " (default: \($0))" } ?? "")
        self.valueName = valueName
        self.scope = scope
        self.path = path
        field = isRecorded ? JSONField(key ?? Self.camelCase(name), path) : nil
        self.check =
            check ?? { options in
                let value = options[keyPath: path]
                try TrainingError.require(
                    allowed.contains(value), "--\(name)", Self.text(value.json) ?? "\(value)", allowed.expected)
            }
    }

    /// The option of a field.
    package static func of(_ path: PartialKeyPath<RunOptions>) -> RunOption? { all.first { $0.path == path } }

    private static func camelCase(_ name: String) -> String {
        let words = name.split(separator: "-")
        return words.dropFirst().reduce(words.first.map(String.init) ?? "") { $0 + $1.capitalized }
    }

    /// A value as it is typed; nil for lists and what has none.
    private static func text(_ value: JSON) -> String? {
        switch value {
        case .string(let text): text
        case .number(let number): Int(exactly: number).map(String.init) ?? "\(number)"
        case .integer, .bool: value.line
        case .array, .object, .null: nil
        }
    }
}

/// The values that an option may have, and how a refusal names them.
struct AllowedValues<Value: Sendable>: Sendable {
    let expected: String
    let contains: @Sendable (Value) -> Bool

    static var all: AllowedValues { AllowedValues(expected: "any value") { _ in true } }

    static func optional<Wrapped>(_ allowed: AllowedValues<Wrapped>) -> AllowedValues where Value == Wrapped? {
        AllowedValues(expected: allowed.expected) { $0.map(allowed.contains) ?? true }
    }
}

extension AllowedValues where Value == Int {
    static func whole(_ range: ClosedRange<Int>) -> AllowedValues {
        AllowedValues(
            expected: "a whole number from \(range.lowerBound) to \(range.upperBound)", contains: range.contains)
    }
}

extension AllowedValues where Value == Double {
    static let positive = AllowedValues(expected: "a finite number above 0") { $0.isFinite && $0 > 0 }
    static let notNegative = AllowedValues(expected: "a finite number, 0 or more") { $0.isFinite && $0 >= 0 }
    static let fraction = AllowedValues(expected: "a number from 0 to below 1", contains: (0..<1).contains)
}
