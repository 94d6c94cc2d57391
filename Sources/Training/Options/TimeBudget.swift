import Support

/// A time as it is typed: `90s`, `10m`, `2h`; a number alone is seconds.
package struct TimeBudget: Sendable, Equatable, JSONConvertible {
    package let seconds: Double
    package let text: String

    /// nil for what is no time above 0.
    package init?(_ text: String) {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        let unit = text.last.flatMap { units[$0] }
        guard let number = Double(unit == nil ? text[...] : text.dropLast()), number.isFinite, number > 0, number < 1e9
        else { return nil }
        self.text = text
        seconds = number * (unit ?? 1)
    }

    package var json: JSON { .string(text) }
    package static func from(_ json: JSON) -> TimeBudget? { json.text.flatMap(TimeBudget.init) }
}
